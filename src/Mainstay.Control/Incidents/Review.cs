using System.Globalization;
using System.Text;
using Mainstay.Control.Mitigation;

namespace Mainstay.Control.Incidents;

/// <summary>Drafts the review of a resolved incident, in Markdown: what happened, why, who was hit, what would have prevented it.</summary>
internal static class Review
{
    public static string Draft(Incident incident)
    {
        var text = new StringBuilder();
        text.Append(Line($"# Incident {incident.Number}: {Escape(incident.Title)}\n"));
        text.Append("*Drafted by Mainstay from its journal. Correct it, add what only people know, and agree on the measures.*\n");
        AppendTimes(text, incident);
        AppendCause(text, incident);
        AppendImpact(text, incident);
        AppendPrevention(text, incident);
        text.Append("\n## Timeline (UTC)\n\n");
        foreach (var entry in incident.Timeline)
            text.Append(Line($"- {entry.At:HH:mm:ss.fff} {Escape(entry.Text)}"));
        return text.ToString();
    }

    private static void AppendTimes(StringBuilder text, Incident incident)
    {
        text.Append("\n## In short\n\n| | UTC | after it occurred |\n|---|---|---|\n");
        Row("Occurred", incident.Occurred);
        Row("Detected", incident.Detected);
        Row("Cause found", incident.CauseFound);
        Row("Callers well", incident.Mitigated);
        Row("Resolved", incident.Resolved);

        void Row(string what, DateTimeOffset? at)
        {
            if (at is { } time)
                text.Append(Line($"| {what} | {time:yyyy-MM-dd HH:mm:ss} | {(time - incident.Occurred).TotalSeconds:0.0} s |"));
        }
    }

    private static void AppendCause(StringBuilder text, Incident incident)
    {
        text.Append("\n## Cause\n\n");
        foreach (var cause in incident.Causes)
        {
            text.Append(Line($"- **{cause.Class}** ({cause.Confidence:P0}): {Escape(cause.Title)}"));
            foreach (var evidence in cause.Evidence)
                text.Append(Line($"  - {Escape(evidence)}"));
        }
        text.Append("\nWhat stood out:\n\n");
        foreach (var anomaly in incident.Anomalies)
            text.Append(Line($"- {Escape(anomaly.Summary)}"));
    }

    private static void AppendImpact(StringBuilder text, Incident incident)
    {
        var impact = incident.Impact;
        text.Append(Line($"\n## Impact\n\nOf {impact.Requests} requests to {string.Join(", ", incident.Services.Select(Escape))}, {impact.Failed} failed and {impact.Slow} were slow; {impact.Rescued} failed in {incident.Region} and were answered elsewhere without the caller noticing more than time."));
        if (impact.Customers.IsEmpty)
            return;
        text.Append("\n| Service | Customer | Failed | Slow |\n|---|---|---|---|\n");
        foreach (var customer in impact.Customers)
            text.Append(Line($"| {Escape(customer.Service)} | {Escape(customer.Customer)} | {customer.Failed} | {customer.Slow} |"));
    }

    private static void AppendPrevention(StringBuilder text, Incident incident)
    {
        text.Append("\n## What would have prevented it\n\n");
        foreach (var measure in Measures(incident))
            text.Append(Line($"- [ ] {measure}"));
    }

    private static IEnumerable<string> Measures(Incident incident)
    {
        var impact = incident.Impact;
        if (impact.Failed > 0)
            yield return $"{impact.Failed} requests failed: see whether they may be sent twice (`retry.replay: safe` or an Idempotency-Key), and whether another region had a server left.";
        if (incident.Causes.Any(c => c.Title.Contains("do not answer", StringComparison.Ordinal)))
            yield return "Requests waited for servers that did not answer: a shorter `timeouts.first_byte` rescues them sooner.";
        if (incident.Causes.Any(c => c.Title.Contains("say that they are well", StringComparison.Ordinal)))
            yield return "Health checks said that all was well: let `health.path` do the service's real work once, so that it fails with it.";
        if (incident.Causes.Any(c => c.Class == "software or configuration change"))
            yield return "Find what changed before it began (release, configuration, data), and put a gate before the next such change.";
        if (incident.Causes.Any(c => c.Class == "server or hardware failure"))
            yield return $"Find why the servers of {incident.Region} failed together: what do they share (host, zone, deployment, certificate)?";
        if (incident.Remedies.Any(r => r.Reason.Contains("unknown", StringComparison.Ordinal)))
            yield return "A remedy waited for a person because capacities are unknown: declare `servers[].capacity`.";
        if (incident.Remedies.Any(r => r.State == RemedyState.Refused))
            yield return "A remedy was refused: see the guard's reason in the timeline, and provide the capacity that was missing.";
        yield return $"Practise it: shift {incident.Region} away on a quiet day and see what breaks.";
    }

    /// <summary>Text from outside must not become markup.</summary>
    internal static string Escape(string text) =>
        text.ReplaceLineEndings(" ").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal)
            .Replace("[", "\\[", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace("`", "'", StringComparison.Ordinal);

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture) + "\n";
}
