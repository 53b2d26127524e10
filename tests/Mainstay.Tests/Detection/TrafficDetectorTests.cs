using Mainstay.Control.Detection;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Tests.Detection;

public sealed class TrafficDetectorTests
{
    private readonly TrafficDetector _detector = new(new SeriesKey("chat", "a"));
    private readonly Random _random = new(11);
    private DateTimeOffset _now = Scene.Start;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void One_failed_request_alarms_nobody_however_little_traffic_there_is(int perSecond)
    {
        Judge(30, perSecond);
        Judge(1, perSecond, failed: 1);
        Assert.Empty(Alarms());
        for (var i = 0; i < 60; i++)
        {
            Judge(1, perSecond);
            Assert.Empty(Alarms());
        }
    }

    [Fact]
    public void At_one_request_a_second_four_failures_in_a_row_alarm_nobody_and_ten_do()
    {
        Judge(30, 1);
        for (var i = 0; i < 4; i++)
        {
            Judge(1, 1, failed: 1);
            Assert.Empty(Alarms());
        }
        Judge(6, 1, failed: 1);
        Assert.Equal("errors", Assert.Single(Alarms()).Detector);
    }

    [Fact]
    public void A_twentieth_of_200_a_second_alarms_in_two_windows()
    {
        Judge(30, 200);
        var began = _now;
        Judge(2, 200, failed: 10);
        var alarm = Assert.Single(Alarms());
        Assert.Equal(("errors", "chat", "a", began), (alarm.Detector, alarm.Service, alarm.Region, alarm.Since));
        Assert.Equal("5.0 % failed (20 of 400)", alarm.Observed.Replace('\u00a0', ' '));
    }

    [Fact]
    public void All_of_the_traffic_failing_alarms_in_one_window()
    {
        Judge(30, 50);
        Judge(1, 50, failed: 50);
        Assert.Single(Alarms());
    }

    [Fact]
    public void Ten_times_slower_alarms_in_three_windows_and_not_in_one()
    {
        Judge(30, 50);
        Judge(1, 50, ms: 200);
        Assert.Empty(Alarms());
        Judge(2, 50, ms: 200);
        var alarm = Assert.Single(Alarms());
        Assert.Equal("latency", alarm.Detector);
        Assert.Contains("ms at the median", alarm.Observed, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_as_slow_again_is_no_news()
    {
        Judge(30, 50);
        for (var i = 0; i < 300; i++)
        {
            Judge(1, 50, ms: 30);
            Assert.Empty(Alarms());
        }
    }

    [Fact]
    public void Three_times_slower_is_no_news_where_that_is_a_millisecond_and_a_half()
    {
        Judge(30, 50, ms: 0.7);
        for (var i = 0; i < 12; i++)
        {
            Judge(1, 50, ms: 2.1);
            Assert.Empty(Alarms());
        }
        Judge(4, 50, ms: 4.5);
        Assert.Equal("latency", Assert.Single(Alarms()).Detector);
    }

    [Fact]
    public void What_slows_everything_down_is_not_held_against_it()
    {
        Judge(30, 50);
        for (var i = 0; i < 30; i++)
            _detector.Judge(Window(50, 0, 200), _now = _now.AddSeconds(1), slowdown: 10, learn: true);
        Assert.Empty(Alarms());
    }

    [Fact]
    public void While_its_past_is_unknown_it_is_silent()
    {
        Judge(7, 50, failed: 50, ms: 500);
        Assert.Empty(Alarms());
    }

    [Fact]
    public void A_second_of_trouble_is_over_when_usual_windows_have_outweighed_it()
    {
        Judge(30, 50);
        Judge(1, 50, failed: 50);
        Judge(12, 50);
        Assert.Empty(Alarms());
    }

    [Fact]
    public void Nothing_is_learned_while_an_incident_is_open()
    {
        Judge(30, 50);
        Judge(700, 50, failed: 25, ms: 300, learn: false);
        Assert.Equal(0.005, _detector.Baseline.ErrorShare);
        Assert.InRange(_detector.Baseline.TypicalMs, 18, 22);
        Assert.Equal(2, Alarms().Count);
        _detector.Reset();
        Assert.Empty(Alarms());
    }

    [Fact]
    public void What_has_been_slow_for_ten_minutes_is_the_usual_then_though_nothing_fails()
    {
        Judge(30, 50);
        Judge(599, 50, ms: 200);
        Assert.InRange(_detector.Baseline.TypicalMs, 18, 22);
        Judge(130, 50, ms: 200);
        Assert.InRange(_detector.Baseline.TypicalMs, 190, 210);
        Judge(20, 50, ms: 200);
        Assert.Empty(Alarms());
    }

    private List<Anomaly> Alarms() => [.. _detector.Alarms(_now)];

    private void Judge(int windows, int count, int failed = 0, double ms = 20, bool learn = true)
    {
        for (var i = 0; i < windows; i++, _now = _now.AddSeconds(1))
            _detector.Judge(Window(count, failed, ms), _now, slowdown: 1, learn);
    }

    private Window Window(int count, int failed, double ms)
    {
        var window = new Window();
        for (var i = 0; i < count; i++)
            window.Add(Scene.Attempt("a1", i < failed ? AttemptResult.ServerError : AttemptResult.Answered, ms * (0.8 + (0.4 * _random.NextDouble()))));
        return window;
    }
}
