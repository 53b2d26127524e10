using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class BreakerTests
{
    private readonly ManualTime _clock = new();
    private readonly Breaker _breaker;

    public BreakerTests() => _breaker = new Breaker(_clock);

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
        _clock.Advance(TimeSpan.FromSeconds(0.999));
        Assert.False(_breaker.TryEnter(out _));
        _clock.Advance(TimeSpan.FromSeconds(0.001));
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
        _clock.Advance(TimeSpan.FromSeconds(1));
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
            _clock.Advance(TimeSpan.FromSeconds(hold) - TimeSpan.FromMilliseconds(1));
            Assert.False(_breaker.MayEnter());
            _clock.Advance(TimeSpan.FromMilliseconds(1));
            Assert.True(_breaker.TryEnter(out _));
            _breaker.Note(isTry: true, failed: true);
        }
    }

    [Fact]
    public void Closing_brings_the_first_hold_back()
    {
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_breaker.TryEnter(out _));
        _breaker.Note(isTry: true, failed: true);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.True(_breaker.TryEnter(out _));
        _breaker.Note(isTry: true, failed: false);
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_breaker.MayEnter());
    }

    [Fact]
    public void Late_failures_of_earlier_attempts_do_not_lengthen_the_hold()
    {
        Note(failed: true, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(0.9));
        Note(failed: true, times: 20);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
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

    private void Note(bool failed, int times = 1)
    {
        for (var i = 0; i < times; i++)
            _breaker.Note(isTry: false, failed);
    }
}
