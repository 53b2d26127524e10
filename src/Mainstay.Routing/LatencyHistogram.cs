using System.Numerics;

namespace Mainstay.Routing;

/// <summary>
/// How long something took lately: counts in buckets that grow with the value, eight to each doubling, so that a quantile is
/// within 7 % of the truth (the buckets of HdrHistogram). Older counts fade: each turn keeps a part of them (exponential
/// decay: Cormode et al., "Forward Decay", ICDE 2009). Adding is safe for any number of threads and costs one increment;
/// turning and reading are for one thread.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int PerDoubling = 8;
    private const int Smallest = 8;
    private const int Doublings = 28;

    private readonly int[] _new = new int[Doublings * PerDoubling];
    private readonly double[] _lately = new double[Doublings * PerDoubling];

    /// <summary>Values that count, as of the last turn; faded ones in part.</summary>
    public double Count { get; private set; }

    /// <param name="took">From 8 µs to 35 min; what lies outside counts as the nearest.</param>
    public void Add(TimeSpan took) => Interlocked.Increment(ref _new[Bucket(took)]);

    /// <summary>Lets the past fade, and takes in what was added since the last turn.</summary>
    /// <param name="keep">Part of the past that stays, 0 to 1.</param>
    public void Turn(double keep)
    {
        Count = 0;
        for (var i = 0; i < _lately.Length; i++)
            Count += _lately[i] = (_lately[i] * keep) + Interlocked.Exchange(ref _new[i], 0);
    }

    /// <summary>Forgets its own past and takes over the sum of others', as of their last turn.</summary>
    public void Sum(IEnumerable<LatencyHistogram> others)
    {
        Array.Clear(_lately);
        Count = 0;
        foreach (var other in others)
        {
            Count += other.Count;
            for (var i = 0; i < _lately.Length; i++)
                _lately[i] += other._lately[i];
        }
    }

    /// <summary>The value below which so large a share lies, as of the last turn; zero if there are none.</summary>
    public TimeSpan Quantile(double share)
    {
        var left = share * Count;
        for (var i = 0; i < _lately.Length; i++)
        {
            left -= _lately[i];
            if (left <= 0 && _lately[i] > 0)
                return Middle(i);
        }
        return TimeSpan.Zero;
    }

    private static int Bucket(TimeSpan took)
    {
        var micros = (uint)Math.Clamp(took.Ticks / TimeSpan.TicksPerMicrosecond, Smallest, (1L << 31) - 1);
        var doubling = BitOperations.Log2(micros);
        return ((doubling - 3) * PerDoubling) + (int)((micros >> (doubling - 3)) & (PerDoubling - 1));
    }

    private static TimeSpan Middle(int bucket) =>
        TimeSpan.FromMicroseconds((Smallest + (bucket % PerDoubling) + 0.5) * Math.Pow(2, bucket / PerDoubling));
}
