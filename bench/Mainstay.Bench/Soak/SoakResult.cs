using System.Text.Json.Serialization;

namespace Mainstay.Bench.Soak;

/// <summary>What became of a soak run.</summary>
internal sealed record SoakResult
{
    public required long Requests { get; init; }

    public required double Seconds { get; init; }

    /// <summary>Answered as they should be.</summary>
    public required long Right { get; init; }

    /// <summary>Their callers left before the answer was whole.</summary>
    public required long Left { get; init; }

    /// <summary>Malformed, and refused.</summary>
    public required long Refused { get; init; }

    /// <summary>Had begun when their server failed, and were cut so that the caller sees it.</summary>
    public required long Cut { get; init; }

    /// <summary>Everything else.</summary>
    public required long Failed { get; init; }

    public required int Faults { get; init; }

    public required int Reloads { get; init; }

    /// <summary>Resident memory in the last quarter after warm-up over that in the first.</summary>
    public required double RssGrowth { get; init; }

    public required double RssMb { get; init; }

    public required double RssMbPerMinute { get; init; }

    public required int ThreadsBefore { get; init; }

    public required int ThreadsMost { get; init; }

    public required int FilesBefore { get; init; }

    public required int FilesMost { get; init; }

    /// <summary>Once idle; a pool may keep idle connections for a minute, after which a full run looks.</summary>
    public required int FilesAfter { get; init; }

    /// <summary>Attempts that still count as under way once nothing is.</summary>
    public required int OutstandingAfter { get; init; }

    /// <summary>What failed, and how often.</summary>
    public required IReadOnlyDictionary<string, int> Troubles { get; init; }

    /// <summary>No leak and no failure. Memory is judged only if there were enough samples.</summary>
    [JsonIgnore]
    public bool IsClean => Failed == 0 && OutstandingAfter == 0 && FilesAfter <= FilesBefore + SoakRun.FilesToSpare
        && !(RssGrowth > 1.1) && ThreadsMost <= SoakRun.MostThreads;
}
