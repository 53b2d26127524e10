using System.Collections.Immutable;
using System.Text;

namespace Mainstay.Control.Signals;

/// <summary>Tells one series of a signal from all others: a name and labels. Two with the same text are the same.</summary>
public sealed class SeriesId : IEquatable<SeriesId>
{
    public const int MostLabels = 32;
    public const int LongestName = 200;
    public const int LongestValue = 500;

    private SeriesId(string name, ImmutableArray<KeyValuePair<string, string>> labels)
    {
        (Name, Labels) = (name, labels);
        Text = Write(name, labels);
    }

    public string Name { get; }

    /// <summary>Sorted by name, each name once; an empty value is no label.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Labels { get; }

    /// <summary>Such as <c>up{job="vllm"}</c>.</summary>
    public string Text { get; }

    /// <summary>Null: it is none, and <paramref name="wrong"/> says why.</summary>
    /// <param name="name">Letters, digits, and <c>_ : . / -</c>, not beginning with a digit.</param>
    public static SeriesId? TryMake(string? name, IEnumerable<KeyValuePair<string, string>> labels, out string wrong)
    {
        wrong = "";
        if (string.IsNullOrEmpty(name) || name.Length > LongestName || char.IsAsciiDigit(name[0]) || !name.All(IsOfName))
            wrong = "the name is empty, too long or has characters other than letters, digits and _ : . / -";
        var sorted = labels.Where(l => !string.IsNullOrEmpty(l.Value)).OrderBy(l => l.Key, StringComparer.Ordinal).ToImmutableArray();
        if (sorted.Length > MostLabels)
            wrong = $"more than {MostLabels} labels";
        for (var i = 0; i < sorted.Length && wrong.Length == 0; i++)
        {
            var (key, value) = sorted[i];
            if (key.Length is 0 or > LongestName || value.Length > LongestValue || key.Any(char.IsControl) || value.Any(char.IsControl))
                wrong = $"a label is too long (names {LongestName}, values {LongestValue} characters) or has control characters";
            else if (i > 0 && sorted[i - 1].Key == key)
                wrong = "a label stands twice";
        }
        return wrong.Length == 0 ? new SeriesId(name!, sorted) : null;
    }

    /// <summary>The value of a label; null: it has none.</summary>
    public string? this[string label]
    {
        get
        {
            foreach (var (key, value) in Labels)
            {
                if (key == label)
                    return value;
            }
            return null;
        }
    }

    /// <summary>The same with another name and one label more, in the place of one of that name.</summary>
    internal SeriesId With(string name, string label, string value) =>
        TryMake(name, Labels.Where(l => l.Key != label).Append(new(label, value)), out _) ?? this;

    public bool Equals(SeriesId? other) => other is not null && other.Text == Text;

    public override bool Equals(object? obj) => Equals(obj as SeriesId);

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;

    private static bool IsOfName(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or ':' or '.' or '/' or '-';

    private static string Write(string name, ImmutableArray<KeyValuePair<string, string>> labels)
    {
        if (labels.IsEmpty)
            return name;
        var text = new StringBuilder(name).Append('{');
        foreach (var (key, value) in labels)
        {
            text.Append(text[^1] == '{' ? "" : ",").Append(key).Append("=\"")
                .Append(value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        }
        return text.Append('}').ToString();
    }
}
