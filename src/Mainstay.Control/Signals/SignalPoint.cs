using System.Collections.Immutable;

namespace Mainstay.Control.Signals;

/// <summary>What the values of a series mean.</summary>
public enum SeriesKind
{
    /// <summary>Each value stands for itself.</summary>
    Gauge,

    /// <summary>A count that only grows, and begins anew at 0 with its process.</summary>
    Counter,

    /// <summary>Counts of values by their size.</summary>
    Histogram,
}

/// <summary>One point of one series, as a source tells it.</summary>
/// <param name="At">Its time at the source.</param>
/// <param name="Value">Of a gauge or counter; of a histogram the sum of its values.</param>
public readonly record struct SignalPoint(SeriesId Series, SeriesKind Kind, DateTimeOffset At, double Value)
{
    /// <summary>Of a histogram: how many values lie above the bound before and up to this one, sorted; default for others.</summary>
    public ImmutableArray<BucketCount> Buckets { get; init; }

    /// <summary>True: counts since the point before; false: since the source began.</summary>
    public bool IsDelta { get; init; }
}

/// <param name="Bound">Upper bound, included; may be +∞.</param>
/// <param name="Count">Values in the bucket; not negative.</param>
public readonly record struct BucketCount(double Bound, double Count);
