using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void A_quantile_is_within_seven_percent_of_the_truth() =>
        Property.Holds(Gen.Choose(8, 2_000_000_000).NonEmptyListOf(), micros =>
        {
            var histogram = new LatencyHistogram();
            foreach (var value in micros)
                histogram.Add(TimeSpan.FromMicroseconds(value));
            histogram.Turn(keep: 1);
            var sorted = micros.Order().ToList();
            return new[] { 0.01, 0.5, 0.95, 1.0 }.All(share =>
            {
                var truth = sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Count) - 1)];
                return Math.Abs(histogram.Quantile(share).TotalMicroseconds - truth) <= 0.07 * truth;
            });
        });

    [Fact]
    public void Nothing_counted_has_no_quantile()
    {
        var histogram = new LatencyHistogram();
        histogram.Add(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, histogram.Quantile(0.5));
        histogram.Turn(keep: 1);
        Assert.Equal(1, histogram.Count);
    }

    [Fact]
    public void The_past_fades()
    {
        var histogram = new LatencyHistogram();
        for (var i = 0; i < 1000; i++)
            histogram.Add(TimeSpan.FromMilliseconds(1));
        histogram.Turn(keep: 0.5);
        for (var turn = 0; turn < 9; turn++)
        {
            for (var i = 0; i < 10; i++)
                histogram.Add(TimeSpan.FromMilliseconds(100));
            histogram.Turn(keep: 0.5);
        }
        Assert.InRange(histogram.Quantile(0.5).TotalMilliseconds, 93, 107);
    }

    [Fact]
    public void What_lies_outside_counts_as_the_nearest()
    {
        var histogram = new LatencyHistogram();
        histogram.Add(TimeSpan.FromSeconds(-1));
        histogram.Add(TimeSpan.FromDays(2));
        histogram.Turn(keep: 1);
        Assert.InRange(histogram.Quantile(0.1).TotalMicroseconds, 8, 9);
        Assert.InRange(histogram.Quantile(1).TotalMinutes, 30, 36);
    }

    [Fact]
    public void A_sum_holds_what_its_parts_hold()
    {
        var parts = new[] { new LatencyHistogram(), new LatencyHistogram() };
        parts[0].Add(TimeSpan.FromMilliseconds(1));
        parts[1].Add(TimeSpan.FromMilliseconds(100));
        foreach (var part in parts)
            part.Turn(keep: 1);
        var sum = new LatencyHistogram();
        sum.Sum(parts);
        sum.Sum(parts);
        Assert.Equal(2, sum.Count);
        Assert.InRange(sum.Quantile(0.4).TotalMilliseconds, 0.9, 1.1);
        Assert.InRange(sum.Quantile(0.9).TotalMilliseconds, 93, 107);
    }
}
