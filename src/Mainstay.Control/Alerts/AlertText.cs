using System.Collections.Immutable;
using System.Text;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;

namespace Mainstay.Control.Alerts;

/// <summary>What people read of a group of alerts: what, where, since when, on what evidence, and what they can do.</summary>
internal static class AlertText
{
    private const int MostAlerts = 5;
    private const int LongestLine = 300;

    /// <summary>In one line; as stable as what stands out.</summary>
    public static string Title(AlertGroup group, ImmutableArray<Alert> active, Incident? incident)
    {
        var gravest = active.OrderByDescending(a => a.Severity).ThenBy(a => a.Server is not null).ThenBy(a => a.Since).ThenBy(a => a.Fingerprint, StringComparer.Ordinal).First();
        var place = group.Region ?? (group.Services.IsEmpty ? "" : group.Services[0]);
        // A detector's line begins with where it is; what others say in one line is theirs.
        var what = gravest.Source == Alert.OfDetector ? gravest.Observed : gravest.Summary;
        var services = group.Region is not null && group.Services.Length > 0 ? $" ({Few(group.Services)})" : "";
        return Cut($"{(incident is null ? "" : $"incident {incident.Number}: ")}{(place.Length > 0 ? $"{place}: " : "")}{what}{services}");
    }

    public static string Body(AlertGroup group, ImmutableArray<Alert> active, Incident? incident)
    {
        var text = new StringBuilder();
        text.Append(Line($"Since {group.ActiveSince?.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC. {Count(group.Raised, "alert", "alerts")}{(group.Services.IsEmpty ? "" : $" of {Few(group.Services)}")}{(group.Region is null ? "" : $" in {group.Region}")}."));
        foreach (var alert in active.OrderByDescending(a => a.Severity).ThenBy(a => a.Since).ThenBy(a => a.Fingerprint, StringComparer.Ordinal).Take(MostAlerts))
            text.Append(Line($"- {Cut(alert.Summary)}"));
        if (active.Length > MostAlerts)
            text.Append(Line($"- and {active.Length - MostAlerts} more"));
        if (incident is not null)
            AppendIncident(text, incident);
        if (group.Hold > TimeSpan.Zero && group.Flaps > 0)
            text.Append(Line($"It came back {Count(group.Flaps, "time", "times")}; that it is over is told after {group.Hold.TotalMinutes:0.#} min without it."));
        text.Append(Line($"Take care of it: mainstay alert ack {group.Number}"));
        return text.ToString().TrimEnd();
    }

    public static string End(AlertGroup group, ImmutableArray<Incident> incidents)
    {
        var text = new StringBuilder();
        var since = group.ActiveSince ?? group.Opened;
        var until = group.QuietSince ?? group.Closed ?? since;
        text.Append(Line($"It lasted {Span(until - since)}, until {until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC{(group.Flaps > 0 ? $", and came back {Count(group.Flaps, "time", "times")} in between" : "")}."));
        foreach (var incident in incidents.Where(i => group.Incidents.Contains(i.Number)).OrderBy(i => i.Number).TakeLast(MostAlerts))
        {
            var impact = incident.Impact;
            text.Append(Line($"Incident {incident.Number}: {impact.Failed} requests failed, {impact.Slow} were slow, {impact.Rescued} were rescued elsewhere. Cause: {(incident.Causes.IsEmpty ? "unknown" : incident.Causes[0].Title)}."));
        }
        return text.ToString().TrimEnd();
    }

    private static void AppendIncident(StringBuilder text, Incident incident)
    {
        if (!incident.Causes.IsEmpty)
            text.Append(Line($"Likeliest cause ({incident.Causes[0].Confidence:P0}): {incident.Causes[0].Title}; {Cut(string.Join("; ", incident.Causes[0].Evidence))}"));
        text.Append(Line($"{incident.Impact.Failed} requests failed, {incident.Impact.Rescued} were rescued elsewhere."));
        foreach (var remedy in incident.Remedies.Take(MostAlerts))
        {
            text.Append(Line($"Remedy {remedy.Title}: {remedy.State.ToString().ToLowerInvariant()}: {Cut(remedy.Reason)}"));
            if (remedy.State == RemedyState.Proposed)
                text.Append(Line($"Approve it: mainstay incident approve {remedy.Id}"));
        }
    }

    private static string Few(ImmutableArray<string> names) =>
        names.Length <= MostAlerts ? string.Join(", ", names) : $"{string.Join(", ", names.Take(MostAlerts))} and {names.Length - MostAlerts} more";

    private static string Count(int number, string one, string many) => $"{number} {(number == 1 ? one : many)}";

    private static string Span(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours} h {time.Minutes} min" : time.TotalMinutes >= 1 ? $"{(int)time.TotalMinutes} min {time.Seconds} s" : $"{time.TotalSeconds:0} s";

    private static string Cut(string text) => text.Length <= LongestLine ? text : text[..(LongestLine - 1)] + "…";

    private static string Line(FormattableString text) => text.ToString(System.Globalization.CultureInfo.InvariantCulture) + "\n";
}
