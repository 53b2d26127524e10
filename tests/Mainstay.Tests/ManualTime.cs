namespace Mainstay.Tests;

/// <summary>
/// A clock that only a test moves. UTC, timestamps and timers agree; <see cref="Advance"/> fires due timers one by one,
/// in order of their time and then of their setting, on the thread that advances, with the clock standing at the timer's
/// own time. Safe for any number of threads that read it or set timers; one thread advances.
/// </summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _armed = [];
    private readonly List<(TimeSpan Within, TaskCompletionSource Armed)> _waiting = [];
    private readonly DateTimeOffset _start;
    private TimeSpan _elapsed;
    private long _lastSetting;

    /// <param name="start">UTC at the start; 2026-01-01 if not given.</param>
    public ManualTime(DateTimeOffset? start = null) => _start = start ?? new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Timers that will fire if the clock goes far enough.</summary>
    public int ArmedTimers
    {
        get
        {
            lock (_lock)
                return _armed.Count;
        }
    }

    /// <summary>How far the clock must go for the next timer to fire; null if none is set.</summary>
    public TimeSpan? UntilNextTimer
    {
        get
        {
            lock (_lock)
                return _armed.Count == 0 ? null : _armed.Min(timer => timer.Due) - _elapsed;
        }
    }

    public override DateTimeOffset GetUtcNow() => _start + Elapsed;

    public override long GetTimestamp() => Elapsed.Ticks;

    private TimeSpan Elapsed
    {
        get
        {
            lock (_lock)
                return _elapsed;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves the clock on, and fires what comes due on the way, what those timers set anew included.</summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        var end = Elapsed + by;
        while (TakeDue(end) is { } timer)
            timer.Fire();
        lock (_lock)
            _elapsed = end;
    }

    /// <summary>Moves the clock on at once, as if the process had stood still: what came due meanwhile fires late, and once.</summary>
    public void StandStill(TimeSpan by)
    {
        TimeSpan end;
        lock (_lock)
            end = _elapsed += by;
        while (TakeDue(end) is { } timer)
            timer.Fire();
    }

    /// <summary>Ends as soon as a timer is set that fires within this time: code on other threads has come so far that
    /// the test may advance.</summary>
    public Task WhenArmedAsync(TimeSpan within)
    {
        lock (_lock)
        {
            if (_armed.Exists(timer => timer.Due <= _elapsed + within))
                return Task.CompletedTask;
            var armed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((within, armed));
            return armed.Task;
        }
    }

    private ManualTimer? TakeDue(TimeSpan end)
    {
        lock (_lock)
        {
            var next = _armed.Where(timer => timer.Due <= end).MinBy(timer => (timer.Due, timer.Setting));
            if (next is null)
                return null;
            _elapsed = next.Due > _elapsed ? next.Due : _elapsed;
            _armed.Remove(next);
            if (next.Period != Timeout.InfiniteTimeSpan)
                Arm(next, next.Period);
            return next;
        }
    }

    private void Arm(ManualTimer timer, TimeSpan dueTime)
    {
        timer.Due = _elapsed + dueTime;
        timer.Setting = ++_lastSetting;
        _armed.Add(timer);
        foreach (var waiting in _waiting.Where(w => dueTime <= w.Within).ToList())
        {
            _waiting.Remove(waiting);
            waiting.Armed.TrySetResult();
        }
    }

    private sealed class ManualTimer(ManualTime clock, TimerCallback callback, object? state) : ITimer
    {
        private bool _disposed;

        public TimeSpan Due { get; set; }

        public TimeSpan Period { get; private set; }

        /// <summary>Orders timers that are due at the same time.</summary>
        public long Setting { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                if (_disposed)
                    return false;
                clock._armed.Remove(this);
                Period = period > TimeSpan.Zero ? period : Timeout.InfiniteTimeSpan;
                if (dueTime != Timeout.InfiniteTimeSpan)
                    clock.Arm(this, dueTime);
                return true;
            }
        }

        public void Dispose()
        {
            lock (clock._lock)
            {
                _disposed = true;
                clock._armed.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
