using Mainstay.Routing.Upstream;

namespace Mainstay.Tests.Routing.Upstream;

public sealed class AttemptClockTests
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(20);

    [Fact]
    public void A_limit_takes_effect_at_the_first_beat_after_its_time()
    {
        var time = new BeatingTime();
        using var clock = new AttemptClock(time);
        using var limit = clock.Limit(TimeSpan.FromMilliseconds(100));
        for (var i = 0; i < 4; i++)
            time.BeatAfter(Beat);
        Assert.False(limit.Token.IsCancellationRequested);
        time.BeatAfter(Beat);
        Assert.True(limit.Token.IsCancellationRequested);
    }

    [Fact]
    public void Time_in_which_the_process_stood_still_does_not_count()
    {
        var time = new BeatingTime();
        using var clock = new AttemptClock(time);
        using var limit = clock.Limit(TimeSpan.FromMilliseconds(100));
        var before = clock.Now;
        time.BeatAfter(TimeSpan.FromSeconds(3));
        Assert.False(limit.Token.IsCancellationRequested);
        Assert.Equal(Beat.Ticks, clock.Now - before);
        for (var i = 0; i < 4; i++)
            time.BeatAfter(Beat);
        Assert.True(limit.Token.IsCancellationRequested);
    }

    [Fact]
    public void A_limit_that_was_lifted_cancels_nothing()
    {
        var time = new BeatingTime();
        using var clock = new AttemptClock(time);
        var limit = clock.Limit(Beat);
        limit.Dispose();
        time.BeatAfter(Beat);
        time.BeatAfter(Beat);
        Assert.False(limit.Token.IsCancellationRequested);
    }

    /// <summary>A clock whose one timer fires when the test says, late or not.</summary>
    private sealed class BeatingTime : TimeProvider
    {
        private long _now;
        private Action _fire = () => { };

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void BeatAfter(TimeSpan time)
        {
            _now += time.Ticks;
            _fire();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _fire = () => callback(state);
            return new Timer();
        }

        private sealed class Timer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
                // Nothing is held.
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
