using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Mainstay.Routing.Http;

/// <summary>
/// Which header fields go on to the other side. Fields that concern one connection stay on it: those that RFC 9110
/// section 7.6.1 names, and those that the Connection field itself names.
/// </summary>
internal static class ForwardedHeaders
{
    private static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
    };

    /// <summary>Fields of the request or answer that may be sent on.</summary>
    public static IEnumerable<KeyValuePair<string, StringValues>> EndToEnd(
        IEnumerable<KeyValuePair<string, StringValues>> fields, StringValues connection)
    {
        foreach (var field in fields)
            if (!HopByHop.Contains(field.Key) && !field.Key.StartsWith(':') && !Names(connection, field.Key))
                yield return field;
    }

    /// <summary>Fields of a request that this side writes itself.</summary>
    public static bool IsWrittenHere(string name) =>
        name.Equals("Host", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Expect", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Forwarded", StringComparison.OrdinalIgnoreCase);

    /// <summary>True for the fields of a trace, which go on together or not at all.</summary>
    public static bool IsOfTrace(string name) =>
        name.Equals("traceparent", StringComparison.OrdinalIgnoreCase) || name.Equals("tracestate", StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc cref="IsWrittenHere(string)"/>
    public static bool IsWrittenHere(ReadOnlySpan<byte> name) =>
        (name.Length > 12 && Ascii.EqualsIgnoreCase(name[..12], "X-Forwarded-"u8))
        || (name.Length == 9 && Ascii.EqualsIgnoreCase(name, "Forwarded"u8));

    /// <inheritdoc cref="IsOfTrace(string)"/>
    public static bool IsOfTrace(ReadOnlySpan<byte> name) =>
        name.Length is 10 or 11 && (Ascii.EqualsIgnoreCase(name, "traceparent"u8) || Ascii.EqualsIgnoreCase(name, "tracestate"u8));

    private static bool Names(StringValues connection, string field)
    {
        foreach (var value in connection)
            if (value is not null)
                foreach (var range in value.AsSpan().Split(','))
                    if (value.AsSpan(range).Trim().Equals(field, StringComparison.OrdinalIgnoreCase))
                        return true;
        return false;
    }
}
