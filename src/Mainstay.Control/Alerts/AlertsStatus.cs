using System.Collections.Immutable;
using Mainstay.Control.Notify;

namespace Mainstay.Control.Alerts;

/// <summary>What people are told of, and how far messages have come.</summary>
public sealed record AlertsStatus
{
    public static AlertsStatus None { get; } = new();

    /// <summary>Open ones first, then those that are over, each newest first; bounded.</summary>
    public ImmutableArray<AlertGroup> Groups { get; init; } = [];

    /// <summary>The gravest and oldest that stand now; bounded.</summary>
    public ImmutableArray<Alert> Alerts { get; init; } = [];

    /// <summary>All that stand now.</summary>
    public int Count { get; init; }

    public int OpenGroups { get; init; }

    public ImmutableArray<Silence> Silences { get; init; } = [];

    /// <summary>Names of the windows of maintenance that are open now.</summary>
    public ImmutableArray<string> Maintenance { get; init; } = [];

    public ImmutableArray<HeartbeatStatus> Heartbeats { get; init; } = [];

    /// <summary>Every configured channel, and others for which something is left.</summary>
    public ImmutableArray<ChannelStatus> Channels { get; init; } = [];

    /// <summary>Messages that were not told because too many waited; since the start.</summary>
    public long Dropped { get; init; }
}

/// <param name="Last">When the job reported last; null: it has not.</param>
/// <param name="IsLate">True: a report is missing.</param>
public sealed record HeartbeatStatus(string Name, TimeSpan Every, DateTimeOffset? Last, bool IsLate);
