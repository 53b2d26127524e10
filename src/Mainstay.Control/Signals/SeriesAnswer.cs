using System.Collections.Immutable;

namespace Mainstay.Control.Signals;

/// <summary>Whether a series is watched.</summary>
public enum Watch
{
    /// <summary>Its baseline is not known yet: nothing is said of it.</summary>
    Learning,

    /// <summary>It is held against its own past.</summary>
    Judged,

    /// <summary>Mainstay's detectors of traffic watch it.</summary>
    ByOthers,

    /// <summary>No point has come for an hour.</summary>
    Ended,
}

/// <summary>One series, as a list shows it.</summary>
/// <param name="LastAt">Time of its newest point; null: none yet.</param>
/// <param name="Windows">Windows of 10 s that its detector has seen.</param>
public sealed record SeriesStatus(
    string Name, ImmutableDictionary<string, string> Labels, SeriesKind Kind, string Source, DateTimeOffset? LastAt, Watch Watch, int Windows);

/// <param name="IsCut">True: there are more.</param>
public sealed record SeriesList(ImmutableArray<SeriesStatus> Series, bool IsCut);

/// <summary>Series of one name over a time.</summary>
/// <param name="Step">Seconds of a point; longer than asked for where finer ones are kept no more.</param>
public sealed record SeriesAnswer(string Name, DateTimeOffset From, DateTimeOffset To, int Step, ImmutableArray<SeriesLine> Series, bool IsCut);

/// <summary>One series over a time.</summary>
public sealed record SeriesLine(ImmutableDictionary<string, string> Labels, SeriesKind Kind, ImmutableArray<SeriesStep> Points);

/// <summary>One window of a series; those without points are left out.</summary>
/// <param name="At">Its begin.</param>
/// <param name="Count">Points; of a histogram, values.</param>
/// <param name="Sum">Of values; of a counter, its increase.</param>
/// <param name="Rate">A second: the increase of a counter, the values of a histogram; null of a gauge.</param>
/// <param name="P50">Median of a histogram; null of others.</param>
/// <param name="P99">99 % of a histogram's values are below; null of others.</param>
public sealed record SeriesStep(DateTimeOffset At, double Count, double Sum, double Min, double Max, double Mean, double Last, double? Rate, double? P50, double? P99);
