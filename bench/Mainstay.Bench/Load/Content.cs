using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Mainstay.Bench.Load;

/// <summary>What the benchmark's servers answer, so that whoever asked can tell a whole and right answer from any other:
/// "NUMBER CHECKSUM", filled up with 'x' to the length that was asked for.</summary>
internal static class Content
{
    private const ulong Offset = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    /// <summary>FNV-1a, 64 bits, of a request's body.</summary>
    public static ulong Checksum(ReadOnlySpan<byte> body, ulong from = Offset)
    {
        foreach (var octet in body)
            from = (from ^ octet) * Prime;
        return from;
    }

    /// <summary>Writes the first part of an answer; returns its length.</summary>
    public static int WriteStart(Span<byte> to, int number, ulong checksum)
    {
        Utf8Formatter.TryFormat(number, to, out var length);
        to[length++] = (byte)' ';
        Utf8Formatter.TryFormat(checksum, to[length..], out var more, 'x');
        return length + more;
    }

    /// <summary>True if this is, from its first to its last byte, what a server answers.</summary>
    public static bool IsRight(ReadOnlySpan<byte> answer, int number, ulong checksum, int length)
    {
        Span<byte> start = stackalloc byte[40];
        start = start[..WriteStart(start, number, checksum)];
        return answer.Length == length && answer.StartsWith(start) && !answer[start.Length..].ContainsAnyExcept((byte)'x');
    }

    /// <summary>A request for an answer of so many bytes.</summary>
    /// <param name="number">Its number; the answer repeats it.</param>
    /// <param name="body">Empty: a GET.</param>
    /// <param name="fields">Further header fields, each with its line end.</param>
    public static byte[] Request(int number, int length, ReadOnlySpan<byte> body, string kind = "item", string fields = "")
    {
        var head = string.Create(CultureInfo.InvariantCulture, $"{(body.IsEmpty ? "GET" : "POST")} /{kind}/{number}/{length} HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: mainstay-bench\r\nAccept: */*\r\n{fields}");
        head += body.IsEmpty ? "\r\n" : string.Create(CultureInfo.InvariantCulture, $"Content-Type: application/octet-stream\r\nContent-Length: {body.Length}\r\n\r\n");
        return [.. Encoding.ASCII.GetBytes(head), .. body];
    }
}
