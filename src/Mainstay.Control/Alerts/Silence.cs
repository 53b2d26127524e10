using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Mainstay.Control.Alerts;

/// <summary>A person keeps people from being told of some alerts for a time.</summary>
/// <param name="Number">Counts from 1 within a state folder.</param>
/// <param name="Matchers">Which ones: those that all of them fit.</param>
/// <param name="Until">When it ends by itself.</param>
/// <param name="Why">In the person's words; may be empty.</param>
public sealed record Silence(int Number, ImmutableArray<Matcher> Matchers, string Who, DateTimeOffset Since, DateTimeOffset Until, string Why)
{
    /// <summary>In one line.</summary>
    [JsonIgnore]
    public string Title => string.Join(", ", Matchers.Select(m => m.ToString()));

    public bool Covers(Alert alert) => Matchers.All(m => m.Fits(alert));
}

/// <summary>One condition on an alert, such as <c>region=us-east-1</c>, <c>service!=chat</c> or <c>label.team=vision*</c>.</summary>
/// <param name="Field">service, region, server, name, source, severity, fingerprint, or label.NAME.</param>
/// <param name="Value">An asterisk stands for any characters.</param>
/// <param name="IsNot">True: those that do not fit.</param>
public sealed record Matcher(string Field, string Value, bool IsNot)
{
    private const int Longest = 200;
    private static readonly string[] Fields = ["service", "region", "server", "name", "source", "severity", "fingerprint"];

    /// <summary>Reads one. Null: it is none, and <paramref name="wrong"/> names the cure.</summary>
    public static Matcher? TryParse(string text, out string wrong)
    {
        wrong = "";
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var isNot = equals > 0 && text[equals - 1] == '!';
        var field = equals < 0 ? text : text[..(isNot ? equals - 1 : equals)].Trim();
        var value = equals < 0 ? "" : text[(equals + 1)..].Trim();
        if (equals <= 0 || value.Length is 0 or > Longest || value.Any(char.IsControl))
            wrong = $"\"{Shown(text)}\" is not a condition: write FIELD=VALUE or FIELD!=VALUE, such as region=us-east-1 or service=chat*.";
        else if (!Fields.Contains(field) && !(field.StartsWith("label.", StringComparison.Ordinal) && field.Length is > 6 and <= 100))
            wrong = $"An alert has no \"{Shown(field)}\": write one of {string.Join(", ", Fields)}, or label.NAME.";
        return wrong.Length == 0 ? new Matcher(field, value, isNot) : null;
    }

    public bool Fits(Alert alert) => IsLike(Of(alert), Value) != IsNot;

    public override string ToString() => $"{Field}{(IsNot ? "!=" : "=")}{Value}";

    private string Of(Alert alert) => Field switch
    {
        "service" => alert.Service ?? "",
        "region" => alert.Region ?? "",
        "server" => alert.Server ?? "",
        "name" => alert.Name,
        "source" => alert.Source,
        "severity" => alert.Severity.ToString().ToLowerInvariant(),
        "fingerprint" => alert.Fingerprint,
        _ => alert.Labels.GetValueOrDefault(Field["label.".Length..], ""),
    };

    /// <summary>Whether a text fits a pattern with asterisks; takes as many steps as both are long, multiplied, at most.</summary>
    private static bool IsLike(string text, string pattern)
    {
        var (t, p, star, mark) = (0, 0, -1, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
                (star, mark) = (p++, t);
            else if (p < pattern.Length && pattern[p] == text[t])
                (t, p) = (t + 1, p + 1);
            else if (star >= 0)
                (p, t) = (star + 1, ++mark);
            else
                return false;
        }
        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }

    private static string Shown(string text) => new([.. text.Take(60).Select(c => char.IsControl(c) ? ' ' : c)]);
}
