using System.Globalization;
using Mainstay.Control.Telemetry;

namespace Mainstay.Control.Mitigation;

/// <summary>
/// Says whether a remedy may be done. It forbids what could make things worse: less capacity than demand, more than one
/// region of a service at a time, acting on stale data. What it cannot know, it leaves to a person.
/// </summary>
internal static class Guard
{
    /// <summary>The rest must be able to carry a fifth more than is asked for now.</summary>
    internal const double Headroom = 1.2;

    public static GuardVerdict Check(Remedy remedy, IEnumerable<Remedy> others, TickInput tick)
    {
        if (tick.Service(remedy.Service) is not { } config)
            return new(GuardAnswer.Forbid, $"service {remedy.Service} is no longer configured");
        var service = config.Routing;
        if (tick.Windows.Servers.Count == 0)
            return new(GuardAnswer.Forbid, "the data plane has not reported for 5 s: acting on stale data is forbidden");
        var inForce = others.Where(o => o.InForce && o.Service == remedy.Service && o.Id != remedy.Id).ToList();
        if (inForce.Find(o => o.Region != remedy.Region) is { } other)
            return new(GuardAnswer.Forbid, $"{other.Title} is in force (remedy {other.Id}), and one region at a time may be drained");

        var byHand = tick.Drains.Where(d => d.Service is null || d.Service == remedy.Service).ToList();
        if (byHand.Find(d => d.Server is null && d.Region != remedy.Region) is { } drain)
            return new(GuardAnswer.Forbid, $"{drain.Title} is drained by {drain.Who}, and one region at a time may be drained (mainstay undrain {drain.Number})");

        var overlays = inForce.Append(remedy).Select(r => r.ToOverlay() with { Share = 0 }).Concat(byHand.Select(d => d.ToOverlay())).ToList();
        var left = service.Servers
            .Where(server => !overlays.Exists(o => o.Covers(service.Name, server)))
            .Where(server => tick.Windows.Servers.TryGetValue(new(service.Name, server.Region, server.Name), out var report)
                && report is { Well: true, BreakerOpen: false })
            .ToList();
        if (left.Count == 0)
            return new(GuardAnswer.Forbid, "no other server is well: nobody would be left to answer");

        var demand = tick.History.Traffic(new SeriesKey(service.Name)).Rate * Headroom;
        var known = left.Sum(server => tick.Capacity.Of(service.Name, server) ?? 0);
        // What a server has carried is the least that it can carry; only a declaration says where it ends.
        var unknown = left.Count(server => server.Capacity is null);
        if (known >= demand)
            return new(GuardAnswer.Allow, Text($"{(left.Count == 1 ? "the other server carries" : $"the other {left.Count} servers carry")} {known:0}/s; asked for, with a fifth more: {demand:0}/s"));
        return unknown > 0
            ? new(GuardAnswer.AskPerson, Text($"the others are known to carry {known:0}/s of the {demand:0}/s that may be asked for, and what {unknown} of them can carry beyond that is unknown: declare servers[].capacity"))
            : new(GuardAnswer.Forbid, Text($"the others carry {known:0}/s, and {demand:0}/s may be asked for"));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The guard's answer and its reason, in words for the person on call.</summary>
internal readonly record struct GuardVerdict(GuardAnswer Answer, string Reason);

internal enum GuardAnswer
{
    Forbid,

    /// <summary>Not known to be safe: only a person may decide.</summary>
    AskPerson,

    Allow,
}
