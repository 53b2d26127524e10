namespace Mainstay.Control.Signals;

/// <summary>
/// Values of any size in buckets whose width grows with them, so that every quantile is right within 4 %. Those of any windows can be merged.
/// At most 2 × 480 + 1 buckets, from 1e-8 to 1e8 on both sides of 0; what is farther counts as the end. Source: DDSketch (Masson, Rim, Lee, VLDB 2019). Not safe for several threads.
/// </summary>
public sealed class Sketch
{
    /// <summary>Of the buckets' bounds.</summary>
    private const double Growth = 1.08;
    private const int Farthest = 480;
    private static readonly double LogGrowth = Math.Log(Growth);
    private readonly SortedList<int, double> _counts = [];

    public double Count { get; private set; }

    /// <summary>Buckets with their counts, sorted: 0 holds zero, k > 0 values around Growth^(k − 241), −k the same below 0.</summary>
    internal IEnumerable<KeyValuePair<int, double>> Buckets => _counts;

    internal int Length => _counts.Count;

    /// <param name="value">A number; infinities count as the farthest bucket.</param>
    /// <param name="count">How often; from 0.</param>
    public void Add(double value, double count = 1) => AddBucket(BucketOf(value), count);

    public void Add(Sketch other)
    {
        foreach (var (bucket, count) in other._counts)
            AddBucket(bucket, count);
    }

    /// <summary>The value that the given share of all stay below, from 0 to 1; null if it holds none.</summary>
    public double? Quantile(double share)
    {
        if (Count <= 0)
            return null;
        var rank = share * Count;
        var seen = 0.0;
        foreach (var (bucket, count) in _counts)
        {
            seen += count;
            if (seen >= rank)
                return ValueOf(bucket);
        }
        return ValueOf(_counts.GetKeyAtIndex(_counts.Count - 1));
    }

    internal void AddBucket(int bucket, double count)
    {
        if (!(count > 0) || double.IsInfinity(count))
            return;
        bucket = Math.Clamp(bucket, -Farthest, Farthest);
        _counts[bucket] = _counts.GetValueOrDefault(bucket) + count;
        Count += count;
    }

    private static int BucketOf(double value)
    {
        var size = Math.Abs(value);
        if (!(size >= 1e-8))
            return 0;
        var bucket = double.IsInfinity(size) ? Farthest : Math.Clamp((int)Math.Round(Math.Log(size) / LogGrowth) + (Farthest / 2) + 1, 1, Farthest);
        return value < 0 ? -bucket : bucket;
    }

    private static double ValueOf(int bucket) => bucket switch
    {
        0 => 0,
        > 0 => Math.Exp((bucket - (Farthest / 2) - 1) * LogGrowth),
        _ => -ValueOf(-bucket),
    };
}
