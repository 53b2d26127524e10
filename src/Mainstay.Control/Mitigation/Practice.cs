using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Control.Incidents;
using Mainstay.Routing;

namespace Mainstay.Control.Mitigation;

/// <summary>A region's traffic shifted away for a time, to see what would break if it were lost. A value.</summary>
public sealed record Practice
{
    /// <summary>Counts from 1 within a state folder; never used again.</summary>
    public required int Number { get; init; }

    /// <summary>The one service it concerns; null: every one.</summary>
    public string? Service { get; init; }

    public required string Region { get; init; }

    /// <summary>Name of the token it was ordered with; "schedule" for one of the configuration.</summary>
    public required string Who { get; init; }

    public required string Why { get; init; }

    public required DateTimeOffset Began { get; init; }

    /// <summary>How long it lasts if nothing stops it.</summary>
    public required TimeSpan For { get; init; }

    /// <summary>Share of the region's usual traffic that it still gets, 0 to 1.</summary>
    public double Share { get; init; }

    public PracticeState State { get; init; }

    /// <summary>Why it stands as it stands; for one that was stopped, what stopped it.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Null while it runs.</summary>
    public DateTimeOffset? Ended { get; init; }

    /// <summary>What was measured, by service.</summary>
    public ImmutableArray<PracticeFigures> Services { get; init; } = [];

    /// <summary>What would have broken, a line each; empty while it runs.</summary>
    public ImmutableArray<string> Findings { get; init; } = [];

    public ImmutableArray<TimelineEntry> Timeline { get; init; } = [];

    /// <summary>True once its report stands in state/practice.</summary>
    public bool IsReported { get; init; }

    [JsonIgnore]
    public bool IsRunning => Ended is null;

    /// <summary>In one line: what is practised.</summary>
    [JsonIgnore]
    public string Title => Service is null ? Region : $"{Region} of {Service}";

    /// <summary>Takes the traffic of each service away that has servers elsewhere.</summary>
    public IEnumerable<Overlay> ToOverlays() => IsRunning
        ? Services.Where(s => s.IsShifted).Select(s => new Overlay(FormattableString.Invariant($"practice-{Number}"), s.Service, Region, null, Share) { Until = Began + For })
        : [];
}

/// <summary>Where a practice stands.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PracticeState>))]
public enum PracticeState
{
    Running,

    /// <summary>It went to its end.</summary>
    Passed,

    /// <summary>It was stopped before, and all traffic given back.</summary>
    Stopped,
}

/// <summary>One service in a practice.</summary>
/// <param name="Before">Its last ten seconds before it began; the 99th percentile is the typical one of the minute before.</param>
/// <param name="IsShifted">False: it has no server in another region, so its traffic stayed.</param>
public sealed record PracticeFigures(string Service, TrafficStatus Before, bool IsShifted)
{
    /// <summary>While it lasted; the 99th percentile is the worst of its ten seconds.</summary>
    public TrafficStatus During { get; init; } = TrafficStatus.None;

    public long Requests { get; init; }

    public long Failed { get; init; }

    /// <summary>Answered at the second attempt or later.</summary>
    public long Rescued { get; init; }

    /// <summary>Most requests a second, over ten seconds.</summary>
    public double PeakRate { get; init; }

    /// <summary>Least that the others were known to carry.</summary>
    public double KnownPerSecond { get; init; }

    /// <summary>True: nobody knows what the others can carry beyond that.</summary>
    public bool IsMoreUnknown { get; init; }
}

/// <summary>The practices as the state folder keeps them.</summary>
/// <param name="Last">Highest number that was given.</param>
/// <param name="Practices">Newest first; bounded.</param>
internal sealed record PracticesKept(int Last, ImmutableArray<Practice> Practices)
{
    public static PracticesKept None { get; } = new(0, []);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PracticesKept))]
[JsonSerializable(typeof(Practice))]
internal sealed partial class PracticeJson : JsonSerializerContext;
