using System.Text.Json.Serialization;
using Mainstay.Routing;

namespace Mainstay.Control.Mitigation;

/// <summary>An undoable act against an incident: it drains a region, or one server, of one service. A value.</summary>
public sealed record Remedy
{
    /// <summary>Such as "41-1": incident and number within it.</summary>
    public required string Id { get; init; }

    public required string Service { get; init; }

    public required string Region { get; init; }

    /// <summary>The one server; null: the whole region.</summary>
    public string? Server { get; init; }

    public required RemedyState State { get; init; }

    /// <summary>Why it stands as it stands: the guard's words, the mode, or what recovery is waiting for.</summary>
    public required string Reason { get; init; }

    /// <summary>Share of the traffic that may go there, 0 to 1, while it is in force.</summary>
    public double Share { get; init; }

    /// <summary>When this share began.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Since when the health checks of what it drained are well; null while they are not.</summary>
    public DateTimeOffset? WellSince { get; init; }

    /// <summary>How long it stays at 0, and its servers well, before recovery is tried; doubles with each try that fails.</summary>
    public TimeSpan Hold { get; init; }

    [JsonIgnore]
    public bool InForce => State is RemedyState.Active;

    /// <summary>In one line: what it does.</summary>
    [JsonIgnore]
    public string Title => $"drain {Server ?? Region} of {Service}";

    public Overlay ToOverlay() => new(Id, Service, Region, Server, Share);
}

/// <summary>Where a remedy stands.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RemedyState>))]
public enum RemedyState
{
    /// <summary>Waits for a person: <c>mainstay incident approve</c>.</summary>
    Proposed,

    /// <summary>In force; traffic may already be coming back in steps.</summary>
    Active,

    /// <summary>The guard forbids it now.</summary>
    Refused,

    /// <summary>Taken away; routing is as configured.</summary>
    Removed,
}
