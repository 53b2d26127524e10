using System.Buffers;
using System.Text.Unicode;

namespace Mainstay.Routing.Http1;

/// <summary>Field lines up to the empty line: the headers of a request, or its trailers (RFC 9112 section 5, strictly).</summary>
/// <param name="fields">Where they are kept.</param>
/// <param name="mostBytes">All lines together.</param>
/// <param name="mostFields">How many fields.</param>
/// <param name="tooLarge">How more is refused.</param>
/// <param name="isAnswer">True for the answer of a server: its values may be in any encoding, and go on as they are.</param>
internal sealed class FieldSection(HeaderFields fields, int mostBytes, int mostFields, Refusal tooLarge, bool isAnswer = false)
{
    private static readonly Refusal Folded = new(400, "A header field goes on in a second line (obs-fold).");
    private static readonly Refusal NoColon = new(400, "A header line has no colon.");
    private static readonly Refusal BadName = new(400, "The name of a header field is empty, or holds a character that no name may hold.");
    private static readonly Refusal SpaceBeforeColon = new(400, "White space stands before the colon of a header field.");
    private static readonly Refusal NotUtf8 = new(400, "The value of a header field is not valid UTF-8.");
    private readonly LineReader _lines = new();
    private int _bytes;

    /// <summary>Bytes of names and methods (tchar of RFC 9110 section 5.6.2).</summary>
    public static SearchValues<byte> Token { get; } =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>Reads on; Line means that the section is whole.</summary>
    public LineStep Read(ReadOnlySpan<byte> input, out int used, out Refusal? refusal)
    {
        used = 0;
        while (true)
        {
            var step = _lines.Read(fields, input[used..], mostBytes - _bytes, tooLarge, out var part, out refusal);
            used += part;
            if (step != LineStep.Line)
                return step;
            var length = fields.Length - _lines.Start;
            if (length == 0)
                return LineStep.Line;
            _bytes += length + 2;
            refusal = _bytes > mostBytes || fields.Count == mostFields ? tooLarge : Add(_lines.Start, length);
            if (refusal is not null)
                return LineStep.Refused;
            _lines.Next(fields);
        }
    }

    /// <summary>Begins a new section after what is kept already.</summary>
    public void Reset()
    {
        _lines.Reset();
        _lines.Next(fields);
        _bytes = 0;
    }

    private Refusal? Add(int start, int length)
    {
        var line = fields.Slice(start, length);
        if (line[0] is (byte)' ' or (byte)'\t')
            return Folded;
        var colon = line.IndexOf((byte)':');
        if (colon < 0)
            return NoColon;
        var name = line[..colon];
        if (name.IsEmpty || name.ContainsAnyExcept(Token))
            return !name.IsEmpty && name[^1] is (byte)' ' or (byte)'\t' ? SpaceBeforeColon : BadName;
        var rest = line[(colon + 1)..];
        var value = rest.Trim(" \t"u8);
        // Values travel as UTF-8 in all of the house; both fronts refuse what is not.
        if (!isAnswer && value.ContainsAnyInRange((byte)0x80, (byte)0xff) && !Utf8.IsValid(value))
            return NotUtf8;
        var lead = rest.Length - rest.TrimStart(" \t"u8).Length;
        fields.Add(start, name.Length, start + colon + 1 + (value.IsEmpty ? 0 : lead), value.Length);
        return null;
    }
}
