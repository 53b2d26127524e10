namespace Mainstay.Routing.Upstream;

/// <summary>
/// What ends one HTTP/2 stream early: a deadline, or a caller that left; and which of them it was. Safe for any number of
/// threads; the first reason counts.
/// </summary>
internal sealed class StreamLimit : IDisposable
{
    private readonly CancellationTokenSource _cut = new();
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private volatile int _lateMeans;
    private int _why = -1;

    public StreamLimit(TimeProvider clock)
    {
        _clock = clock;
        _timer = clock.CreateTimer(static limit => ((StreamLimit)limit!).CutLate(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Cancelled when the stream ends early.</summary>
    public CancellationToken Token => _cut.Token;

    /// <summary>What ended it; null if nothing did.</summary>
    public AttemptResult? Why => Volatile.Read(ref _why) is >= 0 and var why ? (AttemptResult)why : null;

    /// <summary>From now until the timestamp; then the stream is cut for the given reason.</summary>
    public void Set(long at, AttemptResult means)
    {
        _lateMeans = (int)means;
        if (at == AttemptClock.Never)
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            return;
        }
        var left = Math.Max(0, at - _clock.GetTimestamp()) / (double)_clock.TimestampFrequency;
        _timer.Change(TimeSpan.FromSeconds(Math.Min(left, TimeSpan.FromDays(40).TotalSeconds)), Timeout.InfiniteTimeSpan);
    }

    /// <summary>At the earlier of two deadlines, for the reason of that one.</summary>
    public void Set(TimeSpan time, AttemptResult means, long total)
    {
        var at = _clock.GetTimestamp() + (long)(time.TotalSeconds * _clock.TimestampFrequency);
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

    private void CutLate()
    {
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
