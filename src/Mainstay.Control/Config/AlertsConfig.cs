using System.Collections.Immutable;

namespace Mainstay.Control.Config;

/// <summary>When and whom alerts tell.</summary>
public sealed record AlertsConfig
{
    /// <summary>From the first alert of a group to its first message, so that what belongs together is told together.</summary>
    public TimeSpan Wait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long all must be well before that is told; doubled each time the trouble comes back soon.</summary>
    public TimeSpan ResolveAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>After how long without acknowledgement people are reminded; null: never.</summary>
    public TimeSpan? Remind { get; init; }

    /// <summary>An alert from outside without an end is over when nobody raised it again for so long.</summary>
    public TimeSpan Expire { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Who is told later, if nobody acknowledges; in the order of their times.</summary>
    public ImmutableArray<EscalationStep> Escalation { get; init; } = [];

    public ImmutableArray<MaintenanceWindow> Maintenance { get; init; } = [];

    /// <summary>The dead-man's switch: somebody outside who is told that Mainstay lives; null: nobody is.</summary>
    public OwnHeartbeat? Heartbeat { get; init; }

    /// <summary>Jobs elsewhere that must report here.</summary>
    public ImmutableArray<HeartbeatConfig> Heartbeats { get; init; } = [];
}

/// <param name="After">Since the first message, without acknowledgement.</param>
/// <param name="To">Names of channels; they are told from here on, and not before.</param>
public sealed record EscalationStep(TimeSpan After, ImmutableArray<string> To);

/// <param name="Url">Gets a POST without a body, as long as the control loop ticks.</param>
public sealed record OwnHeartbeat(WebAddress Url, TimeSpan Every);

/// <summary>A job that must report each time it has run.</summary>
/// <param name="Name">As in POST /api/heartbeats/NAME.</param>
/// <param name="Every">Time between two reports.</param>
/// <param name="Grace">How much later one may come.</param>
/// <param name="Service">The service that it belongs to; null: none.</param>
/// <param name="Region">The region in which it runs; null: none.</param>
public sealed record HeartbeatConfig(string Name, TimeSpan Every, TimeSpan Grace, Severity Severity, string? Service, string? Region);
