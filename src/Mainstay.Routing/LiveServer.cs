namespace Mainstay.Routing;

/// <summary>
/// A server as one table describes it, and as it is right now: its load, its breaker, what its probes say. What it is
/// right now lives as long as the server stands in the table, through any number of tables. Safe for any number of threads.
/// </summary>
public sealed class LiveServer
{
    private readonly State _state;

    internal LiveServer(string service, Server spec, TimeProvider clock, Random random)
        : this(service, spec, new State(clock, random))
    {
    }

    private LiveServer(string service, Server spec, State state)
    {
        (Service, Spec, _state) = (service, spec, state);
        Name = spec.Name;
        Authority = spec.Url.Authority;
        Root = spec.Url.AbsolutePath.TrimEnd('/');
    }

    public string Service { get; }

    public Server Spec { get; }

    /// <inheritdoc cref="Server.Name"/>
    public string Name { get; }

    /// <summary>Host and port of its address, as a Host field has them.</summary>
    internal string Authority { get; }

    /// <summary>What stands before the target of every request to it; without a slash at its end.</summary>
    internal string Root { get; }

    public Breaker Breaker => _state.Breaker;

    /// <summary>How long first bytes took lately.</summary>
    internal LatencyHistogram FirstBytes => _state.FirstBytes;

    /// <summary>Attempts that were let through although the breaker held requests back, since the start.</summary>
    public long Forced => Interlocked.Read(ref _state.Forced);

    /// <summary>Beats in a row at which it was far slower than its peers; of <see cref="PeerCheck"/> alone.</summary>
    internal int SlowBeats
    {
        get => _state.SlowBeats;
        set => _state.SlowBeats = value;
    }

    /// <summary>Attempts under way on it.</summary>
    public int Outstanding => Volatile.Read(ref _state.Outstanding);

    /// <summary>False after two failed probes in a row, until two are well; true while there are no probes.</summary>
    public bool IsWell => !_state.Unwell;

    /// <summary>Pooled connections to it.</summary>
    internal Upstream.ServerConnections Connections => _state.Connections;

    /// <summary>The same for HTTP/2.</summary>
    internal Upstream.Http2Connections Http2 => _state.Http2;

    /// <summary>True while the declared capacity of this second is used up.</summary>
    internal bool IsFull =>
        Spec.Capacity is { } capacity
        && Volatile.Read(ref _state.AdmittedSecond) == _state.Second()
        && Volatile.Read(ref _state.Admitted) >= capacity;

    /// <summary>Work before a request that came now would be done, relative to the server's size.</summary>
    internal double Load => (Outstanding + 1) / Spec.Weight;

    /// <summary>The same server as another table describes it.</summary>
    internal LiveServer As(Server spec) => spec == Spec ? this : new LiveServer(Service, spec, _state);

    /// <summary>Takes a place on the server; null if its breaker holds requests back.</summary>
    /// <param name="force">True: takes one all the same unless the server is down, since nothing better is left.</param>
    internal Place? TryEnter(bool force)
    {
        if (!Breaker.TryEnter(out var isTry))
        {
            if (!force || Breaker.Standing == Hold.Down)
                return null;
            Interlocked.Increment(ref _state.Forced);
        }
        Interlocked.Increment(ref _state.Outstanding);
        var second = _state.Second();
        if (Interlocked.Exchange(ref _state.AdmittedSecond, second) != second)
            Volatile.Write(ref _state.Admitted, 0);
        Interlocked.Increment(ref _state.Admitted);
        return new Place(this, isTry);
    }

    internal void NoteProbe(bool well)
    {
        // The run counts probes that contradict the present belief; one that agrees with it starts the count anew.
        if (well == IsWell)
        {
            Volatile.Write(ref _state.ProbeRun, 0);
            return;
        }
        if (Interlocked.Increment(ref _state.ProbeRun) < State.ProbesToChange)
            return;
        Volatile.Write(ref _state.ProbeRun, 0);
        _state.Unwell = !well;
        if (well)
            Breaker.Hint();
    }

    /// <summary>One attempt's place on a server. Leaving is counted once, however often it is called.</summary>
    internal sealed class Place(LiveServer server, bool isTry)
    {
        private int _left;
        private int _noted;
        private TimeSpan _firstByte;

        public LiveServer Server => server;

        /// <summary>Notes that the wait for the first byte is over, once.</summary>
        /// <param name="took">How long it took, or how long it was waited for.</param>
        /// <param name="counts">True if that says something about how quick the server is.</param>
        public void NoteFirstByte(TimeSpan took, bool counts)
        {
            _firstByte = took;
            if (counts)
                server.FirstBytes.Add(took);
        }

        /// <summary>The server did its work, though the attempt goes on: its breaker learns that now.</summary>
        public void NoteAnswered()
        {
            if (Interlocked.Exchange(ref _noted, 1) == 0)
                server.Breaker.Note(isTry, failed: false, _firstByte);
        }

        /// <param name="failed">True: the server failed; false: it answered; null: nothing was learned.</param>
        public void Leave(bool? failed)
        {
            if (Interlocked.Exchange(ref _left, 1) != 0)
                return;
            Interlocked.Decrement(ref server._state.Outstanding);
            if (Interlocked.Exchange(ref _noted, 1) == 0)
                server.Breaker.Note(isTry, failed, _firstByte);
            else if (failed == true)
                server.Breaker.Note(isTry: false, failed);
        }
    }

    /// <summary>What outlives the table.</summary>
    private sealed class State(TimeProvider clock, Random random)
    {
        public const int ProbesToChange = 2;
        public int Outstanding;
        public int ProbeRun;
        public volatile bool Unwell;
        public long AdmittedSecond;
        public int Admitted;

        public long Forced;
        public int SlowBeats;

        public Breaker Breaker { get; } = new(clock, random);

        public LatencyHistogram FirstBytes { get; } = new();

        public Upstream.ServerConnections Connections { get; } = new();

        public Upstream.Http2Connections Http2 { get; } = new();

        public long Second() => clock.GetTimestamp() / clock.TimestampFrequency;
    }
}
