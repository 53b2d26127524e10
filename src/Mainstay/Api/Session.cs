using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Mainstay.Api;

/// <summary>The cookie of a person who signed in: name and expiry, signed with HMAC-SHA-256 together with the hash of their token.
/// Neither token nor hash is in it. A token that is replaced ends its sessions; a new token of the instance, which the key
/// comes from, ends all.</summary>
internal sealed class Session(string token, TimeProvider clock)
{
    public const string CookieName = "mainstay_session";

    /// <summary>A shift.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromHours(12);

    private readonly byte[] _key = HMACSHA256.HashData(Encoding.UTF8.GetBytes(token), "mainstay session cookie v1"u8);

    /// <summary>The value of a cookie for this name, valid for <see cref="Lasts"/>.</summary>
    /// <param name="name">Of the token it was signed in with.</param>
    /// <param name="hash">SHA-256 of that token, in hexadecimal.</param>
    public string Issue(string name, string hash)
    {
        var expiry = (clock.GetUtcNow() + Lasts).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var content = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(name))}.{expiry}";
        return $"{content}.{Base64Url.EncodeToString(Sign(content, hash))}";
    }

    /// <summary>Whose cookie it is; null if it is forged, altered, malformed or expired, or its token is known no more.</summary>
    /// <param name="cookie">As it came.</param>
    /// <param name="hashOf">Name → SHA-256 of the token that has it now, in hexadecimal; null: none has.</param>
    public string? Read(string? cookie, Func<string, string?> hashOf)
    {
        if (cookie is null || cookie.Length > 1024 || cookie.Split('.') is not [var name, var expiry, var signature])
            return null;
        if (!Base64Url.IsValid(signature) || !Base64Url.IsValid(name))
            return null;
        var who = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(name));
        if (hashOf(who) is not { } hash
            || !CryptographicOperations.FixedTimeEquals(Base64Url.DecodeFromChars(signature), Sign($"{name}.{expiry}", hash)))
            return null;
        if (!long.TryParse(expiry, NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            || until <= clock.GetUtcNow().ToUnixTimeSeconds())
            return null;
        return who;
    }

    private byte[] Sign(string content, string hash) => HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{content}.{hash}"));
}
