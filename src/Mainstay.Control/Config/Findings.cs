using System.Collections.Immutable;
using System.Text;

namespace Mainstay.Control.Config;

/// <summary>Errors and warnings found so far in one file; bounded, so that a hostile file cannot grow them.</summary>
internal sealed class Findings(string file)
{
    private const int Most = 100;
    private const int LongestQuote = 60;
    private readonly List<ConfigError> _errors = [];
    private readonly List<string> _warnings = [];
    private int _errorsLeftOut;

    public bool HasErrors => _errors.Count > 0;

    public ImmutableArray<ConfigError> Errors
    {
        get
        {
            var byLine = _errors.OrderBy(e => e.Line).ToImmutableArray();
            return _errorsLeftOut == 0
                ? byLine
                : byLine.Add(new ConfigError(file, 0, "", $"{_errorsLeftOut} more mistakes are not shown", "correct these first"));
        }
    }

    public ImmutableArray<string> Warnings => [.. _warnings];

    public void Error(int line, string key, string wrong, string cure)
    {
        if (_errors.Count < Most)
            _errors.Add(new ConfigError(file, line, key, wrong, cure));
        else
            _errorsLeftOut++;
    }

    public void Warn(string sentence)
    {
        if (_warnings.Count < Most)
            _warnings.Add(sentence);
    }

    /// <summary>The text as it may stand in a message of one line: cut, and without control characters.</summary>
    public static string Shown(string text, int longest = LongestQuote)
    {
        var shown = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= longest)
                return shown.Append("...").ToString();
            if (Rune.IsControl(rune) || rune.Value is 0x2028 or 0x2029)
                shown.Append("\\u").Append(rune.Value.ToString("x4"));
            else
                shown.Append(rune);
        }
        return shown.ToString();
    }

    /// <summary>The text in quotes, as it may stand in a message of one line.</summary>
    public static string Quote(string text) => $"\"{Shown(text)}\"";
}
