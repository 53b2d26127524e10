using System.Buffers;

namespace Mainstay.Routing.Http1;

/// <summary>
/// Gathers lines that end with CR LF from bytes that come in any pieces, and looks at each byte once. A control character
/// other than a tab, a bare CR and a bare LF are refused as soon as they are seen.
/// </summary>
internal sealed class LineReader
{
    private static readonly SearchValues<byte> Controls = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Where(b => b != '\t').Select(b => (byte)b), 127]);

    private bool _sawCr;

    /// <summary>Start of the present line in the bytes that are kept.</summary>
    public int Start { get; private set; }

    /// <summary>Reads up to the end of the present line and keeps what belongs to it, without its end.</summary>
    /// <param name="kept">Where the line is kept.</param>
    /// <param name="input">What came.</param>
    /// <param name="most">Longest line allowed, in bytes.</param>
    /// <param name="used">Bytes of the input that were read.</param>
    /// <param name="tooLong">How a longer line is refused.</param>
    /// <param name="refusal">Null unless the result is Refused.</param>
    public LineStep Read(HeaderFields kept, ReadOnlySpan<byte> input, int most, Refusal tooLong, out int used, out Refusal? refusal)
    {
        used = 0;
        refusal = null;
        if (!_sawCr)
        {
            var end = input.IndexOfAny(Controls);
            var part = end < 0 ? input : input[..end];
            if (part.Length > most - (kept.Length - Start))
                refusal = tooLong;
            else if (end >= 0 && input[end] != '\r')
                refusal = input[end] == '\n' ? Refusal.BareLf : Refusal.Control;
            if (refusal is not null)
                return LineStep.Refused;
            kept.Append(part);
            used = part.Length;
            if (end < 0)
                return LineStep.More;
            _sawCr = true;
            used++;
        }
        if (used == input.Length)
            return LineStep.More;
        if (input[used] != '\n')
        {
            refusal = Refusal.BareCr;
            return LineStep.Refused;
        }
        used++;
        _sawCr = false;
        return LineStep.Line;
    }

    /// <summary>The line was understood; what follows belongs to the next.</summary>
    public void Next(HeaderFields kept) => Start = kept.Length;

    public void Reset()
    {
        Start = 0;
        _sawCr = false;
    }
}

/// <summary>How far the reading of a line came.</summary>
internal enum LineStep
{
    /// <summary>The input is used up and the line goes on.</summary>
    More,

    /// <summary>A whole line is there.</summary>
    Line,

    /// <summary>The line breaks the rules.</summary>
    Refused,
}
