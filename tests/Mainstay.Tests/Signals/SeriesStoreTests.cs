using Mainstay.Control.Signals;

namespace Mainstay.Tests.Signals;

public sealed class SeriesStoreTests : IDisposable
{
    private readonly SignalHouse _house = new();

    public void Dispose() => _house.Dispose();

    [Theory]
    [InlineData("1s", 1, 60)]
    [InlineData("10s", 10, 6)]
    [InlineData("1m", 60, 1)]
    public void A_gauge_is_answered_in_windows_of_any_width(string step, int seconds, int points)
    {
        var value = 0;
        _house.Run(60, () => _house.Take(value++));
        var answer = _house.Read("depth", "60s", step);
        Assert.Equal(seconds, answer.Step);
        var line = Assert.Single(answer.Series);
        Assert.Equal(points, line.Points.Length);
        Assert.Equal((60.0, 0.0, 59.0, 1770.0), (line.Points.Sum(p => p.Count), line.Points[0].Min, line.Points[^1].Max, line.Points.Sum(p => p.Sum)));
    }

    [Fact]
    public void A_counter_that_begins_anew_goes_on_with_what_it_counts_now()
    {
        foreach (var value in new[] { 100.0, 110, 125, 5, 10 })
        {
            _house.Take(value, SeriesKind.Counter);
            _house.Run(1);
        }
        Assert.Equal(10 + 15 + 5 + 5, _house.Read("depth", "60s", "1s").Series[0].Points.Sum(p => p.Sum));
        Assert.Equal(1, _house.Store.Sources()[0].Resets);
    }

    [Fact]
    public void Histograms_of_many_windows_are_merged_and_their_quantiles_stay_right()
    {
        for (var i = 1; i <= 1000; i++)
        {
            _house.Store.Take("test", [new SignalPoint(SignalHouse.Id("wait"), SeriesKind.Histogram, _house.Now, i) { IsDelta = true }]);
            if (i % 10 == 0)
                _house.Run(1);
            else
                _house.Clock.Advance(TimeSpan.FromMilliseconds(1));
        }
        var point = _house.Read("wait", "1h", "1h").Series[0].Points;
        Assert.Equal(1000, point.Sum(p => p.Count));
        Assert.InRange(point[0].P50!.Value, 480, 520);
        Assert.InRange(point[0].P99!.Value, 950, 1030);
    }

    [Fact]
    public void What_was_written_outlives_a_kill_and_the_open_hour_is_made_again_from_minutes()
    {
        _house.Run(600, () => _house.Take(2));
        _house.Restart();
        Assert.InRange(_house.Read("depth", "20m", "10s").Series[0].Points.Sum(p => p.Count), 580, 600);
        var before = _house.Read("depth", "1h", "1h").Series[0].Points.Sum(p => p.Count);
        Assert.InRange(before, 530, 600);
        _house.Run(10, () => _house.Take(2));
        Assert.Equal(before + 10, _house.Read("depth", "1h", "1h").Series[0].Points.Sum(p => p.Count));
    }

    [Fact]
    public void Late_points_of_a_gauge_stand_where_they_belong_and_twice_the_same_time_counts_once()
    {
        _house.Run(100, () => _house.Take(1));
        _house.Take(50, at: _house.Now.AddSeconds(-60.5));
        _house.Take(9, at: _house.Now.AddSeconds(-1));
        _house.Run(20);
        var points = _house.Read("depth", "5m", "10s").Series[0].Points;
        Assert.Equal((101.0, 50.0), (points.Sum(p => p.Count), points.Max(p => p.Max)));
        Assert.Equal(1, _house.Refused(Refusal.Duplicate));
    }

    [Fact]
    public void What_cannot_be_is_counted_with_its_reason_and_told_with_a_cure()
    {
        _house.Take(double.NaN);
        _house.Take(double.PositiveInfinity);
        _house.Take(-1, SeriesKind.Counter);
        _house.Take(1, at: _house.Now.AddMinutes(10));
        _house.Take(1, at: _house.Now.AddDays(-500));
        _house.Take(5, SeriesKind.Counter);
        _house.Take(4, SeriesKind.Counter, at: _house.Now.AddSeconds(-9));
        _house.Run(1);
        Assert.Equal([2L, 1, 1, 1, 1], new[] { Refusal.NotFinite, Refusal.Negative, Refusal.Ahead, Refusal.TooOld, Refusal.Late }.Select(r => _house.Refused(r)));
        Assert.Contains(_house.Troubles.List(), t => t.StartsWith("signals of test: ", StringComparison.Ordinal) && t.Contains("NTP", StringComparison.Ordinal) | t.Contains("order", StringComparison.Ordinal) | t.Contains("gauge", StringComparison.Ordinal) | t.Contains("400 days", StringComparison.Ordinal));
        _house.Run(301);
        Assert.DoesNotContain(_house.Troubles.List(), t => t.StartsWith("signals of test", StringComparison.Ordinal));
    }

