using System.Globalization;
using System.Text;

namespace Mainstay.Routing.Http1;

/// <summary>
/// How the body of a request is delimited (RFC 9112 section 6.3). Whatever two servers could understand differently is
/// refused: that is how requests are smuggled.
/// </summary>
/// <param name="Kind">Which of the three ways.</param>
/// <param name="Length">Bytes; 0 unless the length was declared.</param>
internal readonly record struct BodyFraming(BodyKind Kind, long Length)
{
    private static readonly Refusal Both = new(400, "Content-Length and Transfer-Encoding stand together.");
    private static readonly Refusal TwoLengths = new(400, "Content-Length stands more than once.");
    private static readonly Refusal BadLength = new(400, "Content-Length is not a plain number of bytes.");
    private static readonly Refusal TwoCodings = new(400, "Transfer-Encoding stands more than once.");
    private static readonly Refusal CodingIn10 = new(400, "HTTP/1.0 knows no Transfer-Encoding.");
    private static readonly Refusal BadCoding = new(400, "Transfer-Encoding is malformed, or chunked is not its one and last coding.");
    private static readonly Refusal UnknownCoding = new(501, "No Transfer-Encoding but chunked is understood.");

    /// <summary>The framing of a request, or why it has none that is sure.</summary>
    public static Refusal? Of(RequestHead head, out BodyFraming framing)
    {
        framing = default;
        var fields = head.Fields;
        var length = fields.Find(FieldKind.ContentLength);
        var coding = fields.Find(FieldKind.TransferEncoding);
        if (coding >= 0)
        {
            if (length >= 0)
                return Both;
            if (head.IsHttp10)
                return CodingIn10;
            if (fields.CountOf(FieldKind.TransferEncoding) > 1)
                return TwoCodings;
            framing = new BodyFraming(BodyKind.Chunked, 0);
            return CheckCoding(fields.ValueAt(coding));
        }
        if (length < 0)
            return null;
        if (fields.CountOf(FieldKind.ContentLength) > 1)
            return TwoLengths;
        var value = fields.ValueAt(length);
        // NumberStyles.None: digits alone; no sign, no space, no hexadecimal.
        if (value.ContainsAnyExceptInRange((byte)'0', (byte)'9')
            || !long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes))
            return BadLength;
        framing = bytes == 0 ? default : new BodyFraming(BodyKind.Length, bytes);
        return null;
    }

    private static Refusal? CheckCoding(ReadOnlySpan<byte> value)
    {
        if (Ascii.EqualsIgnoreCase(value, "chunked"u8))
            return null;
        foreach (var range in value.Split((byte)','))
        {
            var coding = value[range].Trim(" \t"u8);
            if (coding.IsEmpty || coding.ContainsAnyExcept(FieldSection.Token))
                return BadCoding;
            // Chunked before another coding, or twice.
            if (range.End.GetOffset(value.Length) < value.Length && Ascii.EqualsIgnoreCase(coding, "chunked"u8))
                return BadCoding;
        }
        return UnknownCoding;
    }
}

/// <summary>The ways in which a body is delimited.</summary>
internal enum BodyKind
{
    /// <summary>No body, or an empty one.</summary>
    None,

    /// <summary>A declared number of bytes.</summary>
    Length,

    /// <summary>Chunks, and perhaps trailers.</summary>
    Chunked,
}
