using System.Collections.Immutable;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Control;

/// <summary>Puts together what people are shown at the end of a tick.</summary>
internal static class SnapshotMaker
{
    public static Snapshot Make(TickInput tick, RouteTable table, ImmutableArray<Incidents.Incident> incidents, ImmutableArray<string> troubles) =>
        new()
        {
            At = tick.Now,
            TableVersion = table.Version,
            Mode = tick.Config.Remedies,
            Paused = tick.PausedBy is not null,
            Services = [.. table.Services.Select(s => Service(s, table.Overlays, tick))],
            Incidents = incidents,
            Troubles = troubles,
            Drains = tick.Drains,
        };

    private static ServiceStatus Service(Service service, ImmutableArray<Overlay> overlays, TickInput tick)
    {
        var key = new SeriesKey(service.Name);
        var report = tick.Windows.Services.GetValueOrDefault(service.Name);
        return new(
            service.Name, tick.History.Traffic(key), [.. service.Regions.Select(r => Region(service, r, overlays, tick))], tick.History.Of(key))
        {
            Waiting = report?.Waiting ?? 0,
            ShedPerSecond = report is null ? new(0, 0, 0) : new(report.ShedCritical / 10.0, report.ShedDefault / 10.0, report.ShedSheddable / 10.0),
            IsInPanic = report?.IsInPanic ?? false,
        };
    }

    private static RegionStatus Region(Service service, string region, ImmutableArray<Overlay> overlays, TickInput tick)
    {
        var key = new SeriesKey(service.Name, region);
        var servers = service.Servers.Where(s => s.Region == region).Select(s => Server(service, s, overlays, tick)).ToImmutableArray();
        var least = overlays
            .Where(o => o.Region == region && o.Server is null && (o.Service is null || o.Service == service.Name))
            .MinBy(o => o.Share);
        var share = least?.Share ?? 1;
        var state = least?.Id.StartsWith("practice-", StringComparison.Ordinal) ?? false ? "practice"
            : share == 0 ? "drained"
            : share < 1 ? "recovering"
            : servers.All(s => !s.Well || s.BreakerOpen) ? "unwell"
            : "well";
        return new(region, share, state, tick.History.Traffic(key), servers, tick.History.Of(key));
    }

    private static ServerStatus Server(Service service, Server server, ImmutableArray<Overlay> overlays, TickInput tick)
    {
        var key = new SeriesKey(service.Name, server.Region, server.Name);
        var report = tick.Windows.Servers.GetValueOrDefault(key);
        return new(
            server.Name, server.Rank, server.Version, report?.Well ?? true, report?.BreakerOpen ?? false, report?.Outstanding ?? 0,
            tick.Capacity.Of(service.Name, server), tick.History.Traffic(key))
        {
            IsCapacityDeclared = server.Capacity is not null,
            Limit = report?.Limit,
            IsLimitLearned = report?.IsLimitLearned ?? false,
            Waiting = report?.Waiting ?? 0,
            Forced = report?.Forced ?? 0,
            Engine = report?.Engine,
            EngineTrouble = report?.EngineTrouble,
            IsDrained = overlays.Any(o => o.Server is not null && o.Share == 0 && o.Covers(service.Name, server)),
        };
    }
}