    [Fact]
    public void A_clock_that_was_set_back_is_believed_after_ten_points()
    {
        var back = TimeSpan.Zero;
        var value = 0;
        _house.Run(5, () => _house.Take(value += 10, SeriesKind.Counter));
        back = TimeSpan.FromMinutes(2);
        _house.Run(30, () => _house.Take(value += 10, SeriesKind.Counter, at: _house.Now - back));
        Assert.Equal(9, _house.Refused(Refusal.Late));
        Assert.Equal(40 + 200, _house.Read("depth", "5m", "10s").Series[0].Points.Sum(p => p.Sum));
    }

    [Fact]
    public void A_label_with_too_many_values_is_bounded_and_names_its_source_while_others_go_on()
    {
        using var house = new SignalHouse(mostSeries: 10_000);
        for (var i = 0; i < 3000; i++)
            house.Store.Take("loud", [new SignalPoint(SignalHouse.Id("hits", ("user", $"u{i}")), SeriesKind.Gauge, house.Now, 1)]);
        house.Take(1, source: "quiet");
        house.Run(1);
        Assert.Equal((SeriesBook.MostValues, 1), (house.Store.Sources()[0].Series, house.Store.Sources()[1].Series));
        var trouble = Assert.Single(house.Troubles.List(), t => t.StartsWith("signals of loud", StringComparison.Ordinal));
        Assert.Contains("label user of hits", trouble, StringComparison.Ordinal);
        Assert.DoesNotContain(house.Troubles.List(), t => t.Contains("quiet", StringComparison.Ordinal));
    }

    [Fact]
    public void One_source_takes_no_more_than_half_of_the_series()
    {
        using var house = new SignalHouse(mostSeries: 100);
        for (var i = 0; i < 200; i++)
            house.Store.Take("loud", [new SignalPoint(SignalHouse.Id($"metric_{i}"), SeriesKind.Gauge, house.Now, 1)]);
        Assert.Equal(1, house.Take(1, source: "quiet"));
        Assert.Equal((50, 150L), (house.Store.Sources()[0].Series, house.Refused(Refusal.TooManySeries, "loud")));
    }

    [Fact]
    public void A_new_series_is_silent_and_says_that_it_learns()
    {
        var value = 0.0;
        _house.Run(300, () => _house.Take(value = (value + 7) % 10));
        _house.Run(20, () => _house.Take(1e6));
        Assert.Empty(_house.Alarms);
        Assert.Equal(Watch.Learning, Assert.Single(_house.Store.List("depth").Series).Watch);
    }

    [Fact]
    public void A_series_whose_baseline_is_known_alarms_when_it_leaves_it_and_not_before()
    {
        var random = new Random(1);
        _house.Run(3000, () => _house.Take(100 + random.NextDouble()));
        Assert.Empty(_house.Alarms);
        _house.Run(30, () => _house.Take(500 + random.NextDouble()));
        var alarm = _house.Alarms[0];
        Assert.Equal("depth", alarm.Name);
        Assert.Equal(("signals", "depth"), (alarm.ToAlert(_house.Now).Source, alarm.ToAlert(_house.Now).Name));
        Assert.Equal(Watch.Judged, Assert.Single(_house.Store.List("depth").Series).Watch);
    }

    [Fact]
    public void A_counter_that_grows_evenly_is_even_however_its_readings_fall_into_windows()
    {
        var random = new Random(2);
        for (var i = 0; i < 400; i++)
        {
            _house.Take(_house.Now.ToUnixTimeMilliseconds() / 100.0, SeriesKind.Counter);
            _house.Run(13 + (i % 5));
        }
        Assert.Empty(_house.Alarms);
        var more = 0.0;
        for (var i = 0; i < 20; i++)
        {
            more += 1000 + random.Next(10);
            _house.Take((_house.Now.ToUnixTimeMilliseconds() / 100.0) + more, SeriesKind.Counter);
            _house.Run(15);
        }
        Assert.Contains("a second", Assert.Single(_house.Alarms.Take(1)).Observed, StringComparison.Ordinal);
    }
}
