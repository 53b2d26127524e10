using System.Collections.Immutable;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;

namespace Mainstay.Tests.Dashboard;

/// <summary>A realistic moment: two services in four regions of two servers each, us-east-1 lost two minutes ago and drained for one
/// service, a remedy waiting for approval for the other, and an older incident that is resolved and reviewed.</summary>
internal static class DashboardSamples
{
    public static readonly DateTimeOffset Now = new(2026, 3, 14, 3, 12, 40, TimeSpan.Zero);

    private static readonly string[] RegionNames = ["us-east-1", "us-east-2", "us-west-2", "us-west-1"];
    private static readonly DateTimeOffset Fault = Now.AddSeconds(-130);

    public static Snapshot Snapshot { get; } = Make(Now);

    public static Snapshot Make(DateTimeOffset now) => new()
    {
        At = now,
        TableVersion = 119,
        Mode = RemedyMode.Propose,
        Paused = false,
        Services = [Service("moderation", 18, drained: true, 7), Service("chat", 42, drained: false, 11)],
        Incidents = [Open, Resolved],
        Troubles = ["The database does not answer since 03:09:12 UTC; facts wait in the spool (1,204 of 100,000)."],
    };

    public static Snapshot Calm { get; } = Snapshot with
    {
        Incidents = [Resolved],
        Troubles = [],
        Services = [.. Snapshot.Services.Select(s => s with
        {
            Traffic = s.Traffic with { ErrorShare = 0 },
            Regions = [.. s.Regions.Select(r => r with { State = "well", Share = 1, Servers = [.. r.Servers.Select(x => x with { Well = true, BreakerOpen = false })] })],
        })],
    };

    public static Incident Open => new()
    {
        Number = 41,
        Region = "us-east-1",
        Services = ["moderation", "chat"],
        Occurred = Fault,
        Detected = Fault.AddSeconds(3),
        CauseFound = Fault.AddSeconds(5),
        Stages =
        [
            new(Stage.Detection, Fault.AddSeconds(3), "errors of moderation in us-east-1: 96 % of 52 attempts; usual is at most 0.4 %"),
            new(Stage.Investigation, Fault.AddSeconds(4), "both servers of us-east-1 concerned, no other region"),
            new(Stage.Mitigation, Fault.AddSeconds(5), "drain us-east-1 of moderation: the others can carry it"),
        ],
        Anomalies =
        [
            new(Fault, Fault.AddSeconds(3), "moderation", "us-east-1", null, "errors", "at most 0.4 % of attempts", "96 % of 52 attempts", 41.7),
            new(Fault, Fault.AddSeconds(3), "moderation", "us-east-1", "10.0.1.10:9000", "probes", "answers within 1 s", "3 of 3 refused", 9),
            new(Fault.AddSeconds(1), Fault.AddSeconds(4), "chat", "us-east-1", null, "latency", "p99 at most 420 ms", "p99 1.9 s", 12.3),
        ],
        Causes =
        [
            new("server or hardware failure", "both servers refuse connections", 0.86,
                ["10.0.1.10:9000 and 10.0.1.11:9000 refuse connections since 03:10:30", "us-east-2, us-west-2 and us-west-1 are as usual", "no release and no configuration change in the last hour"]),
            new("network", "region cut off", 0.11, ["probes fail too, but are refused and do not time out"]),
        ],
        Remedies =
        [
            new() { Id = "41-1", Service = "moderation", Region = "us-east-1", State = RemedyState.Active, Reason = "The others can carry it: 96/s of 400/s declared.", Share = 0, Since = Fault.AddSeconds(6), Hold = TimeSpan.FromSeconds(30) },
            new() { Id = "41-2", Service = "chat", Region = "us-east-1", State = RemedyState.Proposed, Reason = "Capacity of us-west-1 is unknown, so a person has to judge whether the others can carry it.", Since = Fault.AddSeconds(7) },
        ],
        Timeline =
        [
            new(Fault, "first window in which moderation in us-east-1 left its usual band"),
            new(Fault.AddSeconds(3), "Detection: errors of moderation in us-east-1: 96 % of 52 attempts; usual is at most 0.4 %"),
            new(Fault.AddSeconds(3), "told: log, webhook https://pager.example/hook"),
            new(Fault.AddSeconds(5), "Investigation: both servers refuse connections (86 % confident)"),
            new(Fault.AddSeconds(6), "remedy 41-1 in force: drain us-east-1 of moderation; route table v119"),
            new(Fault.AddSeconds(7), "remedy 41-2 proposed: drain us-east-1 of chat; waits for a person"),
        ],
        Impact = new Impact(11_840, 14, 212, 96, [new("chat", "acme", 9, 120), new("chat", "globex", 5, 80), new("moderation", "(unknown)", 0, 12)]),
    };

