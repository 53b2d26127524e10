using System.Text;

namespace Mainstay.Scenarios;

/// <summary>Bytes that no honest caller sends. What each is answered with is not judged here: only that the process stays up
/// and lets go of the connection.</summary>
internal static class HostileBytes
{
    private const string Post = "POST /moderation/predict HTTP/1.1\r\nHost: x\r\n";
    private const string Get = "GET /moderation/health HTTP/1.1\r\nHost: x\r\n";

    /// <summary>Sent whole, then the caller says that nothing more will come.</summary>
    public static IReadOnlyDictionary<string, byte[]> Shapes { get; } = new Dictionary<string, byte[]>
    {
        ["nothing at all"] = [],
        ["a length and chunks"] = Bytes(Post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        ["chunks and a length"] = Bytes(Post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n"),
        ["two different lengths"] = Bytes(Post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        ["two lengths in one field"] = Bytes(Post + "Content-Length: 5, 5\r\n\r\nhello"),
        ["a negative length"] = Bytes(Post + "Content-Length: -1\r\n\r\nhello"),
        ["a length with a plus"] = Bytes(Post + "Content-Length: +5\r\n\r\nhello"),
        ["a length beyond 64 bits"] = Bytes(Post + "Content-Length: 99999999999999999999999\r\n\r\nhello"),
        ["a length of words"] = Bytes(Post + "Content-Length: five\r\n\r\nhello"),
        ["the greatest length"] = Bytes(Post + "Content-Length: 9223372036854775807\r\n\r\nhello"),
        ["a body shorter than its length"] = Bytes(Post + "Content-Length: 500\r\n\r\nhello"),
        ["a body longer than its length"] = Bytes(Post + "Content-Length: 2\r\n\r\n{}GARBAGE GARBAGE\r\n\r\n"),
        ["a chunk size of words"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"),
        ["a chunk size beyond 64 bits"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        ["a negative chunk size"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
        ["a chunk longer than its size"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n"),
        ["chunks that break off"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        ["chunks without the last"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        ["a chunk extension of 100 kB"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\n5;x=" + new string('y', 100_000) + "\r\nhello\r\n0\r\n\r\n"),
        ["100 kB of trailers"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + new string('y', 100_000) + "\r\n\r\n"),
        ["an unknown transfer coding"] = Bytes(Post + "Transfer-Encoding: sideways\r\n\r\nhello"),
        ["chunked twice"] = Bytes(Post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        ["chunked behind a tab"] = Bytes(Post + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"),
        ["a head that breaks off in its first line"] = Bytes("GET /moder"),
        ["a head that breaks off in a field"] = Bytes(Get + "X-Half: ha"),
        ["no version"] = Bytes("GET /moderation/health\r\n\r\n"),
        ["an unknown version"] = Bytes("GET / HTTP/7.3\r\nHost: x\r\n\r\n"),
        ["HTTP/1.0 without a host"] = Bytes("GET /moderation/health HTTP/1.0\r\n\r\n"),
        ["no host"] = Bytes("GET /moderation/health HTTP/1.1\r\n\r\n"),
        ["two hosts"] = Bytes(Get + "Host: y\r\n\r\n"),
        ["a host with a path"] = Bytes("GET / HTTP/1.1\r\nHost: x/y?z@\r\n\r\n"),
        ["bare line feeds"] = Bytes("GET /moderation/health HTTP/1.1\nHost: x\n\n"),
        ["bare carriage returns"] = Bytes("GET /moderation/health HTTP/1.1\rHost: x\r\r"),
        ["a NUL in the target"] = Bytes("GET /mod\0eration HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["a NUL in a field"] = Bytes(Get + "X-Nul: a\0b\r\n\r\n"),
        ["a field without a name"] = Bytes(Get + ": nameless\r\n\r\n"),
        ["a space before the colon"] = Bytes(Get + "X-Spaced : y\r\n\r\n"),
        ["a folded field"] = Bytes(Get + "X-Folded: a\r\n b\r\n\r\n"),
        ["a field of 1 MB"] = Bytes(Get + "X-Long: " + new string('y', 1_000_000) + "\r\n\r\n"),
        ["10,000 fields"] = Bytes(Get + string.Concat(Enumerable.Range(0, 10_000).Select(i => $"X-{i}: y\r\n")) + "\r\n"),
        ["a target of 1 MB"] = Bytes("GET /" + new string('a', 1_000_000) + " HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["a method of 100 kB"] = Bytes(new string('M', 100_000) + " / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["an absolute target"] = Bytes("GET http://elsewhere.test/moderation/health HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["an absolute target of another scheme"] = Bytes("GET gopher://x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["a tunnel"] = Bytes("CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\n\r\n"),
        ["an asterisk"] = Bytes("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["a target without a slash"] = Bytes("GET moderation HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["a way out of the folder"] = Bytes("GET /moderation/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["an encoded way out"] = Bytes("GET /moderation/%2e%2e/%2e%2e/%00 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["broken percent signs"] = Bytes("GET /moderation/%zz%f HTTP/1.1\r\nHost: x\r\n\r\n"),
        ["bytes that are no UTF-8"] = [.. Bytes("GET /moderation/"), 0xC3, 0x28, 0xFF, 0xFE, .. Bytes(" HTTP/1.1\r\nHost: x\r\n\r\n")],
        ["a TLS hello"] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03, .. new byte[500]],
        ["the preface of HTTP/2"] = Bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        ["an upgrade to HTTP/2"] = Bytes(Get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"),
        ["an upgrade to WebSocket"] = Bytes(Get + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"),
        ["an unknown expectation"] = Bytes(Post + "Expect: miracles\r\nContent-Length: 2\r\n\r\n{}"),
        ["fields that belong to the connection"] = Bytes(Get + "Connection: Host, Content-Length, X-Request-Id, close\r\nKeep-Alive: -1\r\nTE: trailers\r\n\r\n"),
        ["a customer of control characters"] = Bytes(Get + "X-Customer: \u001b[2J\u0007\u007f\r\n\r\n"),
        ["a thousand requests at once"] = Bytes(string.Concat(Enumerable.Repeat(Get + "\r\n", 1000))),
        ["only line ends"] = Bytes(string.Concat(Enumerable.Repeat("\r\n", 50_000))),
        ["random bytes"] = Noise(200_000),
        ["a good head, then random bytes as chunks"] = [.. Bytes(Post + "Transfer-Encoding: chunked\r\n\r\n"), .. Noise(10_000)],
    };

    /// <summary>Sent, and then the caller neither goes on nor leaves.</summary>
    public static IReadOnlyDictionary<string, byte[]> Unfinished { get; } = new Dictionary<string, byte[]>
    {
        ["half a first line"] = Bytes("GET /moder"),
        ["half a head"] = Bytes(Get + "X-Half: ha"),
        ["half a body"] = Bytes(Post + "Content-Length: 500\r\n\r\nhello"),
        ["half a chunk"] = Bytes(Post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhe"),
    };

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    private static byte[] Noise(int count)
    {
        var bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
