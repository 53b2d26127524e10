using System.Collections.Immutable;
using Mainstay.Control.Detection;

namespace Mainstay.Control.Signals;

/// <summary>One series as memory has it: its open windows, the last minutes, its detector. Guarded by the lock of its <see cref="SeriesBook"/>.</summary>
internal sealed class LiveSeries(SeriesId id, SeriesKind kind, SourceTally source, bool isJudged)
{
    /// <summary>So many points in a row from before the last one, and the source's clock was set back: it is believed.</summary>
    private const int LateUntilBelieved = 10;

    private readonly OpenWindow[] _open = new OpenWindow[Resolution.All.Length];
    private readonly Queue<RecentSecond> _recent = new();
    private double _value;
    private ImmutableArray<BucketCount> _buckets;
    private int _late;
    private bool _hasValue;

    public SeriesId Id { get; } = id;

    public SeriesKind Kind { get; private set; } = kind;

    public SourceTally Source { get; } = source;

    /// <summary>Null: others judge it.</summary>
    public SeriesDetector? Detector { get; set; } = isJudged ? new SeriesDetector() : null;

    /// <summary>Seconds between points whose increase the open window of 10 s has; 0: not known.</summary>
    public double Covered { get; set; }

    /// <summary>Windows that the detector has seen.</summary>
    public int Judged { get; set; }

    /// <summary>Time of its newest point.</summary>
    public DateTimeOffset LastAt { get; private set; } = DateTimeOffset.MinValue;

    /// <summary>When a point came last, by this machine's clock.</summary>
    public DateTimeOffset SeenAt { get; private set; }

    public IReadOnlyCollection<RecentSecond> Recent => _recent;

    public ref OpenWindow Open(int resolution) => ref _open[resolution];

    /// <summary>What a point adds to the windows of its series; null: nothing, for the reason given, if one is.</summary>
    /// <param name="now">This machine's time.</param>
    public SeriesWindow? Grow(in SignalPoint point, DateTimeOffset now, out Refusal? why)
    {
        why = null;
        SeenAt = now;
        if (point.Kind != Kind)
            (Kind, _hasValue) = (point.Kind, false);
        var window = new SeriesWindow();
        if (point.At == LastAt)
        {
            why = Refusal.Duplicate;
            return null;
        }
        if (Kind == SeriesKind.Gauge || point.IsDelta)
        {
            if (point.At > LastAt)
                LastAt = point.At;
            Fill(window, point, point.Value, point.Buckets);
            return window;
        }
        if (point.At < LastAt && ++_late < LateUntilBelieved)
        {
            why = Refusal.Late;
            return null;
        }
        return Since(point, window);
    }

    /// <summary>A window came from somebody who fills it alone.</summary>
    public void Note(DateTimeOffset at, DateTimeOffset now)
    {
        SeenAt = now;
        LastAt = at > LastAt ? at : LastAt;
    }

    /// <summary>Keeps a window of a second.</summary>
    /// <returns>By how many more seconds are kept now.</returns>
    public int Remember(long second, SeriesWindow window, bool mayGrow)
    {
        var before = _recent.Count;
        var oldest = second - (long)Resolution.SecondsKept.TotalSeconds;
        while (_recent.TryPeek(out var first) && (first.Second < oldest || (!mayGrow && _recent.Count == before)))
            _recent.Dequeue();
        _recent.Enqueue(new RecentSecond(second, window));
        return _recent.Count - before;
    }

    /// <summary>The increase since the cumulative point before; null at the first one.</summary>
    private SeriesWindow? Since(in SignalPoint point, SeriesWindow window)
    {
        var isFirst = !_hasValue || _late > 0;
        var isReset = !isFirst && IsReset(point);
        if (isReset)
            Source.Resets++;
        if (!isFirst)
        {
            var buckets = point.Buckets.IsDefault || isReset ? point.Buckets : Difference(point.Buckets, _buckets);
            Covered += (point.At - LastAt).TotalSeconds;
            Fill(window, point, isReset ? point.Value : point.Value - _value, buckets);
        }
        (_value, _buckets, _hasValue, _late, LastAt) = (point.Value, point.Buckets, true, 0, point.At);
        return isFirst ? null : window;
    }

    private bool IsReset(in SignalPoint point) =>
        point.Buckets.IsDefault ? point.Value < _value : _buckets.IsDefault || point.Buckets.Sum(b => b.Count) < _buckets.Sum(b => b.Count);

    /// <summary>What was added to each bucket. Where bounds have changed meanwhile, as those of exponential histograms do, it is as much in sum.</summary>
    private static ImmutableArray<BucketCount> Difference(ImmutableArray<BucketCount> now, ImmutableArray<BucketCount> before)
    {
        var known = new Dictionary<double, double>();
        foreach (var bucket in before)
            known[bucket.Bound] = bucket.Count;
        ImmutableArray<BucketCount> more = [.. now.Select(b => b with { Count = Math.Max(0, b.Count - known.GetValueOrDefault(b.Bound)) })];
        var (seen, all) = (more.Sum(b => b.Count), now.Sum(b => b.Count) - before.Sum(b => b.Count));
        return seen > all && seen > 0 ? [.. more.Select(b => b with { Count = b.Count * all / seen })] : more;
    }

    private void Fill(SeriesWindow window, in SignalPoint point, double value, ImmutableArray<BucketCount> buckets)
    {
        if (Kind != SeriesKind.Histogram)
        {
            window.Add(value);
            return;
        }
        var sketch = new Sketch();
        var below = double.NegativeInfinity;
        if (buckets.IsDefault)
            sketch.Add(value);
        else
        {
            foreach (var bucket in buckets)
            {
                sketch.Add(Middle(below, bucket.Bound), bucket.Count);
                below = bucket.Bound;
            }
        }
        window.Add(sketch, value);
    }

    /// <summary>Where the values of a bucket are taken to be: in its geometric middle; those of the first in half its bound, those beyond the last bound at it.</summary>
    private static double Middle(double below, double bound)
    {
        if (double.IsPositiveInfinity(bound))
            return double.IsFinite(below) ? below : 0;
        if (bound <= 0)
            return bound;
        return below > 0 ? Math.Sqrt(below * bound) : bound / 2;
    }
}

/// <summary>A window that is not over.</summary>
/// <param name="Start">Seconds since 1970.</param>
/// <param name="Window">Null: none is open.</param>
internal record struct OpenWindow(long Start, SeriesWindow? Window);

/// <summary>A window of one second.</summary>
/// <param name="Second">Seconds since 1970.</param>
internal readonly record struct RecentSecond(long Second, SeriesWindow Window);
