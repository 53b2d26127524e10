namespace Mainstay.Control.Telemetry;

/// <summary>
/// Durations in buckets whose width grows with their value, so that every quantile is right within 4 %, from 50 µs to
/// ten minutes; outside that it is the nearest end. Histograms of any windows can be merged. Source: DDSketch (Masson,
/// Rim, Lee, VLDB 2019), with fixed bounds. Not safe for several threads.
/// </summary>
public sealed class Histogram
{
    private const double SmallestMs = 0.05;
    private const double Growth = 1.08;
    private const int Buckets = 213;
    private static readonly double LogGrowth = Math.Log(Growth);
    private readonly int[] _counts = new int[Buckets];

    /// <summary>How many durations it holds.</summary>
    public int Count { get; private set; }

    /// <summary>Durations in milliseconds, to the precision of a bucket, and how many there are of each.</summary>
    internal IEnumerable<(double Ms, int Count)> Values
    {
        get
        {
            for (var i = 0; i < Buckets; i++)
            {
                if (_counts[i] > 0)
                    yield return (Middle(i), _counts[i]);
            }
        }
    }

    public void Add(TimeSpan duration)
    {
        _counts[Bucket(duration.TotalMilliseconds)]++;
        Count++;
    }

    public void Add(Histogram other)
    {
        for (var i = 0; i < Buckets; i++)
            _counts[i] += other._counts[i];
        Count += other.Count;
    }

    /// <summary>The duration in milliseconds that the given share of all stay below; 0 if it holds none.</summary>
    /// <param name="share">From 0 to 1, such as 0.99.</param>
    public double QuantileMs(double share)
    {
        if (Count == 0)
            return 0;
        var rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        var bucket = 0;
        for (long seen = _counts[0]; seen < rank; seen += _counts[bucket])
            bucket++;
        return Middle(bucket);
    }

    /// <summary>How many lie above a duration, to the precision of a bucket.</summary>
    public int CountAbove(TimeSpan duration)
    {
        var above = 0;
        for (var i = Bucket(duration.TotalMilliseconds) + 1; i < Buckets; i++)
            above += _counts[i];
        return above;
    }

    private static double Middle(int bucket) => bucket == 0 ? SmallestMs : SmallestMs * Math.Exp((bucket - 0.5) * LogGrowth);

    private static int Bucket(double ms) =>
        ms <= SmallestMs ? 0 : Math.Min(Buckets - 1, 1 + (int)(Math.Log(ms / SmallestMs) / LogGrowth));
}
