namespace Mainstay.Routing;

/// <summary>How much a request matters when not all can be served.</summary>
public enum Priority
{
    /// <summary>Served first, shed last.</summary>
    Critical,

    /// <summary>What nobody says anything of.</summary>
    Default,

    /// <summary>Shed first.</summary>
    Sheddable,
}

/// <summary>Why a request was not let in.</summary>
internal enum Shed
{
    /// <summary>It was let in, or never asked.</summary>
    No,

    /// <summary>The queue is full of requests that matter as much or more.</summary>
    QueueFull,

    /// <summary>Its turn did not come in time.</summary>
    WaitedTooLong,

    /// <summary>Its deadline would pass before an answer could come.</summary>
    TooLate,

    /// <summary>The caller went away.</summary>
    CallerLeft,
}

/// <summary>
/// The queue of one service: who waits while every place on its servers is taken. Bounded in length and time; the most
/// important are served first and the least important shed first. Within a priority the oldest is served first while the queue
/// empties now and then, and the newest once it has stood for 100 ms: then the oldest would be answered too late anyway
/// (adaptive LIFO, as in Maurer, "Fail at Scale", ACM Queue 2015, with the interval of CoDel, RFC 8289). A place that becomes
/// free is handed over here and never waits for its taker. Safe for any number of threads.
/// </summary>
internal sealed class Admission
{
    private static readonly TimeSpan Standing = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Lately = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private readonly LinkedList<Waiter>[] _queues = [new(), new(), new()];
    private readonly long[] _shed = new long[3];
    private readonly RollingCount[] _shedLately;
    private int _count;
    private long _notEmptySince;
    private long _overloadedUntil;

    public Admission(TimeProvider clock)
    {
        _clock = clock;
        _shedLately = [new(clock, Lately), new(clock, Lately), new(clock, Lately)];
        // Runs only while somebody waits: takes out whose time is over, and hands over what became free by time alone.
        _timer = clock.CreateTimer(_ => OnBeat(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Requests in the queue.</summary>
    public int Waiting => Volatile.Read(ref _count);

    /// <summary>True while requests wait, or did within the last second: no time to try anything twice.</summary>
    public bool IsOverloaded =>
        Waiting > 0 || (Volatile.Read(ref _overloadedUntil) is var until and not 0 && _clock.GetTimestamp() < until);

    /// <summary>Requests of a priority that were shed, since the start.</summary>
    public long ShedOf(Priority priority) => Interlocked.Read(ref _shed[(int)priority]);

    /// <summary>The same in the last ten seconds.</summary>
    public int ShedLately(Priority priority)
    {
        lock (_lock)
            return _shedLately[(int)priority].Count;
    }

    /// <summary>Waits for a place.</summary>
    /// <param name="priority">How much the request matters.</param>
    /// <param name="policy">Bounds of the queue.</param>
    /// <param name="enter">Takes a place if one is free; runs under a lock, on any thread, and must not wait.</param>
    /// <param name="latest">Timestamp after which a place would be of no use.</param>
    /// <param name="callerLeft">Takes it out of the queue at once.</param>
    public Task<(LiveServer.Place? Place, Shed Why)> WaitAsync(
        Priority priority, AdmissionPolicy policy, Func<LiveServer.Place?> enter, long latest, CancellationToken callerLeft)
    {
        var waiter = new Waiter(priority, enter, After(policy.Wait), latest);
        lock (_lock)
        {
            if (_count >= policy.Queue && !EvictFor(priority))
            {
                Volatile.Write(ref _overloadedUntil, After(Aftermath));
                CountShed(priority);
                return Task.FromResult<(LiveServer.Place?, Shed)>((null, Shed.QueueFull));
            }
            Add(waiter);
            HandOut();
        }
        // Outside the lock: it runs at once if the caller has left already.
        waiter.CallerLeft = callerLeft.UnsafeRegister(_ => End(waiter, Shed.CallerLeft), null);
        if (waiter.Task.IsCompleted)
            waiter.CallerLeft.Unregister();
        return waiter.Task;
    }

    /// <summary>A place on a server became free. Costs nothing while nobody waits.</summary>
    public void PlaceFreed()
    {
        if (Waiting == 0)
            return;
        lock (_lock)
            HandOut();
    }

    private void OnBeat()
    {
        lock (_lock)
        {
            var now = _clock.GetTimestamp();
            foreach (var queue in _queues)
                while (queue.First is { } oldest && now >= oldest.Value.Until)
                    Remove(oldest.Value, (null, Shed.WaitedTooLong));
            HandOut();
        }
    }

    private void HandOut()
    {
        while (_count > 0)
        {
            var next = Next();
            if (_clock.GetTimestamp() >= next.Latest)
                Remove(next, (null, Shed.TooLate));
            else if (next.Enter() is { } place)
                Remove(next, (place, Shed.No));
            else
                return;
        }
    }

    private Waiter Next()
    {
        var queue = _queues.First(q => q.Count > 0);
        return (_clock.GetElapsedTime(_notEmptySince) > Standing ? queue.Last : queue.First)!.Value;
    }

    /// <summary>Makes room by shedding the oldest of the least important, unless all that wait matter more.</summary>
    private bool EvictFor(Priority priority)
    {
        for (var least = _queues.Length - 1; least >= (int)priority; least--)
        {
            if (_queues[least].First is not { } oldest)
                continue;
            Remove(oldest.Value, (null, Shed.QueueFull));
            return true;
        }
        return false;
    }

    private void Add(Waiter waiter)
    {
        waiter.Node = _queues[(int)waiter.Priority].AddLast(waiter);
        if (_count == 0)
        {
            _notEmptySince = _clock.GetTimestamp();
            _timer.Change(Beat, Beat);
        }
        Volatile.Write(ref _count, _count + 1);
    }

    private void End(Waiter waiter, Shed why)
    {
        lock (_lock)
        {
            if (waiter.Node is not null)
                Remove(waiter, (null, why));
        }
    }

    private void Remove(Waiter waiter, (LiveServer.Place? Place, Shed Why) result)
    {
        _queues[(int)waiter.Priority].Remove(waiter.Node!);
        waiter.Node = null;
        Volatile.Write(ref _count, _count - 1);
        if (_count == 0)
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (result.Why is not (Shed.No or Shed.CallerLeft))
        {
            CountShed(waiter.Priority);
            Volatile.Write(ref _overloadedUntil, After(Aftermath));
        }
        waiter.CallerLeft.Unregister();
        waiter.SetResult(result);
    }

    /// <summary>Under the lock.</summary>
    private void CountShed(Priority priority)
    {
        Interlocked.Increment(ref _shed[(int)priority]);
        _shedLately[(int)priority].Add();
    }

    private long After(TimeSpan time) => _clock.GetTimestamp() + (long)(time.TotalSeconds * _clock.TimestampFrequency);

    private sealed class Waiter(Priority priority, Func<LiveServer.Place?> enter, long until, long latest)
        : TaskCompletionSource<(LiveServer.Place? Place, Shed Why)>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public Priority Priority => priority;

        public Func<LiveServer.Place?> Enter => enter;

        public long Until => until;

        public long Latest => latest;

        public CancellationTokenRegistration CallerLeft { get; set; }

        /// <summary>Its place in the queue; null once it has left it.</summary>
        public LinkedListNode<Waiter>? Node { get; set; }
    }
}
