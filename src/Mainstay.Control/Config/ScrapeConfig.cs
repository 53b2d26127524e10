using System.Collections.Immutable;

namespace Mainstay.Control.Config;

/// <summary>Servers whose metrics are read.</summary>
/// <param name="Job">Stands in the label job.</param>
/// <param name="Targets">Whole addresses.</param>
/// <param name="Profile">What their metrics mean; null: nothing is known.</param>
public sealed record ScrapeConfig(string Job, ImmutableArray<Uri> Targets, string? Profile)
{
    public const string Instance = "instance";

    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(15);

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A label of every series; null: none.</summary>
    public string? Service { get; init; }

    /// <summary>A label of every series; null: none.</summary>
    public string? Region { get; init; }

    /// <summary>Environment variable that holds the token sent along; null: none is.</summary>
    public string? TokenVariable { get; init; }

    /// <summary>True: addresses of this machine's link may be reached.</summary>
    public bool MayReachLinkLocal { get; init; }
}

/// <summary>Bounds of what is taken in.</summary>
/// <param name="MostSeries">That live at a time; one source may have half of them.</param>
public sealed record SignalsConfig(int MostSeries = 10_000);
