using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;
using Mainstay.Routing;

namespace Mainstay.Control;

/// <summary>Everything that people are shown, as it was at the end of one tick. A value: dashboard, API and command line
/// read it without any lock.</summary>
public sealed record Snapshot
{
    public required DateTimeOffset At { get; init; }

    public required long TableVersion { get; init; }

    public required RemedyMode Mode { get; init; }

    /// <summary>True while a person has paused all remedies.</summary>
    public required bool Paused { get; init; }

    public required ImmutableArray<ServiceStatus> Services { get; init; }

    /// <summary>Open ones first, then resolved ones, newest first; bounded.</summary>
    public required ImmutableArray<Incident> Incidents { get; init; }

    /// <summary>What a person should know of Mainstay itself: database away, observations dropped, configuration refused. Empty if all is well.</summary>
    public required ImmutableArray<string> Troubles { get; init; }

    /// <summary>What people have drained by hand, oldest first.</summary>
    public ImmutableArray<Drain> Drains { get; init; } = [];

    /// <summary>The last ones, newest first; the first may be in progress.</summary>
    public ImmutableArray<Practice> Practices { get; init; } = [];

    /// <summary>What people are told of, and how far messages have come.</summary>
    public AlertsStatus Alerts { get; init; } = AlertsStatus.None;

    public static Snapshot None { get; } = new()
    {
        At = DateTimeOffset.UnixEpoch,
        TableVersion = 0,
        Mode = RemedyMode.Propose,
        Paused = false,
        Services = [],
        Incidents = [],
        Troubles = [],
    };
}

/// <summary>Traffic over the last ten closed windows of a second each.</summary>
/// <param name="Rate">Requests, or attempts on a region or server, per second.</param>
/// <param name="ErrorShare">Failed ones, from 0 to 1.</param>
/// <param name="P50Ms">Median milliseconds to the first byte; 0 without traffic.</param>
/// <param name="P99Ms">99th percentile, likewise.</param>
public sealed record TrafficStatus(double Rate, double ErrorShare, double P50Ms, double P99Ms)
{
    public static TrafficStatus None { get; } = new(0, 0, 0, 0);
}

/// <param name="Traffic">As its callers see it.</param>
/// <param name="History">The last five minutes, a point a second, oldest first.</param>
public sealed record ServiceStatus(
    string Name, TrafficStatus Traffic, ImmutableArray<RegionStatus> Regions, ImmutableArray<HistoryPoint> History)
{
    /// <summary>Requests that wait for a place on a server.</summary>
    public int Waiting { get; init; }

    /// <summary>Requests per second that were not let in, because others mattered more; over the last ten seconds.</summary>
    public ShedStatus ShedPerSecond { get; init; } = new(0, 0, 0);

    /// <summary>True: so few servers are left that breakers are not heeded.</summary>
    public bool IsInPanic { get; init; }
}

/// <summary>By priority.</summary>
public sealed record ShedStatus(double Critical, double Default, double Sheddable)
{
    [JsonIgnore]
    public double All => Critical + Default + Sheddable;
}

/// <param name="Share">Share of its usual traffic that remedies leave it, 0 to 1.</param>
/// <param name="State">"well", "unwell" (no server is), "drained", "recovering" or "practice" (shifted away to see what breaks).</param>
/// <param name="Traffic">Attempts on its servers.</param>
public sealed record RegionStatus(
    string Name, double Share, string State, TrafficStatus Traffic, ImmutableArray<ServerStatus> Servers, ImmutableArray<HistoryPoint> History);

/// <param name="Well">What its probes say; true without probes.</param>
/// <param name="BreakerOpen">True while the reflex holds requests back.</param>
/// <param name="Outstanding">Attempts under way.</param>
/// <param name="CapacityPerSecond">Declared, or learned from load carried well; null: unknown.</param>
public sealed record ServerStatus(
    string Name, int Rank, string Version, bool Well, bool BreakerOpen, int Outstanding, double? CapacityPerSecond, TrafficStatus Traffic)
{
    /// <summary>True: the configuration says what it can carry; false: it was learned, or is unknown.</summary>
    public bool IsCapacityDeclared { get; init; }

    /// <summary>Attempts that may be under way on it or, if that is learned, wait for their first byte; null: no limit.</summary>
    public int? Limit { get; init; }

    /// <summary>True: the limit is learned, and counts those that wait for their first byte.</summary>
    public bool IsLimitLearned { get; init; }

    /// <summary>Attempts that wait for their first byte.</summary>
    public int Waiting { get; init; }

    /// <summary>Attempts that were let through although its breaker held requests back, since the data plane's start.</summary>
    public long Forced { get; init; }

    /// <summary>Of a model: what its engine says of its load; null: it is not asked, or what it said is stale and counts for nothing.</summary>
    public EngineReport? Engine { get; init; }

    /// <summary>Why the metrics of its engine could not be read; null: they could, or nobody asks.</summary>
    public string? EngineTrouble { get; init; }

    /// <summary>True: an overlay of its own takes its traffic away.</summary>
    public bool IsDrained { get; init; }
}

/// <summary>One second of a chart.</summary>
public readonly record struct HistoryPoint(DateTimeOffset At, double Rate, double ErrorShare, double P50Ms, double P99Ms);
