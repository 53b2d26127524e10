using System.Collections.Immutable;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Mitigation;
using Mainstay.Control.Telemetry;

namespace Mainstay.Control;

/// <summary>What the steps of one tick judge by. They read nothing else: not the clock, not the disk.</summary>
/// <param name="Now">The time of the tick; end of the windows.</param>
/// <param name="Config">The configuration in force.</param>
/// <param name="Windows">What happened since the last tick.</param>
/// <param name="Anomalies">What stands out at its end.</param>
/// <param name="History">The recent past, these windows included.</param>
/// <param name="Detectors">What is usual for each series.</param>
/// <param name="Capacity">What each server can carry, as far as known.</param>
/// <param name="PausedBy">Who paused all remedies; null: nobody.</param>
/// <param name="Approvals">Remedies that a person approved since the last tick, and who it was, with their words.</param>
internal sealed record TickInput(
    DateTimeOffset Now,
    MainstayConfig Config,
    ClosedWindows Windows,
    IReadOnlyList<Anomaly> Anomalies,
    History History,
    Detectors Detectors,
    CapacityBook Capacity,
    string? PausedBy,
    IReadOnlyDictionary<string, string> Approvals)
{
    /// <summary>What people have drained by hand.</summary>
    public ImmutableArray<Drain> Drains { get; init; } = [];

    /// <summary>The practice in progress, or the last one; null: there was none.</summary>
    public Practice? Practice { get; init; }

    public ServiceConfig? Service(string name) => Config.Services.FirstOrDefault(s => s.Routing.Name == name);

    public RemedyMode Mode(string service) => Service(service)?.Remedies ?? Config.Remedies;
}
