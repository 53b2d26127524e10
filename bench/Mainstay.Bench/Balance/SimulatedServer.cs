namespace Mainstay.Bench.Balance;

/// <summary>
/// A server: slots that work at the speed the machine has just now, and a queue in order of arrival. Work is counted on the
/// server's own clock, which runs as fast as the machine, so that a change of speed moves every completion at once.
/// </summary>
internal sealed class SimulatedServer
{
    private readonly int[] _request = new int[Setting.Slots];
    private readonly double[] _doneAt = new double[Setting.Slots];
    private int[] _queue = new int[1024];
    private int _head;
    private int _queued;
    private int _busy;
    private double _ownTime;
    private double _asOf;

    public double Speed { get; private set; } = 1;

    /// <summary>Requests in flight: running and waiting.</summary>
    public int Load { get; private set; }

    /// <summary>Counts changes of what completes next; an event of an older plan means nothing.</summary>
    public int Plan { get; private set; }

    public LatencyByLoad Latencies { get; } = new();

    public void SetSpeed(double now, double speed)
    {
        Turn(now);
        Speed = speed;
        Plan++;
    }

    /// <summary>Takes a request; true if what completes next may have changed.</summary>
    public bool Enter(double now, int request, double work)
    {
        Load++;
        if (_busy < Setting.Slots)
        {
            Start(now, request, work);
            return true;
        }
        if (_queued == _queue.Length)
            Grow();
        _queue[(_head + _queued++) & (_queue.Length - 1)] = request;
        return false;
    }

    /// <summary>When the next request completes; infinity if none runs.</summary>
    public double NextCompletion(double now)
    {
        Turn(now);
        return _busy == 0 ? double.PositiveInfinity : now + (Math.Max(0, _doneAt[Next()] - _ownTime) / Speed);
    }

    /// <summary>Ends the request that completes now, and returns it.</summary>
    public int Complete(double now)
    {
        Turn(now);
        var slot = Next();
        var request = _request[slot];
        Free(slot);
        Load--;
        return request;
    }

    /// <summary>The caller left: a running request ends. A waiting one is passed over when its turn comes.</summary>
    /// <returns>True if it was running.</returns>
    public bool Cancel(double now, int request)
    {
        Turn(now);
        Load--;
        var slot = Array.IndexOf(_request, request, 0, _busy);
        if (slot >= 0)
            Free(slot);
        return slot >= 0;
    }

    /// <summary>The request that has waited longest, for a slot that is free; -1 if none waits or no slot is free.</summary>
    public int TakeWaiting()
    {
        if (_queued == 0 || _busy == Setting.Slots)
            return -1;
        var request = _queue[_head];
        _head = (_head + 1) & (_queue.Length - 1);
        _queued--;
        return request;
    }

    public void Start(double now, int request, double work)
    {
        Turn(now);
        _request[_busy] = request;
        _doneAt[_busy++] = _ownTime + work;
        Plan++;
    }

    private void Free(int slot)
    {
        _busy--;
        _request[slot] = _request[_busy];
        _doneAt[slot] = _doneAt[_busy];
        Plan++;
    }

    private int Next()
    {
        var next = 0;
        for (var i = 1; i < _busy; i++)
            if (_doneAt[i] < _doneAt[next])
                next = i;
        return next;
    }

    private void Turn(double now)
    {
        _ownTime += (now - _asOf) * Speed;
        _asOf = now;
    }

    private void Grow()
    {
        var longer = new int[_queue.Length * 2];
        for (var i = 0; i < _queued; i++)
            longer[i] = _queue[(_head + i) & (_queue.Length - 1)];
        (_queue, _head) = (longer, 0);
    }
}
