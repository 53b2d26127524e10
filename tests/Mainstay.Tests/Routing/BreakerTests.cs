using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class BreakerTests
{
    private readonly ManualTime _clock = new();
    private readonly Breaker _breaker;

    public BreakerTests() => _breaker = new Breaker(_clock, new Random(1));

    [Fact]
    public void Opens_after_five_failures_in_a_row()
    {
        Note(failed: true, times: 4);
        Assert.False(_breaker.IsOpen);
        Assert.True(_breaker.TryEnter(out var isTry));
        Assert.False(isTry);
        Note(failed: true);
        Assert.True(_breaker.IsOpen);
        Assert.False(_breaker.MayEnter());
        Assert.False(_breaker.TryEnter(out _));
    }

    [Fact]
    public void A_success_between_starts_the_row_anew()
    {
        Note(failed: true, times: 4);
        Note(failed: false);
        Note(failed: true, times: 4);
        Assert.False(_breaker.IsOpen);
    }

    [Fact]
    public void What_says_nothing_of_the_server_neither_counts_nor_heals()
    {
        Note(failed: true, times: 4);
        for (var i = 0; i < 50; i++)
            _breaker.Note(isTry: false, failed: null);
        Assert.False(_breaker.IsOpen);
        Note(failed: true);
        Assert.True(_breaker.IsOpen);
    }

    [Fact]
    public void Opens_when_half_of_twenty_in_the_window_fail()
    {
        for (var i = 0; i < 9; i++)
        {
            Note(failed: false);
            Note(failed: true);
        }
        Note(failed: false);
        Assert.False(_breaker.IsOpen);
        Note(failed: true);
        Assert.True(_breaker.IsOpen);
    }

    [Fact]
    public void Below_half_it_stays_closed()
    {
        for (var i = 0; i < 100; i++)
            Note(failed: i % 5 is 1 or 3);
        Assert.False(_breaker.IsOpen);
    }

    [Fact]
    public void Failures_older_than_the_window_are_forgotten()
    {
        for (var i = 0; i < 9; i++)
        {
            Note(failed: false);
            Note(failed: true);
        }
        Note(failed: false);
        _clock.Advance(TimeSpan.FromSeconds(11));
        Note(failed: true, times: 4);
        Assert.False(_breaker.IsOpen);
    }

    [Fact]
    public void After_the_hold_one_try_at_a_time_and_its_success_closes()
    {
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(0.899));
        Assert.False(_breaker.TryEnter(out _));
        _clock.Advance(TimeSpan.FromSeconds(0.201));
        Assert.True(_breaker.MayEnter());
        Assert.True(_breaker.TryEnter(out var isTry));
        Assert.True(isTry);
        Assert.False(_breaker.MayEnter());
        Assert.False(_breaker.TryEnter(out _));
        _breaker.Note(isTry: true, failed: false);
        Assert.False(_breaker.IsOpen);
        Assert.True(_breaker.TryEnter(out isTry));
        Assert.False(isTry);
    }

    [Fact]
    public void A_try_that_teaches_nothing_gives_its_place_to_the_next()
    {
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.True(_breaker.TryEnter(out _));
        _breaker.Note(isTry: true, failed: null);
        Assert.True(_breaker.IsOpen);
        Assert.True(_breaker.TryEnter(out var isTry));
        Assert.True(isTry);
    }

    [Fact]
    public void The_hold_doubles_with_each_failed_try_up_to_thirty_seconds()
    {
        Note(failed: true, times: 5);
        foreach (var hold in new[] { 1, 2, 4, 8, 16, 30, 30 })
        {
            Assert.InRange(_breaker.UntilTry().TotalSeconds, 0.9 * hold, 1.1 * hold);
            _clock.Advance(TimeSpan.FromSeconds(0.89 * hold));
            Assert.False(_breaker.MayEnter());
            _clock.Advance(TimeSpan.FromSeconds(0.21 * hold));
            Assert.True(_breaker.TryEnter(out _));
            _breaker.Note(isTry: true, failed: true);
        }
    }

    [Fact]
    public void Closing_brings_the_first_hold_back()
    {
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.True(_breaker.TryEnter(out _));
        _breaker.Note(isTry: true, failed: true);
        _clock.Advance(TimeSpan.FromSeconds(2.2));
        Assert.True(_breaker.TryEnter(out _));
        _breaker.Note(isTry: true, failed: false);
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.True(_breaker.MayEnter());
    }

    [Fact]
    public void Late_failures_of_earlier_attempts_do_not_lengthen_the_hold()
    {
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(0.85));
        Note(failed: true, times: 20);
        _clock.Advance(TimeSpan.FromSeconds(0.25));
        Assert.True(_breaker.MayEnter());
    }

    [Fact]
    public void A_hint_lets_a_try_through_at_once()
    {
        _breaker.Hint();
        Note(failed: true, times: 5);
        Assert.False(_breaker.MayEnter());
        _breaker.Hint();
        Assert.True(_breaker.TryEnter(out var isTry));
        Assert.True(isTry);
        Assert.False(_breaker.MayEnter());
    }

    [Fact]
    public void Holds_of_many_gateways_are_spread()
    {
        var holds = Enumerable.Range(0, 20).Select(seed =>
        {
            var breaker = new Breaker(_clock, new Random(seed));
            for (var i = 0; i < 5; i++)
                breaker.Note(isTry: false, failed: true);
            return breaker.UntilTry();
        });
        Assert.True(holds.Distinct().Count() > 15);
    }

    [Fact]
    public void Down_once_twice_as_many_failed_in_a_row_and_back_with_the_first_success()
    {
        Note(failed: true, times: 9);
        Assert.Equal(Hold.Open, _breaker.Standing);
        Note(failed: true);
        Assert.Equal(Hold.Down, _breaker.Standing);
        Note(failed: false);
        Assert.Equal(Hold.None, _breaker.Standing);
    }

    [Fact]
    public void Open_by_its_share_alone_it_is_not_down()
    {
        for (var i = 0; i < 40; i++)
            Note(failed: i % 4 != 0);
        // Successes close it again; what matters is that a server that answers now and then is never given up.
        Assert.NotEqual(Hold.Down, _breaker.Standing);
    }

    [Fact]
    public void The_service_says_how_many_failures_open_it()
    {
        _breaker.Policy = new BreakerPolicy { Failures = 2 };
        Note(failed: true);
        Assert.False(_breaker.IsOpen);
        Note(failed: true);
        Assert.True(_breaker.IsOpen);
    }

    [Fact]
    public void Slow_it_takes_three_quick_tries_to_come_back()
    {
        _breaker.Eject(TimeSpan.FromMilliseconds(30));
        Assert.Equal(Hold.Slow, _breaker.HoldNow());
        Assert.False(_breaker.IsOpen);
        // Answers to what was under way, or to requests that nobody else could serve, do not heal it.
        Note(failed: false, times: 50);
        Assert.Equal(Hold.Slow, _breaker.HoldNow());
        _clock.Advance(TimeSpan.FromSeconds(5.6));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(Hold.None, _breaker.HoldNow());
            Assert.True(_breaker.TryEnter(out var isTry));
            Assert.True(isTry);
            Assert.Equal(Hold.Slow, _breaker.HoldNow());
            Assert.False(_breaker.TryEnter(out _));
            _breaker.Note(isTry: true, failed: false, TimeSpan.FromMilliseconds(30));
        }
        Assert.Equal(Hold.None, _breaker.Standing);
    }

    [Fact]
    public void A_slow_try_doubles_the_hold_and_starts_the_count_anew()
    {
        _breaker.Eject(TimeSpan.FromMilliseconds(30));
        _clock.Advance(TimeSpan.FromSeconds(5.6));
        Assert.True(_breaker.TryEnter(out _));
        _breaker.Note(isTry: true, failed: false, TimeSpan.FromMilliseconds(5));
        Assert.True(_breaker.TryEnter(out _));
        _breaker.Note(isTry: true, failed: false, TimeSpan.FromMilliseconds(31));
        Assert.InRange(_breaker.UntilTry().TotalSeconds, 9, 11);
        Assert.Equal(Hold.Slow, _breaker.HoldNow());
    }

    [Fact]
    public void Slow_and_failing_it_opens()
    {
        _breaker.Eject(TimeSpan.FromMilliseconds(30));
        Note(failed: true, times: 5);
        Assert.Equal(Hold.Open, _breaker.Standing);
        Note(failed: false);
        Assert.Equal(Hold.None, _breaker.Standing);
    }

    [Fact]
    public void A_server_that_asked_to_be_spared_is_resting_and_gets_no_try_before()
    {
        _breaker.Rest(TimeSpan.FromSeconds(8));
        Assert.True(_breaker.IsResting);
        Assert.True(_breaker.MayEnter());
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(7.9));
        Assert.False(_breaker.MayEnter());
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(_breaker.MayEnter());
        Assert.False(_breaker.IsResting);
    }

    [Fact]
    public void No_server_is_spared_for_longer_than_thirty_seconds()
    {
        _breaker.Rest(TimeSpan.FromHours(1));
        _clock.Advance(TimeSpan.FromSeconds(30));
        Assert.False(_breaker.IsResting);
    }

    private void Note(bool failed, int times = 1)
    {
        for (var i = 0; i < times; i++)
            _breaker.Note(isTry: false, failed);
    }
}
