using System.Collections.Immutable;
using Mainstay.Control;
using Mainstay.Dashboard;
using Mainstay.Dashboard.Charts;

namespace Mainstay.Tests.Dashboard;

public sealed class WordsTests
{
    [Theory]
    [InlineData(0, "0 %")]
    [InlineData(0.00001, "< 0.01 %")]
    [InlineData(0.0004, "0.04 %")]
    [InlineData(0.012, "1.2 %")]
    [InlineData(0.25, "25 %")]
    [InlineData(1, "100 %")]
    public void A_share_never_reads_as_zero_unless_it_is(double share, string words) => Assert.Equal(words, Words.Percent(share));

    [Theory]
    [InlineData(0, "0/s")]
    [InlineData(5.5, "5.5/s")]
    [InlineData(198.4, "198/s")]
    [InlineData(12345, "12,345/s")]
    public void A_rate_is_as_exact_as_it_is_useful(double rate, string words) => Assert.Equal(words, Words.Rate(rate));

    [Theory]
    [InlineData(0, "–")]
    [InlineData(6.04, "6.0 ms")]
    [InlineData(212, "212 ms")]
    [InlineData(1449, "1.4 s")]
    public void Milliseconds_grow_into_seconds(double value, string words) => Assert.Equal(words, Words.Milliseconds(value));

    [Theory]
    [InlineData(7, "7 s")]
    [InlineData(200, "3 min 20 s")]
    [InlineData(7200, "2 h")]
    [InlineData(93600, "1 d 2 h")]
    public void A_span_has_two_units_at_most(int seconds, string words) => Assert.Equal(words, Words.Span(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(0.021, 0.02, 0.03)]
    [InlineData(230, 10, 300)]
    [InlineData(1000, 10, 1000)]
    [InlineData(double.NaN, 10, 10)]
    public void An_axis_ends_at_a_round_value_that_holds_all(double largest, double least, double top) => Assert.Equal(top, Plot.RoundTop(largest, least), 9);

    [Fact]
    public void A_line_breaks_where_seconds_are_missing()
    {
        var start = DashboardSamples.Now;
        ImmutableArray<HistoryPoint> points = [.. new[] { 0, 1, 2, 10, 11 }.Select(s => new HistoryPoint(start.AddSeconds(s), 5, 0, 1, 1))];
        var path = new Plot(100, 50, start, start.AddSeconds(20), 10).Path(points, p => p.Rate);
        Assert.Equal("M0 25L5 25L10 25M50 25L55 25", path);
    }
}
