using FsCheck.Fluent;
using Mainstay.Control.Telemetry;

namespace Mainstay.Tests.Telemetry;

public sealed class HistogramTests
{
    [Fact]
    public void Every_quantile_is_within_4_percent_of_a_sort() =>
        Property.Holds(Gen.Choose(0, int.MaxValue), seed =>
        {
            var random = new Random(seed);
            var durations = Durations(random, random.Next(1, 400));
            var histogram = Of(durations);
            var sorted = durations.Order().ToArray();
            return histogram.Count == sorted.Length && new[] { 0, 0.01, 0.5, 0.9, 0.99, 1, random.NextDouble() }.All(share =>
            {
                var exact = sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Length) - 1)].TotalMilliseconds;
                return Math.Abs(histogram.QuantileMs(share) - exact) <= exact * 0.04;
            });
        });

    [Fact]
    public void Merging_is_adding_all() =>
        Property.Holds(Gen.Choose(0, int.MaxValue), seed =>
        {
            var random = new Random(seed);
            var (some, others) = (Durations(random, random.Next(50)), Durations(random, random.Next(50)));
            var merged = Of(some);
            merged.Add(Of(others));
            var all = Of([.. some, .. others]);
            return merged.Count == all.Count
                && Enumerable.Range(0, 21).All(i => merged.QuantileMs(i / 20.0) == all.QuantileMs(i / 20.0));
        });

    [Fact]
    public void Outside_its_range_it_gives_the_nearest_end()
    {
        Assert.Equal(0, new Histogram().QuantileMs(0.5));
        Assert.Equal(0.05, Of([TimeSpan.Zero]).QuantileMs(0.5));
        Assert.Equal(0.05, Of([TimeSpan.FromSeconds(-1)]).QuantileMs(0.5));
        Assert.InRange(Of([TimeSpan.FromDays(2)]).QuantileMs(0.5), 560_000, 640_000);
    }

    [Fact]
    public void What_lies_above_a_duration_is_counted()
    {
        var histogram = Of([.. Enumerable.Range(1, 100).Select(i => TimeSpan.FromMilliseconds(i * 10))]);
        Assert.InRange(histogram.CountAbove(TimeSpan.FromMilliseconds(500)), 46, 50);
        Assert.Equal(0, histogram.CountAbove(TimeSpan.FromMilliseconds(1000)));
        Assert.Equal(100, histogram.CountAbove(TimeSpan.FromMilliseconds(1)));
    }

    private static Histogram Of(IEnumerable<TimeSpan> durations)
    {
        var histogram = new Histogram();
        foreach (var duration in durations)
            histogram.Add(duration);
        return histogram;
    }

    /// <summary>From 60 µs to nine minutes, each order of magnitude alike.</summary>
    private static List<TimeSpan> Durations(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => TimeSpan.FromMilliseconds(0.06 * Math.Exp(random.NextDouble() * Math.Log(9_000_000))))];
}