    public static Incident Resolved => Open with
    {
        Number = 40,
        Region = "us-west-2",
        Services = ["moderation"],
        Occurred = Now.AddDays(-3).AddHours(-4),
        Detected = Now.AddDays(-3).AddHours(-4).AddSeconds(4),
        Mitigated = Now.AddDays(-3).AddHours(-4).AddSeconds(9),
        Resolved = Now.AddDays(-3).AddHours(-4).AddMinutes(3),
        Stages =
        [
            new(Stage.Detection, Now.AddDays(-3).AddHours(-4).AddSeconds(4), "p99 1.2 s; usual is at most 90 ms"),
            new(Stage.Investigation, Now.AddDays(-3).AddHours(-4).AddSeconds(5), "one region concerned"),
            new(Stage.Mitigation, Now.AddDays(-3).AddHours(-4).AddSeconds(6), "drained"),
            new(Stage.Recovery, Now.AddDays(-3).AddHours(-4).AddSeconds(100), "probes well for 30 s"),
        ],
        Causes = [new("resource shortage", "servers slow under usual load", 0.7, ["latency rose, errors did not"])],
        Remedies = [],
        Impact = new Impact(2_300, 0, 61, 0, [new("moderation", "acme", 0, 61)]),
        Review = "incident-40.md",
    };

    private static ServiceStatus Service(string name, double p99, bool drained, int seed)
    {
        var random = new Random(seed);
        var regions = RegionNames.Select((region, place) => Region(region, place, p99, drained, random)).ToImmutableArray();
        var history = History(random, 198, p99, (at, p) => at >= Fault && at < Fault.AddSeconds(9) ? p with { ErrorShare = 0.02, P99Ms = p99 * 14, Rate = p.Rate * 0.8 } : p);
        return new ServiceStatus(name, new TrafficStatus(198, drained ? 0 : 0.012, p99 / 3, p99 * 1.2), regions, history);
    }

    private static RegionStatus Region(string name, int place, double p99, bool drained, Random random)
    {
        var lost = place == 0;
        var rate = place switch { 0 => 0.0, 1 => 187, 2 => 11, _ => 0 };
        var servers = Enumerable.Range(10, 2).Select(n => new ServerStatus(
            $"10.0.{place + 1}.{n}:9000", place == 3 ? 2 : 1, n == 11 && place == 1 ? "v7" : "stable", Well: !lost, BreakerOpen: lost,
            Outstanding: lost ? 0 : (int)(rate / 30), CapacityPerSecond: place == 3 ? null : 200,
            lost ? new TrafficStatus(drained ? 0 : 1.1, drained ? 0 : 1, 0, 0) : rate == 0 ? TrafficStatus.None : new TrafficStatus(rate / 2, 0, p99 / 3, p99))).ToImmutableArray();
        var history = History(random, lost ? 190 : rate, p99, (at, p) =>
            lost ? (at < Fault ? p : p with { Rate = 0, P50Ms = 0, P99Ms = 0 }) : at < Fault ? p with { Rate = place == 1 ? 4 : 0 } : p);
        var state = !lost ? "well" : drained ? "drained" : "unwell";
        return new RegionStatus(name, lost && drained ? 0 : 1, state,
            lost ? new TrafficStatus(drained ? 0 : 2.2, drained ? 0 : 1, 0, 0) : rate == 0 ? TrafficStatus.None : new TrafficStatus(rate, 0, p99 / 3, p99), servers, history);
    }

    private static ImmutableArray<HistoryPoint> History(Random random, double rate, double p99, Func<DateTimeOffset, HistoryPoint, HistoryPoint> shape) =>
    [
        .. Enumerable.Range(0, 300).Select(second =>
        {
            var at = Now.AddSeconds(second - 299);
            var swing = 1 + (0.1 * Math.Sin(second / 25.0)) + (0.12 * (random.NextDouble() - 0.5));
            return shape(at, new HistoryPoint(at, rate * swing, 0, p99 / 3 * swing, p99 * (1 + (0.5 * random.NextDouble()))));
        }),
    ];
}
