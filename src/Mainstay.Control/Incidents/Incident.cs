using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Control.Detection;
using Mainstay.Control.Mitigation;

namespace Mainstay.Control.Incidents;

/// <summary>One outage or degradation, from its first sign to its review. A value: each change makes a new one.</summary>
public sealed record Incident
{
    /// <summary>Counts from 1 within a state folder.</summary>
    public required int Number { get; init; }

    /// <summary>The failure domain it is about.</summary>
    public required string Region { get; init; }

    /// <summary>Services seen to suffer, in the order in which they were.</summary>
    public ImmutableArray<string> Services { get; init; } = [];

    /// <summary>Start of the first window that showed it.</summary>
    public required DateTimeOffset Occurred { get; init; }

    public required DateTimeOffset Detected { get; init; }

    public DateTimeOffset? CauseFound { get; init; }

    /// <summary>When callers were well again, by remedy or reflex.</summary>
    public DateTimeOffset? Mitigated { get; init; }

    /// <summary>When the region carried its own traffic again and every remedy was gone: the incident is closed.</summary>
    public DateTimeOffset? Resolved { get; init; }

    /// <summary>The stages it went through, in order; the last one is the present one.</summary>
    public required ImmutableArray<StageEntry> Stages { get; init; }

    public ImmutableArray<Anomaly> Anomalies { get; init; } = [];

    /// <summary>Ranked, the likeliest first; empty until investigated.</summary>
    public ImmutableArray<Cause> Causes { get; init; } = [];

    public ImmutableArray<Remedy> Remedies { get; init; } = [];

    public ImmutableArray<TimelineEntry> Timeline { get; init; } = [];

    public Impact Impact { get; init; } = Impact.None;

    /// <summary>File name of the drafted review under state/reviews; null until resolved.</summary>
    public string? Review { get; init; }

    [JsonIgnore]
    public Stage Stage => Stages[^1].Stage;

    [JsonIgnore]
    public bool IsOpen => Resolved is null;

    /// <summary>In one line: what, where.</summary>
    [JsonIgnore]
    public string Title => $"{Region}: {(Causes.IsEmpty ? Anomalies.FirstOrDefault()?.Observed ?? "trouble" : Causes[0].Title)} ({string.Join(", ", Services)})";
}

/// <summary>The four stages of an incident.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Stage>))]
public enum Stage
{
    /// <summary>Something left its usual band.</summary>
    Detection,

    /// <summary>Causes are ranked, remedies chosen.</summary>
    Investigation,

    /// <summary>A remedy is proposed or in force.</summary>
    Mitigation,

    /// <summary>Traffic comes back, step by step.</summary>
    Recovery,
}

/// <summary>When a stage was entered, and on what evidence.</summary>
public sealed record StageEntry(Stage Stage, DateTimeOffset At, string Evidence);

/// <summary>One line of the story; each is a fact in the journal too.</summary>
public sealed record TimelineEntry(DateTimeOffset At, string Text)
{
    /// <summary>What sort of event it is: detected, cause, remedy, stage, approval, resolved or note.</summary>
    public string Kind { get; init; } = "note";
}

/// <summary>A possible cause with the evidence for it.</summary>
/// <param name="Class">One of: server or hardware failure, network, software or configuration change, resource shortage, unknown.</param>
/// <param name="Title">In a few words, for people.</param>
/// <param name="Confidence">From 0 to 1.</param>
/// <param name="Evidence">What speaks for it, a line each.</param>
public sealed record Cause(string Class, string Title, double Confidence, ImmutableArray<string> Evidence);

/// <summary>Who was hit, and how hard. Requests count by service and customer, "(unknown)" where none is named.</summary>
public sealed record Impact(long Requests, long Failed, long Slow, long Rescued, ImmutableArray<CustomerImpact> Customers)
{
    public static Impact None { get; } = new(0, 0, 0, 0, []);

    /// <summary>Milliseconds that the first rescued request lost on attempts that failed; null if none was rescued.</summary>
    public double? FirstRescueMs { get; init; }
}

/// <param name="Failed">Requests that got an error, a cut answer or none.</param>
/// <param name="Slow">Requests answered, but slower than the service's usual 99th percentile times two, or its objective.</param>
public sealed record CustomerImpact(string Service, string Customer, long Failed, long Slow);
