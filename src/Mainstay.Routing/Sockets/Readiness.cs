using System.Threading.Tasks.Sources;

namespace Mainstay.Routing.Sockets;

/// <summary>
/// Whether it is worth trying again, and the one who waits until it is. A wait allocates nothing. Any thread may set it; one
/// at a time may wait, and goes on in the thread that sets it.
/// </summary>
internal sealed class Readiness : IValueTaskSource
{
    private readonly Lock _lock = new();
    private ManualResetValueTaskSourceCore<bool> _core;
    private bool _isSet;
    private bool _isWaiting;

    /// <summary>True while somebody waits.</summary>
    public bool IsAwaited => Volatile.Read(ref _isWaiting);

    /// <summary>Takes it back before trying: what happens from now on sets it again.</summary>
    /// <returns>False if trying is of no use.</returns>
    public bool Take() => Interlocked.Exchange(ref _isSet, false);

    /// <summary>Done when it is set; leaves it set.</summary>
    public ValueTask WaitAsync()
    {
        lock (_lock)
        {
            if (_isSet)
                return default;
            if (_isWaiting)
                throw new InvalidOperationException("Somebody waits already.");
            _isWaiting = true;
            _core.Reset();
            return new ValueTask(this, _core.Version);
        }
    }

    public void Set()
    {
        if (Begin())
            _core.SetResult(true);
    }

    /// <summary>The same, but whoever waits goes on in the thread pool: for callers who cannot have it go on within them.</summary>
    public void SetElsewhere()
    {
        if (Begin())
            ThreadPool.UnsafeQueueUserWorkItem(static r => r._core.SetResult(true), this, preferLocal: false);
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private bool Begin()
    {
        lock (_lock)
        {
            _isSet = true;
            var wasWaiting = _isWaiting;
            _isWaiting = false;
            return wasWaiting;
        }
    }
}
