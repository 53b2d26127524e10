using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Mainstay.Routing.Http1;

namespace Mainstay.Routing;

/// <summary>The field Retry-After of an answer (RFC 9110 section 10.2.3): seconds, or a date.</summary>
internal static class RetryAfter
{
    /// <summary>How long the server asks to be spared; null if it does not say, or not in a form of the RFC.</summary>
    /// <param name="now">For a date.</param>
    public static TimeSpan? Read(HeaderFields fields, DateTimeOffset now)
    {
        for (var i = 0; i < fields.Count; i++)
            if (Ascii.EqualsIgnoreCase(fields.NameAt(i), "Retry-After"u8))
                return Parse(fields.ValueAt(i), now);
        return null;
    }

    private static TimeSpan? Parse(ReadOnlySpan<byte> value, DateTimeOffset now)
    {
        if (Utf8Parser.TryParse(value, out uint seconds, out var used) && used == value.Length)
            return TimeSpan.FromSeconds(seconds);
        return DateTimeOffset.TryParseExact(
            Encoding.ASCII.GetString(value), "R", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) && at > now
            ? at - now
            : null;
    }
}
