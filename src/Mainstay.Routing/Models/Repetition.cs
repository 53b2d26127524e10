namespace Mainstay.Routing.Models;

/// <summary>
/// The beginning of an answer that goes on after a cut, held against the text that its caller has already. A server that was given that
/// text as a beginning (prefill) should go on after it, but some begin anew; one that was asked again must begin with exactly
/// that text. One thread at a time.
/// </summary>
/// <param name="sent">What the caller has; not empty.</param>
/// <param name="mayGoOn">True: the server was given it, and what does not repeat it goes on from it.</param>
internal sealed class Repetition(string sent, bool mayGoOn)
{
    /// <summary>So much of the beginning must come again before it counts as repeated: "The" may well follow after "The".</summary>
    private const int Telling = 8;

    private int _matched;
    private bool _isOver;

    /// <summary>True once it is known what the answer does.</summary>
    public bool IsOver => _isOver;

    /// <summary>True if the answer was to repeat what was sent, and does not: none of it can be used.</summary>
    public bool HasDiffered { get; private set; }

    /// <summary>The part of the text that the caller has not seen yet; empty while that is not known.</summary>
    public string Take(string text)
    {
        if (_isOver)
            return text;
        var same = sent.AsSpan(_matched).CommonPrefixLength(text);
        if (same == text.Length && _matched + same < sent.Length)
        {
            _matched += same;
            return "";
        }
        _isOver = true;
        if (_matched + same == sent.Length && (!mayGoOn || sent.Length >= Telling))
            return text[same..];
        HasDiffered = !mayGoOn;
        return HasDiffered ? "" : string.Concat(sent.AsSpan(0, _matched), text);
    }

    /// <summary>The answer ended: what was held back because it might have been a repetition. Null: it is shorter than what
    /// was sent, and cannot be used.</summary>
    public string? End()
    {
        if (_isOver)
            return "";
        _isOver = true;
        if (mayGoOn)
            return sent[.._matched];
        HasDiffered = true;
        return null;
    }
}
