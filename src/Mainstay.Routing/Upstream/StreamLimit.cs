namespace Mainstay.Routing.Upstream;

/// <summary>
/// What ends one HTTP/2 stream early: a deadline, or a caller that left; and which of them it was. Safe for any number of
/// threads; the first reason counts.
/// </summary>
internal sealed class StreamLimit : IDisposable
{
    private readonly CancellationTokenSource _cut = new();
    private readonly TimeProvider _time;
    private readonly AttemptClock _clock;
    private readonly ITimer _timer;
    private volatile int _lateMeans;
    private long _at = AttemptClock.Never;
    private int _why = -1;

    public StreamLimit(TimeProvider time, AttemptClock clock)
    {
        (_time, _clock) = (time, clock);
        _timer = time.CreateTimer(static limit => ((StreamLimit)limit!).CutLate(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Cancelled when the stream ends early.</summary>
    public CancellationToken Token => _cut.Token;

    /// <summary>What ended it; null if nothing did.</summary>
    public AttemptResult? Why => Volatile.Read(ref _why) is >= 0 and var why ? (AttemptResult)why : null;

    /// <summary>From now until the timestamp; then the stream is cut for the given reason.</summary>
    public void Set(long at, AttemptResult means)
    {
        _lateMeans = (int)means;
        Volatile.Write(ref _at, at);
        Arm(at);
    }

    /// <summary>At the earlier of two deadlines, for the reason of that one.</summary>
    public void Set(TimeSpan time, AttemptResult means, long total)
    {
        var at = _clock.In(time);
        if (at < total)
            Set(at, means);
        else
            Set(total, AttemptResult.TotalTimeout);
    }

    public void Cut(AttemptResult why)
    {
        if (Interlocked.CompareExchange(ref _why, (int)why, -1) == -1)
            _cut.Cancel();
    }

    public void Dispose()
    {
        _timer.Dispose();
        _cut.Dispose();
    }

    private void Arm(long at)
    {
        var left = at == AttemptClock.Never ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(
            Math.Clamp((at - _clock.Now) / (double)_time.TimestampFrequency, 0, TimeSpan.FromDays(40).TotalSeconds));
        _timer.Change(left, Timeout.InfiniteTimeSpan);
    }

    private void CutLate()
    {
        // Too early: this process stood still meanwhile, or the deadline was moved while the timer fired.
        if (Volatile.Read(ref _at) is var at && _clock.Now < at)
        {
            Arm(at);
            return;
        }
        try
        {
            Cut((AttemptResult)_lateMeans);
        }
        catch (ObjectDisposedException)
        {
            // The stream ended while its timer fired.
        }
    }
}
