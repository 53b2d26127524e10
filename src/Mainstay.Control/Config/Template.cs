using System.Collections.Immutable;
using System.Text;

namespace Mainstay.Control.Config;

/// <summary>
/// A text with places to be filled in, such as <c>{service} in {region}: {title}</c>. <c>{{</c> and <c>}}</c> stand for a single
/// brace. There is nothing to compute in it: no conditions, no loops, no code.
/// </summary>
public sealed record Template
{
    /// <summary>What may stand in braces.</summary>
    public static readonly ImmutableArray<string> Places =
        ["title", "text", "kind", "severity", "service", "region", "incident", "alert", "count", "since", "at", "id"];

    /// <summary>Of what is filled in all together.</summary>
    private const int MostCharacters = 16_000;

    private readonly ImmutableArray<(bool IsPlace, string Text)> _parts;

    private Template(ImmutableArray<(bool, string)> parts) => _parts = parts;

    /// <summary>Reads a template. Null: it is none, and what is wrong and the cure are told.</summary>
    public static Template? TryParse(string text, out string wrong, out string cure)
    {
        (wrong, cure) = ("", "");
        var parts = ImmutableArray.CreateBuilder<(bool, string)>();
        var literal = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('{' or '}'))
            {
                literal.Append(text[i]);
                continue;
            }
            if (i + 1 < text.Length && text[i + 1] == text[i])
            {
                literal.Append(text[i++]);
                continue;
            }
            var end = text[i] == '{' ? text.IndexOf('}', i) : -1;
            if (end < 0)
            {
                (wrong, cure) = ($"a brace stands alone in {Findings.Quote(text)}", "write a place such as {title}, or {{ and }} for a brace itself");
                return null;
            }
            var place = text[(i + 1)..end];
            if (!Places.Contains(place))
            {
                (wrong, cure) = ($"{{{Findings.Shown(place)}}} is no place that can be filled in", NearestWord.Of(place, Places) is { } near
                    ? $"did you mean {{{near}}}?"
                    : $"write one of: {string.Join(", ", Places.Select(p => $"{{{p}}}"))}");
                return null;
            }
            parts.Add((false, literal.ToString()));
            parts.Add((true, place));
            literal.Clear();
            i = end;
        }
        parts.Add((false, literal.ToString()));
        return new Template(parts.ToImmutable());
    }

    /// <summary>Fills it in; what comes out is bounded.</summary>
    /// <param name="value">What to write for each place.</param>
    public string Fill(Func<string, string> value)
    {
        var filled = new StringBuilder();
        foreach (var (isPlace, text) in _parts)
            filled.Append(isPlace ? value(text) : text);
        return filled.Length > MostCharacters ? filled.ToString(0, MostCharacters) : filled.ToString();
    }
}
