using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Mainstay.Control.Incidents;

namespace Mainstay.Control.Mitigation;

/// <summary>What a practice showed: what would have broken, and the figures behind it, in Markdown.</summary>
public static class PracticeReport
{
    private const double Grown = 1.5;
    private const double GrownMs = 20;

    /// <summary>What would have broken, a sentence each; one that says so if nothing would.</summary>
    internal static ImmutableArray<string> Find(Practice practice)
    {
        var findings = practice.Services.SelectMany(s => Find(practice, s)).ToList();
        if (practice.State == PracticeState.Stopped)
            findings.Insert(0, Text($"It was stopped with {1 - practice.Share:P0} shifted away: {practice.Reason}. A real loss of {practice.Region} would have gone on."));
        return findings.Count > 0 ? [.. findings] : [$"Nothing would have broken: the other regions carried all of {practice.Title}."];
    }

    /// <summary>The report of a practice, in Markdown.</summary>
    public static string Draft(Practice practice)
    {
        var text = new StringBuilder();
        text.Append(Text($"# Practice {practice.Number}: {Review.Escape(practice.Title)}\n\n"));
        text.Append(Text($"{practice.State}, by {Review.Escape(practice.Who)}{(practice.Why.Length > 0 ? $": {Review.Escape(practice.Why)}" : "")}. Began {practice.Began:yyyy-MM-dd HH:mm:ss} UTC, planned for {practice.For.TotalSeconds:0} s"));
        text.Append(practice.Ended is { } ended ? Text($", ended after {(ended - practice.Began).TotalSeconds:0} s: {Review.Escape(practice.Reason)}.\n") : ", still running.\n");
        text.Append("\n## What would have broken\n\n");
        foreach (var finding in practice.Findings)
            text.Append(Text($"- {Review.Escape(finding)}\n"));
        text.Append("\n## Measured\n\n| Service | | Requests/s | Failed | p50 | p99 | Rescued | Others known to carry |\n|---|---|---|---|---|---|---|---|\n");
        foreach (var s in practice.Services)
        {
            text.Append(Text($"| {Review.Escape(s.Service)} | before | {s.Before.Rate:0.0} | {s.Before.ErrorShare:P2} | {s.Before.P50Ms:0.0} ms | {s.Before.P99Ms:0.0} ms | | |\n"));
            text.Append(Text($"| | {(s.IsShifted ? "during" : "during, not shifted")} | {s.During.Rate:0.0} (peak {s.PeakRate:0.0}) | {s.During.ErrorShare:P2} ({s.Failed} of {s.Requests}) | {s.During.P50Ms:0.0} ms | {s.During.P99Ms:0.0} ms | {s.Rescued} | {s.KnownPerSecond:0}/s{(s.IsMoreUnknown ? ", more is unknown" : "")} |\n"));
        }
        text.Append("\n## Timeline (UTC)\n\n");
        foreach (var entry in practice.Timeline)
            text.Append(Text($"- {entry.At:HH:mm:ss} {Review.Escape(entry.Text)}\n"));
        return text.ToString();
    }

    private static IEnumerable<string> Find(Practice practice, PracticeFigures s)
    {
        if (!s.IsShifted)
        {
            yield return Text($"{s.Service} has no server outside {practice.Region}, so its traffic stayed: with the region, {Math.Max(s.Before.Rate, s.PeakRate):0.0} requests a second would have been lost.");
            yield break;
        }
        if (s.Before.Rate == 0 && s.Requests == 0)
        {
            yield return $"{s.Service} had no traffic, so nothing was tried: practise when it has some.";
            yield break;
        }
        if (s.During.ErrorShare > s.Before.ErrorShare && s.Failed > 0)
            yield return Text($"{s.Service}: {s.Failed} of {s.Requests} requests failed ({s.During.ErrorShare:P2}; before {s.Before.ErrorShare:P2}).");
        if (s.Before.P99Ms > 0 && s.During.P99Ms > Math.Max(s.Before.P99Ms * Grown, s.Before.P99Ms + GrownMs))
            yield return Text($"{s.Service} became slower: 99 % within {s.During.P99Ms:0} ms, {s.Before.P99Ms:0} ms before.");
        if (s.PeakRate * Guard.Headroom > s.KnownPerSecond)
            yield return Text($"{s.Service}: the others are known to carry {s.KnownPerSecond:0}/s, and {s.PeakRate * Guard.Headroom:0}/s may be asked for{(s.IsMoreUnknown ? "; what they can carry beyond that is unknown: declare servers[].capacity" : ": over capacity")}.");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
