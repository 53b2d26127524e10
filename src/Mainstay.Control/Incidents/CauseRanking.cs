using System.Collections.Immutable;
using System.Globalization;
using Mainstay.Control.Mitigation;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Control.Incidents;

/// <summary>
/// Ranks what may be behind an incident, from how attempts ended and what the health checks say. First depth: four
/// classes, told apart by their signature; "unknown" is an answer.
/// </summary>
internal static class CauseRanking
{
    /// <param name="incident">With its anomalies.</param>
    /// <param name="attempts">Attempts in its region since it was noticed, all services.</param>
    /// <param name="unwell">Servers of the region whose health checks fail.</param>
    /// <param name="servers">Servers of the region that are known.</param>
    public static ImmutableArray<Cause> Rank(Incident incident, Window attempts, int unwell, int servers)
    {
        var unreachable = attempts[AttemptResult.NotReached] + attempts[AttemptResult.Broken] + attempts[AttemptResult.Truncated];
        var silent = attempts[AttemptResult.FirstByteTimeout] + attempts[AttemptResult.Stalled] + attempts[AttemptResult.TotalTimeout];
        var errors = attempts[AttemptResult.ServerError];
        var failures = unreachable + silent + errors;
        var probesFail = servers > 0 ? (double)unwell / servers : 0;
        var slow = incident.Anomalies.Any(a => a.Detector == "latency");
        var probes = Text($"health checks: {servers - unwell} of {servers} servers well");

        var causes = new List<Cause>();
        if (unreachable > 0 || (unwell > 0 && silent == 0))
            causes.Add(new(
                "server or hardware failure", probesFail > 0.5 ? "servers are gone" : "connections break",
                Confidence(failures > 0 ? (double)unreachable / failures : Silence(attempts.Count), probesFail),
                attempts.Count == 0 ? ["no request was sent there since", probes] : [Text($"{unreachable} of {attempts.Count} attempts found no server or lost it"), probes]));
        if (silent > 0)
            causes.Add(new(
                "server or hardware failure", "servers accept requests and do not answer",
                Confidence((double)silent / failures, 0.5 + (probesFail / 2)),
                [Text($"{silent} of {attempts.Count} attempts ended at a deadline"), probes]));
        if (errors > 0)
            causes.Add(new(
                "software or configuration change", probesFail < 0.5 ? "servers answer errors while they say that they are well" : "servers answer errors",
                Confidence((double)errors / failures, 1 - probesFail),
                [Text($"{errors} of {attempts.Count} attempts were answered 5xx"), probes]));
        if (slow)
            causes.Add(new(
                "resource shortage", probesFail < 0.5 ? "servers are slow while they say that they are well" : "servers are slow",
                Confidence(attempts.Failed * 2 < attempts.Count ? 0.8 : 0.3, 1 - probesFail),
                [.. incident.Anomalies.Where(a => a.Detector == "latency").Select(a => a.Summary).Take(3), probes]));
        return causes.Count == 0
            ? [new("unknown", "not enough evidence", 0, [probes])]
            : [.. causes.OrderByDescending(c => c.Confidence)];
    }

    /// <summary>What a practice has to do with an incident that began while it lasted; null: nothing. Where only times grew, elsewhere, it
    /// is the first to be suspected; what fails by itself speaks louder.</summary>
    public static Cause? OfPractice(Incident incident, Practice? practice)
    {
        if (practice is null || practice.Began > incident.Detected || practice.Ended < incident.Occurred)
            return null;
        var onlySlower = incident.Region != practice.Region && incident.Anomalies.All(a => a.Detector == "latency");
        return new(
            "software or configuration change", $"practice {practice.Number} was shifting {practice.Title} away", onlySlower ? 0.9 : 0.6,
            [Text($"practice in progress since {practice.Began:HH:mm:ss} UTC, {1 - practice.Share:P0} shifted away"),
             practice.Ended is null ? "it is being stopped" : Text($"stopped at {practice.Ended:HH:mm:ss} UTC; what goes on after that has another cause")]);
    }

    /// <summary>What no failed attempt says of a loss that the health checks see: without traffic as good as nothing; the more
    /// attempts went well, the less is the loss to be believed.</summary>
    private static double Silence(int attempts) => 1.0 / (2 + attempts);

    /// <summary>Both signs must speak for a cause; neither alone makes it certain.</summary>
    private static double Confidence(double share, double agreement) => Math.Round(Math.Clamp(0.95 * Math.Sqrt(share * (0.2 + (0.8 * agreement))), 0, 0.95), 2);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
