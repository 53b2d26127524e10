using System.Collections.Immutable;

namespace Mainstay.Control.Signals;

/// <summary>What kind of metric OpenTelemetry calls it.</summary>
internal enum OtlpShape
{
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

/// <summary>A metric around its points.</summary>
internal struct OtlpMetric
{
    public string Name;
    public OtlpShape Shape;
    public bool IsDelta;
    public bool IsMonotonic;
}

/// <summary>One point, whatever its shape; what a shape does not have stays empty.</summary>
internal sealed class OtlpPoint
{
    public List<KeyValuePair<string, string>> Attributes { get; } = [];

    /// <summary>Nanoseconds since 1970.</summary>
    public ulong Time { get; set; }

    /// <summary>Of a gauge or sum; of the others the sum of their values.</summary>
    public double Value { get; set; }

    public double Count { get; set; }

    /// <summary>Bit 0: there is no value.</summary>
    public ulong Flags { get; set; }

    public List<double> Bounds { get; } = [];

    public List<double> Counts { get; } = [];

    public int Scale { get; set; }

    public double Zeros { get; set; }

    public int PositiveOffset { get; set; }

    public List<double> Positive { get; } = [];

    public int NegativeOffset { get; set; }

    public List<double> Negative { get; } = [];
}

/// <summary>Metrics of OpenTelemetry on their way to points: the same for protobuf and JSON. Bounded.</summary>
/// <param name="now">Time of points that say none.</param>
internal sealed class OtlpBatch(DateTimeOffset now)
{
    public const int MostPoints = 200_000;
    private const int MostBuckets = 2000;

    /// <summary>Of the many attributes of a resource, those that tell series apart for people.</summary>
    private static readonly ImmutableDictionary<string, string> Kept = new Dictionary<string, string>
    {
        ["service.name"] = "service",
        ["service.instance.id"] = "instance",
        ["cloud.region"] = "region",
        ["host.name"] = "host",
    }.ToImmutableDictionary();

    private readonly List<SignalPoint> _points = [];
    private readonly ImmutableArray<string>.Builder _errors = ImmutableArray.CreateBuilder<string>();
    private List<KeyValuePair<string, string>> _resource = [];
    private int _wrong;

    public void Begin(IEnumerable<KeyValuePair<string, string>> resource) =>
        _resource = [.. resource.Where(a => Kept.ContainsKey(a.Key)).DistinctBy(a => a.Key).Select(a => KeyValuePair.Create(Kept[a.Key], a.Value))];

    public PointsRead End() => new(_points, _errors.ToImmutable(), _wrong);

    public void Add(in OtlpMetric metric, OtlpPoint point)
    {
        if ((point.Flags & 1) != 0)
            return;
        if (_points.Count >= MostPoints || point.Positive.Count + point.Negative.Count + point.Counts.Count > MostBuckets)
        {
            Refuse($"{metric.Name}: more than {MostPoints} points, or {MostBuckets} buckets of one");
            return;
        }
        var labels = point.Attributes.Concat(_resource.Where(r => point.Attributes.All(a => a.Key != r.Key))).DistinctBy(a => a.Key);
        if (SeriesId.TryMake(metric.Name, labels, out var wrong) is not { } id)
        {
            Refuse($"{metric.Name}: {wrong}");
            return;
        }
        var at = point.Time == 0 ? now : DateTimeOffset.UnixEpoch.AddTicks((long)Math.Min(point.Time / 100, (ulong)TimeSpan.FromDays(100_000).Ticks));
        var kind = metric.Shape switch
        {
            OtlpShape.Gauge => SeriesKind.Gauge,
            OtlpShape.Sum => metric.IsMonotonic ? SeriesKind.Counter : SeriesKind.Gauge,
            OtlpShape.Summary => SeriesKind.Counter,
            _ => SeriesKind.Histogram,
        };
        // Of a summary, what can be added up: how many there were.
        var value = metric.Shape == OtlpShape.Summary ? point.Count : point.Value;
        if (kind == SeriesKind.Histogram && Buckets(metric.Shape, point) is var buckets)
        {
            if (!buckets.IsDefault)
                _points.Add(new SignalPoint(id, kind, at, value) { IsDelta = metric.IsDelta, Buckets = buckets });
            else
                Refuse($"{metric.Name}: bounds and counts of its buckets do not go together");
            return;
        }
        _points.Add(new SignalPoint(id, kind, at, value) { IsDelta = metric.IsDelta && kind == SeriesKind.Counter });
    }

    private static ImmutableArray<BucketCount> Buckets(OtlpShape shape, OtlpPoint point)
    {
        var buckets = new SortedDictionary<double, double>();
        if (shape == OtlpShape.Histogram)
        {
            if (point.Counts.Count == 0)
                return [new BucketCount(double.PositiveInfinity, point.Count)];
            if (point.Counts.Count != point.Bounds.Count + 1)
                return default;
            for (var i = 0; i < point.Counts.Count; i++)
                Put(buckets, i < point.Bounds.Count ? point.Bounds[i] : double.PositiveInfinity, point.Counts[i]);
        }
        else
        {
            var log = Math.Log(2) * Math.Pow(2, -Math.Clamp(point.Scale, -20, 30));
            Put(buckets, 0, point.Zeros);
            for (var i = 0; i < point.Positive.Count; i++)
                Put(buckets, Rounded(log * ((double)point.PositiveOffset + i + 1)), point.Positive[i]);
            for (var i = 0; i < point.Negative.Count; i++)
                Put(buckets, -Rounded(log * ((double)point.NegativeOffset + i)), point.Negative[i]);
        }
        return [.. buckets.Select(b => new BucketCount(b.Key, b.Value))];
    }

    /// <summary>Bounds 8 % apart, the same whatever the scale: it changes while a process runs.</summary>
    private static double Rounded(double log) => Math.Exp(Math.Clamp(Math.Round(log / Math.Log(1.08)), -5000, 5000) * Math.Log(1.08));

    private static void Put(SortedDictionary<double, double> buckets, double bound, double count)
    {
        // A bound that is no number is told by the count's.
        var key = double.IsNaN(bound) ? double.PositiveInfinity : bound;
        buckets[key] = buckets.GetValueOrDefault(key) + (double.IsNaN(bound) ? double.NaN : count);
    }

    private void Refuse(string text)
    {
        _wrong++;
        if (_errors.Count < 20)
            _errors.Add(text);
    }
}
