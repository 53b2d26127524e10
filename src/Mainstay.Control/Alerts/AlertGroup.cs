using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Control.Config;

namespace Mainstay.Control.Alerts;

/// <summary>Alerts that are told together, from the first to the end of the last: what people hear of, acknowledge and see end.
/// A value.</summary>
public sealed record AlertGroup
{
    /// <summary>Counts from 1 within a state folder.</summary>
    public required int Number { get; init; }

    /// <summary>As <see cref="Alert.GroupKey"/>.</summary>
    public required string Key { get; init; }

    public string? Region { get; init; }

    public ImmutableArray<string> Services { get; init; } = [];

    /// <summary>In one line.</summary>
    public string Title { get; init; } = "";

    /// <summary>The worst that it had.</summary>
    public Severity Severity { get; init; }

    /// <summary>When the first alert was noted.</summary>
    public required DateTimeOffset Opened { get; init; }

    /// <summary>When it first had an alert that people should know of; null: it had none yet.</summary>
    public DateTimeOffset? ActiveSince { get; init; }

    /// <summary>When people were first told; null: they were not.</summary>
    public DateTimeOffset? Told { get; init; }

    /// <summary>When they were told last.</summary>
    public DateTimeOffset LastTold { get; init; }

    /// <summary>Channels that were told, in order.</summary>
    public ImmutableArray<string> Channels { get; init; } = [];

    /// <summary>The services that were told of.</summary>
    public ImmutableArray<string> ToldServices { get; init; } = [];

    /// <summary>What people were asked to approve remedies for: service and server or region.</summary>
    public ImmutableArray<string> Asked { get; init; } = [];

    /// <summary>Times that people were told anything.</summary>
    public int Messages { get; init; }

    /// <summary>Of them those that said that more is hit.</summary>
    public int Updates { get; init; }

    /// <summary>Since when nothing stands out; null: something does.</summary>
    public DateTimeOffset? QuietSince { get; init; }

    /// <summary>How long it must be quiet to be over.</summary>
    public TimeSpan Hold { get; init; }

    /// <summary>Times that it became quiet and came back within the hold: nobody is told of those.</summary>
    public int Flaps { get; init; }

    /// <summary>Alerts that it had in all.</summary>
    public int Raised { get; init; }

    public Acknowledgement? Acknowledged { get; init; }

    /// <summary>Numbers of the incidents of its region that were open with it.</summary>
    public ImmutableArray<int> Incidents { get; init; } = [];

    /// <summary>When it was over; null: it is open.</summary>
    public DateTimeOffset? Closed { get; init; }

    [JsonIgnore]
    public string Thread => FormattableString.Invariant($"mainstay-{Number}-{Opened.ToUnixTimeMilliseconds()}");
}

/// <summary>Somebody takes care of it.</summary>
/// <param name="Why">May be empty.</param>
public sealed record Acknowledgement(string Who, DateTimeOffset At, string Why);
