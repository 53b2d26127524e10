using Mainstay.Control.Mitigation;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Tests.Mitigation;

public sealed class EasingTests
{
    private Remedy _remedy = new()
    {
        Id = "1-1",
        Service = "chat",
        Region = "a",
        State = RemedyState.Active,
        Reason = "",
        Since = Scene.Start,
        Hold = Easing.FirstHold,
    };

    private DateTimeOffset _now = Scene.Start;

    /// <summary>When the trouble began.</summary>
    private DateTimeOffset _occurred = Scene.Start;

    [Fact]
    public void Well_servers_get_their_traffic_back_in_steps_of_5_25_and_100_percent()
    {
        var shares = new List<double>();
        while (_remedy.InForce && shares.Count < 60)
        {
            Advance(Attempts(20));
            if (_remedy.InForce && (shares.Count == 0 || shares[^1] != _remedy.Share))
                shares.Add(_remedy.Share);
        }
        Assert.Equal([0, 0.05, 0.25, 1], shares);
        Assert.Equal(RemedyState.Removed, _remedy.State);
        Assert.StartsWith("recovered", _remedy.Reason, StringComparison.Ordinal);
        Assert.InRange((_now - Scene.Start).TotalSeconds, 8, 12);
    }

    [Fact]
    public void Nothing_comes_back_while_health_checks_fail_and_the_hold_counts_from_when_they_are_well()
    {
        for (var i = 0; i < 60; i++)
            Advance(new Window(), well: false);
        Advance(new Window());
        Advance(new Window());
        Advance(new Window(), well: false);
        for (var i = 0; i < 3; i++)
        {
            Advance(new Window());
            Assert.Equal(0, _remedy.Share);
        }
        Advance(new Window());
        Assert.Equal(0.05, _remedy.Share);
    }

    [Theory]
    [InlineData(20, 4, 20, true)]
    [InlineData(400, 20, 20, true)]
    [InlineData(20, 1, 20, false)]
    [InlineData(400, 5, 20, false)]
    [InlineData(20, 0, 65, true)]
    [InlineData(20, 0, 55, false)]
    public void A_step_that_fails_goes_back_to_nothing_and_doubles_the_hold(int attempts, int failed, double ms, bool fails)
    {
        Begin(0.25);
        Advance(Attempts(attempts, failed, ms));
        Assert.Equal(fails ? 0 : 0.25, _remedy.Share);
        Assert.Equal(fails ? 6 : 3, _remedy.Hold.TotalSeconds);
    }

    [Theory]
    [InlineData(2.1, false)]
    [InlineData(4.5, true)]
    public void A_step_is_not_failed_for_milliseconds_that_nobody_notices(double ms, bool fails)
    {
        _now = Scene.Start.AddSeconds(1);
        Begin(0.05);
        var after = Easing.Advance(_remedy, Attempts(10, ms: ms), serversWell: true, usualMs: 0.6, usualErrors: 0, Scene.Start, _now.AddSeconds(1));
        Assert.Equal(fails, after.Share == 0);
    }

    [Fact]
    public void Health_checks_that_fail_end_a_step()
    {
        Begin(1);
        Advance(Attempts(100), well: false);
        Assert.Equal(0, _remedy.Share);
        Assert.Contains("health checks", _remedy.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 3, 6)]
    [InlineData(1, 6, 8)]
    [InlineData(30, 100, 8)]
    [InlineData(100, 12, 24)]
    [InlineData(100, 24, 25)]
    [InlineData(86_400, 500, 600)]
    public void The_hold_stays_below_eight_seconds_or_a_quarter_of_the_trouble_and_below_ten_minutes(double age, double hold, double next)
    {
        Begin(0.05);
        _occurred = _now.AddSeconds(1 - age);
        _remedy = _remedy with { Hold = TimeSpan.FromSeconds(hold) };
        Advance(Attempts(20, 20));
        Assert.Equal(next, _remedy.Hold.TotalSeconds);
    }

    [Fact]
    public void After_a_step_that_failed_the_whole_hold_passes_before_the_next_try()
    {
        Begin(0.05);
        _remedy = _remedy with { WellSince = Scene.Start.AddMinutes(-10) };
        Advance(Attempts(20, 20));
        for (var i = 0; i < 5; i++)
        {
            Advance(new Window());
            Assert.Equal(0, _remedy.Share);
        }
        Advance(new Window());
        Assert.Equal(0.05, _remedy.Share);
    }

    [Fact]
    public void With_little_traffic_a_step_waits_for_twenty_attempts_or_half_a_minute()
    {
        Begin(0.05);
        for (var i = 0; i < 29; i++)
        {
            Advance(Attempts(3));
            Assert.Equal(0.05, _remedy.Share);
        }
        Advance(Attempts(3));
        Assert.Equal(0.25, _remedy.Share);
        Begin(0.05);
        Advance(Attempts(1000));
        Assert.Equal(0.05, _remedy.Share);
        Advance(Attempts(1000));
        Assert.Equal(0.25, _remedy.Share);
    }

    private static Window Attempts(int count, int failed = 0, double ms = 20)
    {
        var window = new Window();
        for (var i = 0; i < count; i++)
            window.Add(Scene.Attempt("a1", i < failed ? AttemptResult.Broken : AttemptResult.Answered, ms));
        return window;
    }

    private void Begin(double share) => _remedy = _remedy with { Share = share, Since = _now, Hold = Easing.FirstHold };

    /// <summary>One tick; the usual time is 20 ms.</summary>
    private void Advance(Window step, bool well = true)
    {
        _now = _now.AddSeconds(1);
        _remedy = Easing.Advance(_remedy, step, well, usualMs: 20, usualErrors: 0, _occurred, _now);
    }
}
