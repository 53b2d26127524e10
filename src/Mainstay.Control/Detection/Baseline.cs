namespace Mainstay.Control.Detection;

/// <summary>
/// What is usual for a series: its share of failures, and the median and spread of its typical time, from the last two
/// minutes of well windows with enough traffic. Silent until it has seen eight. It learns only from windows that looked
/// usual, unless they have looked unusual for ten minutes: then that is the usual.
/// </summary>
internal sealed class Baseline
{
    /// <summary>Milliseconds that nobody notices, whatever is usual: servers that answer in less waver by as much when their machine is busy.</summary>
    public const double UnnoticedMs = 2;

    private const int Kept = 120;
    private const int Enough = 8;
    private const int LongUnusual = 600;
    private const double SmallestErrorShare = 0.005;
    private const double SmallestSpread = 0.25;

    private readonly Queue<(int Count, int Failed)> _counts = new();
    private readonly Queue<double> _logMs = new();
    private int _unusual;
    private int _unusualTimes;

    /// <summary>True once there is enough to judge by.</summary>
    public bool IsKnown => _counts.Count >= Enough;

    public bool IsLatencyKnown => _logMs.Count >= Enough;

    /// <summary>Usual share of failures, from 0.5 % up: a service that never failed may still fail once.</summary>
    public double ErrorShare
    {
        get
        {
            var attempts = _counts.Sum(w => w.Count);
            return Math.Max(SmallestErrorShare, attempts == 0 ? 0 : (double)_counts.Sum(w => w.Failed) / attempts);
        }
    }

    /// <summary>Median of the windows' typical times, in milliseconds.</summary>
    public double TypicalMs => Math.Exp(LogMedian());

    /// <summary>Their spread as a factor's natural logarithm: 1.4826 × the median absolute deviation, 0.25 at least.</summary>
    public double Spread
    {
        get
        {
            var median = LogMedian();
            return Math.Max(SmallestSpread, 1.4826 * Median(_logMs.Select(x => Math.Abs(x - median))));
        }
    }

    /// <summary>True if a window whose failures look so should be learned from.</summary>
    public bool Accepts(bool usual) => Accepts(usual, ref _unusual);

    /// <summary>The same for its times: they can be unusual for long while nothing fails.</summary>
    public bool AcceptsTimes(bool usual) => Accepts(usual, ref _unusualTimes);

    public void Learn(int count, int failed)
    {
        _counts.Enqueue((count, failed));
        if (_counts.Count > Kept)
            _counts.Dequeue();
    }

    public void LearnTypicalMs(double ms)
    {
        _logMs.Enqueue(Math.Log(Math.Max(ms, 0.05)));
        if (_logMs.Count > Kept)
            _logMs.Dequeue();
    }

    private static bool Accepts(bool usual, ref int unusual)
    {
        unusual = usual ? 0 : unusual + 1;
        return usual || unusual > LongUnusual;
    }

    private double LogMedian() => Median(_logMs);

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? 0 : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
