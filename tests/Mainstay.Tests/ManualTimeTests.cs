namespace Mainstay.Tests;

public sealed class ManualTimeTests
{
    [Fact]
    public void Time_stands_until_it_is_moved()
    {
        var clock = new ManualTime();
        var (utc, stamp) = (clock.GetUtcNow(), clock.GetTimestamp());
        clock.Advance(TimeSpan.FromSeconds(90));
        Assert.Equal(TimeSpan.FromSeconds(90), clock.GetUtcNow() - utc);
        Assert.Equal(TimeSpan.FromSeconds(90), clock.GetElapsedTime(stamp));
    }

    [Fact]
    public void Timers_fire_in_order_and_see_their_own_time()
    {
        var clock = new ManualTime();
        var start = clock.GetUtcNow();
        var fired = new List<(string, double)>();
        void Note(string name) => fired.Add((name, (clock.GetUtcNow() - start).TotalSeconds));
        using var late = clock.CreateTimer(_ => Note("late"), null, TimeSpan.FromSeconds(3), Timeout.InfiniteTimeSpan);
        using var early = clock.CreateTimer(_ => Note("early"), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        using var beat = clock.CreateTimer(_ => Note("beat"), null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2));
        using var never = clock.CreateTimer(_ => Note("never"), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        never.Dispose();
        clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal([("early", 1), ("beat", 2), ("late", 3), ("beat", 4)], fired);
    }

    [Fact]
    public async Task Delays_deadlines_and_periods_keep_to_it()
    {
        var clock = new ManualTime();
        var delay = Task.Delay(TimeSpan.FromSeconds(2), clock);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(3), clock);
        using var period = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        clock.Advance(TimeSpan.FromSeconds(1.9));
        Assert.True(await period.WaitForNextTickAsync());
        Assert.False(delay.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(0.1));
        await delay;
        Assert.False(deadline.IsCancellationRequested);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(deadline.IsCancellationRequested);
    }

    [Fact]
    public async Task A_delay_set_by_what_a_delay_wakes_fires_in_the_same_advance()
    {
        var clock = new ManualTime();
        async Task TwiceAsync()
        {
            await Task.Delay(TimeSpan.FromSeconds(1), clock);
            await Task.Delay(TimeSpan.FromSeconds(1), clock);
        }

        var both = TwiceAsync();
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.True(both.IsCompletedSuccessfully);
        await both;
    }

    [Fact]
    public async Task A_test_can_wait_for_a_timer_to_be_set()
    {
        var clock = new ManualTime();
        var armed = clock.WhenArmedAsync(TimeSpan.FromSeconds(1));
        using var tooLate = clock.CreateTimer(_ => { }, null, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan);
        Assert.False(armed.IsCompleted);
        using var timer = clock.CreateTimer(_ => { }, null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        await armed.WaitAsync(Patience.Generous, TimeProvider.System);
        Assert.Equal(2, clock.ArmedTimers);
    }
}
