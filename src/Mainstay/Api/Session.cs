using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Mainstay.Api;

/// <summary>The cookie of a person who signed in: name and expiry, signed with HMAC-SHA-256. The token itself is not in it. The key
/// comes from the instance's token, so a new token ends every session.</summary>
internal sealed class Session(string token, TimeProvider clock)
{
    public const string CookieName = "mainstay_session";

    /// <summary>A shift.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromHours(12);

    private readonly byte[] _key = HMACSHA256.HashData(Encoding.UTF8.GetBytes(token), "mainstay session cookie v1"u8);

    /// <summary>The value of a cookie for this name, valid for <see cref="Lasts"/>.</summary>
    public string Issue(string name)
    {
        var expiry = (clock.GetUtcNow() + Lasts).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var content = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(name))}.{expiry}";
        return $"{content}.{Base64Url.EncodeToString(Sign(content))}";
    }

    /// <summary>Whose cookie it is; null if it is forged, altered, malformed or expired.</summary>
    public string? Read(string? cookie)
    {
        if (cookie is null || cookie.Length > 1024 || cookie.Split('.') is not [var name, var expiry, var signature])
            return null;
        if (!Base64Url.IsValid(signature)
            || !CryptographicOperations.FixedTimeEquals(Base64Url.DecodeFromChars(signature), Sign($"{name}.{expiry}")))
            return null;
        if (!long.TryParse(expiry, NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            || until <= clock.GetUtcNow().ToUnixTimeSeconds())
            return null;
        return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(name));
    }

    private byte[] Sign(string content) => HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(content));
}
