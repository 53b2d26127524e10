using System.Globalization;
using System.Text;
using Mainstay.Routing.Http1;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// Reads the head of an answer from bytes that come in any pieces (RFC 9112), and says how its body is delimited. An answer
/// that two readers could understand differently is refused like one that cannot be read.
/// </summary>
internal sealed class AnswerParser
{
    private const int LongestStatusLine = 8 * 1024;
    private const int LargestHead = 64 * 1024;
    private const int MostFields = 200;
    private static readonly Refusal TooLarge = new(502, "The head of the answer is too large.");
    private static readonly Refusal BadLine = new(502, "The status line of the answer is malformed.");
    private static readonly Refusal BadFraming = new(502, "The length of the answer is not sure.");
    private readonly LineReader _lines = new();
    private readonly FieldSection _section;
    private bool _hasLine;
    private bool _isHttp10;

    public AnswerParser() => _section = new FieldSection(Fields, LargestHead, MostFields, TooLarge, isAnswer: true);

    public HeaderFields Fields { get; } = new();

    public int Status { get; private set; }

    /// <summary>How the body is delimited.</summary>
    public AnswerFraming Framing { get; private set; }

    /// <summary>Bytes of the body if its length was declared.</summary>
    public long Length { get; private set; }

    /// <summary>True if the server keeps the connection after this answer.</summary>
    public bool KeepAlive { get; private set; }

    /// <summary>Reads on.</summary>
    /// <param name="input">What came.</param>
    /// <param name="isHead">True if the request was HEAD: its answer has no body.</param>
    /// <param name="used">How much of it belongs to this head.</param>
    public HeadStep Read(ReadOnlySpan<byte> input, bool isHead, out int used)
    {
        used = 0;
        if (!_hasLine)
        {
            var step = _lines.Read(Fields, input, LongestStatusLine, TooLarge, out used, out var bad);
            if (step == LineStep.More)
                return HeadStep.More;
            if (bad is not null || ReadLine() is not null)
                return HeadStep.Refused;
        }
        var rest = _section.Read(input[used..], out var part, out _);
        used += part;
        if (rest == LineStep.More)
            return HeadStep.More;
        return rest == LineStep.Line && Frame(isHead) is null ? HeadStep.Complete : HeadStep.Refused;
    }

    public void Reset()
    {
        Fields.Clear();
        _lines.Reset();
        _hasLine = _isHttp10 = KeepAlive = false;
        Status = 0;
        Length = 0;
        Framing = AnswerFraming.None;
    }

    private Refusal? ReadLine()
    {
        var line = Fields.Slice(0, Fields.Length);
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || line[8] != ' ' || line[7] is not ((byte)'0' or (byte)'1')
            || (line.Length > 12 && line[12] != ' ')
            || !int.TryParse(line.Slice(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var status) || status < 100)
            return BadLine;
        _isHttp10 = line[7] == '0';
        Status = status;
        _hasLine = true;
        _section.Reset();
        return null;
    }

    private Refusal? Frame(bool isHead)
    {
        KeepAlive = _isHttp10 ? Fields.HasConnectionOption("keep-alive"u8) : !Fields.HasConnectionOption("close"u8);
        var coding = Fields.Find(FieldKind.TransferEncoding);
        var length = Fields.Find(FieldKind.ContentLength);
        if (length >= 0)
        {
            if (Fields.CountOf(FieldKind.ContentLength) > 1 || coding >= 0
                || Fields.ValueAt(length).ContainsAnyExceptInRange((byte)'0', (byte)'9')
                || !long.TryParse(Fields.ValueAt(length), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes))
                return BadFraming;
            Length = bytes;
        }
        if (isHead || Status is < 200 or 204 or 304)
        {
            Framing = AnswerFraming.None;
            return null;
        }
        if (coding >= 0)
        {
            // HTTP/1.0 knows no chunks: what stands between such a server and this side may take them for the body.
            if (_isHttp10 || Fields.CountOf(FieldKind.TransferEncoding) > 1 || !Ascii.EqualsIgnoreCase(Fields.ValueAt(coding), "chunked"u8))
                return BadFraming;
            Framing = AnswerFraming.Chunked;
            return null;
        }
        Framing = length >= 0 ? AnswerFraming.Length : AnswerFraming.UntilClose;
        KeepAlive &= Framing == AnswerFraming.Length;
        return null;
    }
}

/// <summary>The ways in which the body of an answer is delimited.</summary>
internal enum AnswerFraming
{
    /// <summary>No body.</summary>
    None,

    /// <summary>A declared number of bytes.</summary>
    Length,

    /// <summary>Chunks, and perhaps trailers.</summary>
    Chunked,

    /// <summary>All that comes until the server closes.</summary>
    UntilClose,
}
