using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Where things stand in the body of a request, so that a few of them can be changed and every other byte stays.</summary>
internal sealed class RequestOffsets
{
    /// <summary>The value of "model", with its quotation marks.</summary>
    public Stretch Model { get; set; }

    /// <summary>True: the model's name is a part of a form, without quotation marks.</summary>
    public bool IsForm { get; set; }

    /// <summary>The list of messages with its brackets.</summary>
    public Stretch Messages { get; set; }

    public int MessageCount { get; set; }

    /// <summary>The content of the last message, if that is the assistant's and plain text: the caller gives the beginning of
    /// the answer. With its quotation marks.</summary>
    public Stretch Begun { get; set; }

    /// <summary>The prompt, if it is one string, with its quotation marks.</summary>
    public Stretch Prompt { get; set; }

    /// <summary>The value of stream_options.</summary>
    public Stretch StreamOptions { get; set; }

    /// <summary>True: that is an object that holds something.</summary>
    public bool HasStreamOptions { get; set; }

    /// <summary>The value of include_usage in it.</summary>
    public Stretch IncludeUsage { get; set; }

    /// <summary>What bounds the tokens of the answer: where each such field has its value, and which.</summary>
    public List<(Stretch At, int Value)> MaxTokens { get; } = [];

    /// <summary>Behind the opening brace: where a field can be put in.</summary>
    public int Inside { get; set; }
}

/// <summary>A stretch of a body, in bytes; of length 0: it is not there.</summary>
internal readonly record struct Stretch(int Start, int Length)
{
    public int End => Start + Length;

    public bool IsThere => Length > 0;
}

/// <summary>Changes to a body, applied at once.</summary>
internal sealed class Edits
{
    private readonly List<(Stretch Old, ReadOnlyMemory<byte> New)> _edits = [];

    /// <summary>Of an answer that goes on, its rest may have as many tokens less as its caller has already; one at least.</summary>
    public void LowerMaxTokens(RequestOffsets offsets, int sent)
    {
        foreach (var (at, value) in offsets.MaxTokens)
            if (sent > 0 && value > 1)
                Replace(at, System.Text.Encoding.ASCII.GetBytes(Math.Max(1, value - sent).ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    public void Replace(Stretch old, ReadOnlyMemory<byte> with) => _edits.Add((old, with));

    public void Insert(int at, ReadOnlyMemory<byte> bytes) => _edits.Add((new Stretch(at, 0), bytes));

    /// <summary>The body with all changes; itself if there are none.</summary>
    public ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> body)
    {
        if (_edits.Count == 0)
            return body;
        var changed = new ArrayBufferWriter<byte>(body.Length + _edits.Sum(e => e.New.Length - e.Old.Length));
        var at = 0;
        foreach (var (old, with) in _edits.OrderBy(e => e.Old.Start))
        {
            changed.Write(body.Span[at..old.Start]);
            changed.Write(with.Span);
            at = old.End;
        }
        changed.Write(body.Span[at..]);
        return changed.WrittenMemory;
    }
}
