using System.Collections.Immutable;
using System.Globalization;
using Mainstay.Control.Config;

namespace Mainstay.Control.Usage;

/// <summary>What somebody wants to know of usage.</summary>
/// <param name="From">The first hour.</param>
/// <param name="To">The hour after the last one.</param>
/// <param name="By">What the sums are told apart by: <c>key</c>, <c>model</c>, <c>region</c>, <c>day</c>, <c>hour</c>; empty: one sum.</param>
public sealed record UsageQuery(DateTimeOffset From, DateTimeOffset To, ImmutableArray<string> By)
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private static readonly ImmutableArray<string> Known = ["day", "hour", "key", "model", "region"];

    /// <summary>Reads what a person wrote. Null: it makes no sense, and <paramref name="why"/> names the cure.</summary>
    /// <param name="from">A day, a time, or how long ago, such as <c>7d</c>; null or empty: a day ago. Begins with a whole hour.</param>
    /// <param name="to">Likewise; null or empty: now, the present hour included. Ends with a whole hour.</param>
    /// <param name="by">Words of <see cref="By"/> with commas between; null or empty: key, model and region.</param>
    /// <param name="now">The present time.</param>
    /// <param name="why">Empty if all is well.</param>
    public static UsageQuery? TryRead(string? from, string? to, string? by, DateTimeOffset now, out string why)
    {
        why = "";
        if (TimeOf(from, now - TimeSpan.FromDays(1), now) is not { } begin)
            why = $"from: {Shown(from)} is no time.";
        else if (TimeOf(to, Down(now) + Hour, now) is not { } end)
            why = $"to: {Shown(to)} is no time.";
        else if (end < begin)
            why = "to: it is before from.";
        else if (WordsOf(by) is not { } words)
            why = $"by: {Shown(by)} is not known. Write some of {string.Join(", ", Known)} with commas between them.";
        else
            return new UsageQuery(Down(begin), Down(end + Hour - TimeSpan.FromTicks(1)), words);
        if (why.EndsWith("is no time.", StringComparison.Ordinal))
            why += " Write a day (2026-05-01), a time of UTC (2026-05-01T14:00Z), or how long ago it was (24h, 7d).";
        return null;
    }

    /// <summary>True if the sums are told apart by this.</summary>
    public bool Has(string word) => By.Contains(word);

    private static DateTimeOffset? TimeOf(string? text, DateTimeOffset otherwise, DateTimeOffset now)
    {
        if (string.IsNullOrWhiteSpace(text))
            return otherwise;
        if (Units.TryDuration(text.Trim(), out var ago, out _))
            return ago < TimeSpan.FromDays(100_000) ? now - ago : null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at)
            && at.Year is > 1 and < 9999 ? at : null;
    }

    private static ImmutableArray<string>? WordsOf(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return ["key", "model", "region"];
        ImmutableArray<string> words = [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(w => w.ToLowerInvariant()).Distinct()];
        return words.All(Known.Contains) ? words : words is ["total"] ? [] : null;
    }

    private static DateTimeOffset Down(DateTimeOffset at) => new(at.UtcTicks - (at.UtcTicks % Hour.Ticks), TimeSpan.Zero);

    private static string Shown(string? text) => $"\"{(text is { Length: > 40 } ? text[..40] + "…" : text)}\"";
}

/// <summary>What was used.</summary>
/// <param name="From">The first hour that counts.</param>
/// <param name="To">The hour after the last one.</param>
/// <param name="By">What the rows are told apart by.</param>
/// <param name="Rows">By time, then the dearest first.</param>
/// <param name="Total">All of it together, rows that are left out too.</param>
/// <param name="IsCut">True if there are more rows than are told: ask for less at a time.</param>
public sealed record UsageAnswer(DateTimeOffset From, DateTimeOffset To, ImmutableArray<string> By, ImmutableArray<UsageRow> Rows, UsageRow Total, bool IsCut);
