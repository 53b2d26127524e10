using System.Buffers;
using System.Collections.Frozen;
using System.Text;

namespace Mainstay.Routing.Http1;

/// <summary>
/// Which fields may go on as trailers. Not those that say how a message is delimited, routed, authenticated, changed or
/// understood (RFC 9110 section 6.5.1): whoever has begun to act on a message must not learn that only after its body.
/// </summary>
internal static class TrailerFields
{
    private static readonly FrozenSet<string> Forbidden = new[]
    {
        // Framing and the connection.
        "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "HTTP2-Settings",
        // Routing, and who asks.
        "Host", "Forwarded", "Via", "Max-Forwards", "Authorization", "Proxy-Authorization", "Proxy-Authenticate", "WWW-Authenticate",
        "Proxy-Authentication-Info", "Authentication-Info", "Cookie", "Set-Cookie", "Idempotency-Key", "X-Request-Id", "Traceparent", "Tracestate",
        // What the request asks for.
        "Expect", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Cache-Control", "Pragma",
        // How the content is understood.
        "Content-Encoding", "Content-Type", "Content-Range", "Content-Location",
        // What becomes of the answer.
        "Age", "Date", "Expires", "Location", "Retry-After", "Vary", "Warning",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    public static bool MayGoOn(string name) =>
        !Forbidden.Contains(name) && !name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase);

    /// <summary>Writes those that may go on, as lines.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="trailers">As they came.</param>
    /// <param name="head">Fields of the head, whose Connection field may name some of them.</param>
    public static void Write(IBufferWriter<byte> output, HeaderFields trailers, HeaderFields head)
    {
        for (var i = 0; i < trailers.Count; i++)
        {
            var name = trailers.NameAt(i);
            if (!trailers.IsEndToEnd(i) || head.HasConnectionOption(name) || !MayGoOn(Encoding.ASCII.GetString(name)))
                continue;
            output.Write(name);
            output.Write(": "u8);
            output.Write(trailers.ValueAt(i));
            output.Write("\r\n"u8);
        }
    }
}
