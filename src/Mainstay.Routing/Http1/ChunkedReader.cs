namespace Mainstay.Routing.Http1;

/// <summary>
/// Takes a chunked body apart (RFC 9112 section 7.1, strictly) from bytes that come in any pieces. It never throws and
/// never reads beyond the body. Extensions are dropped; trailers are kept.
/// </summary>
internal sealed class ChunkedReader
{
    private static readonly Refusal BadSize = new(400, "The size of a chunk is not a plain hexadecimal number.");
    private static readonly Refusal BadEnd = new(400, "A chunk does not end where its size says.");
    private static readonly Refusal BadExtension = new(400, "A chunk extension is too long or holds a control character.");
    private static readonly Refusal BadTrailer = new(400, "A trailer names the framing or the host of the request.");

    // 15 hexadecimal digits stay below 2^60.
    private const int MostDigits = 15;
    private readonly FieldSection _trailers;
    private readonly int _mostExtension;
    private At _at = At.Size;
    private long _left;
    private int _digits;
    private int _extension;

    public ChunkedReader(Http1Limits limits)
    {
        _mostExtension = limits.ChunkExtension;
        _trailers = new FieldSection(Trailers, limits.TrailerSection, limits.Fields, Refusal.TrailersTooLarge);
    }

    private enum At
    {
        Size,
        Extension,
        SizeEnd,
        Data,
        DataCr,
        DataLf,
        Trailers,
        End,
    }

    /// <summary>Whole at the end of the body.</summary>
    public HeaderFields Trailers { get; } = new();

    /// <summary>True once the last byte of the body was read, its trailers included.</summary>
    public bool IsAtEnd => _at == At.End;

    /// <summary>Reads on, until the input or the room is used up or the body ends.</summary>
    /// <param name="input">What came.</param>
    /// <param name="room">Where the content goes.</param>
    /// <param name="used">Bytes of the input that were read.</param>
    /// <param name="written">Bytes of content.</param>
    public Refusal? Read(ReadOnlySpan<byte> input, Span<byte> room, out int used, out int written)
    {
        used = 0;
        written = 0;
        while (used < input.Length && _at != At.End)
        {
            if (_at == At.Data)
            {
                var length = (int)Math.Min(_left, Math.Min(input.Length - used, room.Length - written));
                if (length == 0)
                    return null;
                input.Slice(used, length).CopyTo(room[written..]);
                used += length;
                written += length;
                _left -= length;
                if (_left == 0)
                    _at = At.DataCr;
            }
            else if (_at == At.Trailers)
            {
                var step = _trailers.Read(input[used..], out var part, out var bad);
                used += part;
                if (step == LineStep.Refused)
                    return bad;
                if (step == LineStep.Line)
                {
                    _at = At.End;
                    return CheckTrailers();
                }
            }
            else if (ReadFraming(input[used++]) is { } refusal)
            {
                return refusal;
            }
        }
        return null;
    }

    private Refusal? ReadFraming(byte next)
    {
        switch (_at)
        {
            case At.Size:
                return ReadSize(next);
            case At.Extension when next == '\r':
                _at = At.SizeEnd;
                return null;
            case At.Extension:
                return ++_extension > _mostExtension || (next < ' ' && next != '\t') || next == 127 ? BadExtension : null;
            case At.SizeEnd:
                if (next != '\n')
                    return Refusal.BareCr;
                _at = _left == 0 ? At.Trailers : At.Data;
                _digits = 0;
                _extension = 0;
                return null;
            case At.DataCr:
                _at = At.DataLf;
                return next == '\r' ? null : BadEnd;
            default:
                _at = At.Size;
                return next == '\n' ? null : BadEnd;
        }
    }

    private Refusal? ReadSize(byte next)
    {
        if (char.IsAsciiHexDigit((char)next))
        {
            _left = (_left << 4) + (next <= '9' ? next - '0' : (next | 0x20) - 'a' + 10);
            return ++_digits > MostDigits ? BadSize : null;
        }
        if (_digits == 0)
            return BadSize;
        switch (next)
        {
            case (byte)'\r':
                _at = At.SizeEnd;
                return null;
            case (byte)';':
                _at = At.Extension;
                return null;
            default:
                return next == '\n' ? Refusal.BareLf : BadSize;
        }
    }

    private Refusal? CheckTrailers()
    {
        for (var i = 0; i < Trailers.Count; i++)
            if (Trailers.KindAt(i) is FieldKind.Host or FieldKind.ContentLength or FieldKind.TransferEncoding)
                return BadTrailer;
        return null;
    }
}
