using Mainstay.Routing.Models;

namespace Mainstay.Routing;

/// <summary>
/// A server as one table describes it, and as it is right now: its load, its breaker, what its probes say. What it is
/// right now lives as long as the server stands in the table, through any number of tables. Safe for any number of threads.
/// </summary>
public sealed class LiveServer
{
    private const double SmallestStart = 0.1;

    /// <summary>Seconds for which a server that refused is left alone, doubled if it refuses again soon.</summary>
    private const double FirstLock = 6;
    private const double LongestLock = 120;

    private readonly State _state;

    internal LiveServer(string service, Server spec, TimeProvider clock, Random random, Admission admission)
        : this(service, spec, new State(clock, random, admission))
    {
    }

    private LiveServer(string service, Server spec, State state)
    {
        (Service, Spec, _state) = (service, spec, state);
        Name = spec.Name;
        Authority = spec.Url.Authority;
        NameHash = Affinity.OfServer(Name);
        Root = spec.Url.AbsolutePath.TrimEnd('/');
    }

    public string Service { get; }

    public Server Spec { get; }

    /// <inheritdoc cref="Server.Name"/>
    public string Name { get; }

    /// <summary>For <see cref="Affinity.Rendezvous"/>.</summary>
    internal ulong NameHash { get; }

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

    /// <summary>Tokens of a model still to be read or written by the attempts under way, estimated: its load. Zero of http.</summary>
    public long OutstandingTokens => Interlocked.Read(ref _state.Tokens);

    /// <summary>Attempts that wait for their first byte.</summary>
    public int Waiting => Volatile.Read(ref _state.Waiting);

    /// <summary>Attempts that may be under way on it, or, if the limit is learned, wait for their first byte; null: no limit.</summary>
    public int? Limit => _state.Limits is { IsAdaptive: false, Concurrency: 0 } ? null : LimitNow();

    /// <summary>The median wait for the first byte while it is not overloaded; zero: unknown.</summary>
    internal TimeSpan UsualWait => _state.Limiter.Baseline;

    /// <summary>True if its limit allows another attempt.</summary>
    internal bool HasPlace =>
        _state.Limits is var limits && (limits.IsAdaptive ? Waiting < LimitNow() : limits.Concurrency == 0 || Outstanding < LimitNow());

    /// <summary>False after two failed probes in a row, until two are well; true while there are no probes.</summary>
    public bool IsWell => !_state.Unwell;

    /// <summary>Why no request is sent there, in words that go on after its name: its provider refuses its key, or does not know its model.
    /// Null: nothing of that kind.</summary>
    public string? LockedOut => _state.LockedOut;

    /// <summary>Sends no request there until <see cref="LetIn"/>: its provider would refuse each of them.</summary>
    internal void LockOut(string why)
    {
        lock (_state.Locking)
        {
            if (_state.LockedOut is not null)
                return;
            var (now, before) = (_state.Now(), _state.LockedUntil);
            // A probe may be well though requests are refused, such as when a quota is spent: then each time it is let in costs a request.
            _state.LockLength = before != 0 && now - before < LongestLock * _state.Frequency ? Math.Min(_state.LockLength * 2, LongestLock) : FirstLock;
            _state.LockedUntil = now + (long)(_state.LockLength * _state.Frequency);
            _state.LockedOut = why;
        }
    }

    /// <summary>A probe with its key was well: it is asked again, though not within seconds of having refused.</summary>
    internal void LetIn()
    {
        lock (_state.Locking)
            if (_state.Now() >= _state.LockedUntil)
                _state.LockedOut = null;
    }

    /// <summary>Pooled connections to it.</summary>
    internal Upstream.ServerConnections Connections => _state.Connections;

    /// <summary>The same for HTTP/2.</summary>
    internal Upstream.Http2Connections Http2 => _state.Http2;

    /// <summary>Timestamp of its clock.</summary>
    internal long Now => _state.Now();

    /// <summary>How long it takes lately to begin an answer.</summary>
    internal Pace Pace => _state.Pace;

    /// <summary>True while as many requests came as it is declared to carry: within a second all of it may come at once.</summary>
    internal bool IsFull => Spec.Capacity is { } capacity && _state.Declared.IsFull(_state.Now(), capacity);

    /// <summary>Work before a request that came now would be done, relative to the server's size.</summary>
    /// <param name="now">Timestamp.</param>
    /// <param name="slowStart">For how long it counts as smaller after it came back; timestamp units.</param>
    internal double Load(long now, long slowStart)
    {
        var weight = Spec.Weight;
        var back = now - Volatile.Read(ref _state.BackSince);
        if (back < slowStart)
            weight *= Math.Max(SmallestStart, (double)back / slowStart);
        return ((Spec.Ai is null ? Outstanding : OutstandingTokens + (Engine(now)?.OthersTokens ?? 0)) + 1) / weight;
    }

    /// <summary>What its engine says of itself; null: nothing, or nothing that is still good.</summary>
    internal EngineLoad? Engine(long now) => _state.Engine is { } said && now - said.At < EngineLoad.GoodFor.TotalSeconds * _state.Frequency ? said : null;

    /// <summary>Takes over what its engine said; null: nothing that could be read, and why.</summary>
    internal void NoteEngine(EngineLoad? said, string? trouble) => (_state.Engine, _state.EngineTrouble) = (said ?? _state.Engine, trouble);

    /// <summary>It comes back, or is new beside others: it gets little work at first.</summary>
    internal void StartSlowly() => Volatile.Write(ref _state.BackSince, _state.Now());

    /// <summary>How it stands, for the control plane.</summary>
    internal ServerReport Report(DateTimeOffset now) => new(now, Service, Spec.Name, Spec.Region, IsWell, Breaker.IsOpen, Outstanding)
    {
        LockedOut = LockedOut,
        Tokens = OutstandingTokens,
        Engine = Spec.Ai?.Metrics is not null && Engine(Now) is { } said ? new EngineReport(said.Said.Running, said.Said.Waiting, said.Said.Cache, said.Others) : null,
        EngineTrouble = Spec.Ai?.Metrics is not null ? _state.EngineTrouble : null,
        Limit = Limit,
        IsLimitLearned = _state.Limits.IsAdaptive,
        Waiting = Waiting,
        Forced = Forced,
    };

    /// <summary>The same server as another table describes it.</summary>
    internal LiveServer As(Server spec) => spec == Spec ? this : new LiveServer(Service, spec, _state);

    /// <summary>Takes a place on the server; null if its breaker holds requests back.</summary>
    /// <param name="force">True: takes one all the same unless the server is down, since nothing better is left.</param>
    internal Place? TryEnter(bool force)
    {
        if (!TryCount())
            return null;
        var isForced = false;
        if (!Breaker.TryEnter(out var isTry))
        {
            isForced = Breaker.IsOpen;
            if (!force || Breaker.Standing == Hold.Down)
            {
                Interlocked.Decrement(ref _state.Waiting);
                Interlocked.Decrement(ref _state.Outstanding);
                return null;
            }
            Interlocked.Increment(ref _state.Forced);
        }
        var now = _state.Now();
        if (Spec.Capacity is { } capacity)
            _state.Declared.Note(now, capacity);
        Pace.Begin(now);
        return new Place(this, isTry, _state.Limits.IsAdaptive ? _state.Limiter.Begin(Waiting) : 0) { IsForced = isForced };
    }

    /// <summary>Takes what the service wishes; may change at any time.</summary>
    internal void SetLimits(LimitPolicy limits)
    {
        _state.Limits = limits;
        _state.Limiter.SetWeight(Spec.Weight);
    }

    private int LimitNow() =>
        _state.Limits is { IsAdaptive: false } limits ? Math.Max(1, (int)(limits.Concurrency * Spec.Weight)) : _state.Limiter.Limit;

    /// <summary>Counts one more attempt, unless its limit forbids that. Never one too many, whatever others do meanwhile.</summary>
    private bool TryCount()
    {
        var limits = _state.Limits;
        if (limits is { IsAdaptive: false, Concurrency: 0 })
        {
            Interlocked.Increment(ref _state.Outstanding);
            Interlocked.Increment(ref _state.Waiting);
            return true;
        }
        ref var limited = ref limits.IsAdaptive ? ref _state.Waiting : ref _state.Outstanding;
        var most = LimitNow();
        for (var now = Volatile.Read(ref limited); now < most;)
        {
            var seen = Interlocked.CompareExchange(ref limited, now + 1, now);
            if (seen == now)
            {
                Interlocked.Increment(ref limits.IsAdaptive ? ref _state.Outstanding : ref _state.Waiting);
                return true;
            }
            now = seen;
        }
        return false;
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
        if (!well)
            return;
        StartSlowly();
        Breaker.Hint();
    }

    /// <summary>One attempt's place on a server. Leaving is counted once, however often it is called.</summary>
    internal sealed class Place(LiveServer server, bool isTry, int cohort)
    {
        private int _left;
        private int _waited;
        private int _noted;
        private long _tokens;

        public LiveServer Server => server;

        /// <summary>True once it was given back.</summary>
        public bool HasLeft => Volatile.Read(ref _left) != 0;

        /// <summary>True: it was taken although the server fails and its breaker was open.</summary>
        public bool IsForced { get; init; }

        /// <summary>Says anew how many tokens are still to come of the attempt. One thread at a time; none once it was given back.</summary>
        public void SetTokens(long tokens)
        {
            if (HasLeft)
                return;
            Interlocked.Add(ref server._state.Tokens, tokens - _tokens);
            _tokens = tokens;
        }

        /// <summary>Timestamp of the attempt's begin.</summary>
        public long Began { get; set; }

        /// <summary>From its begin to its first byte, or to its failure if none came.</summary>
        public TimeSpan FirstByte { get; private set; }

        /// <summary>Why the attempt failed, in words that go on after the server's name; null if its result says it all.</summary>
        public string? Why { get; set; }

        /// <summary>Notes that the wait for the first byte is over, once.</summary>
        /// <param name="took">How long it took, or how long it was waited for.</param>
        /// <param name="result">How it ended.</param>
        /// <param name="refused">True if the server said that it has too much to do.</param>
        public void NoteFirstByte(TimeSpan took, AttemptResult result, bool refused)
        {
            FirstByte = took;
            var hasTaken = result is AttemptResult.Answered or AttemptResult.FirstByteTimeout;
            if (hasTaken)
                server.FirstBytes.Add(took);
            if (refused && server._state.Limits.IsAdaptive)
                server._state.Limiter.NoteRefused(server.Waiting);
            // A caller that left after so long would have waited at least so long.
            var leftLate = result == AttemptResult.CallerLeft && took > 2 * server._state.Limiter.Baseline;
            EndWait(hasTaken || leftLate ? took : null, took, hasTaken);
            server._state.Admission.PlaceFreed();
        }

        /// <summary>The server did its work, though the attempt goes on: its breaker learns that now.</summary>
        public void NoteAnswered()
        {
            if (Interlocked.Exchange(ref _noted, 1) == 0)
                NoteBreaker(isTry, failed: false);
        }

        /// <param name="failed">True: the server failed; false: it answered; null: nothing was learned.</param>
        public void Leave(bool? failed)
        {
            if (Interlocked.Exchange(ref _left, 1) != 0)
                return;
            EndWait(says: null, TimeSpan.Zero, answered: false);
            Interlocked.Add(ref server._state.Tokens, -_tokens);
            Interlocked.Decrement(ref server._state.Outstanding);
            if (Interlocked.Exchange(ref _noted, 1) == 0)
                NoteBreaker(isTry, failed);
            else if (failed == true)
                server.Breaker.Note(isTry: false, failed);
            server._state.Admission.PlaceFreed();
        }

        private void NoteBreaker(bool wasTry, bool? failed)
        {
            var wasHeld = server.Breaker.Standing != Hold.None;
            server.Breaker.Note(wasTry, failed, FirstByte);
            if (wasHeld && server.Breaker.Standing == Hold.None)
                server.StartSlowly();
        }

        /// <param name="says">What the limiter learns of it; null: nothing.</param>
        /// <param name="took">How long it lasted.</param>
        /// <param name="answered">True if that says how quick the server is.</param>
        private void EndWait(TimeSpan? says, TimeSpan took, bool answered)
        {
            if (Interlocked.Exchange(ref _waited, 1) != 0)
                return;
            var state = server._state;
            Interlocked.Decrement(ref state.Waiting);
            if (cohort != 0 || state.Limits.IsAdaptive)
                state.Limiter.End(cohort, says, answered);
            server.Pace.End(state.Now(), (long)(took.TotalSeconds * state.Frequency), answered);
        }
    }

    /// <summary>What outlives the table.</summary>
    private sealed class State(TimeProvider clock, Random random, Admission admission)
    {
        public const int ProbesToChange = 2;
        public int Outstanding;
        public int Waiting;
        public int ProbeRun;
        public long Tokens;
        public volatile bool Unwell;
        public volatile string? LockedOut;
        public volatile EngineLoad? Engine;
        public volatile string? EngineTrouble;
        public long LockedUntil;
        public double LockLength;
        public Lock Locking { get; } = new();
        public long BackSince = long.MinValue / 2;
        public long Forced;
        public int SlowBeats;

        public volatile LimitPolicy Limits = new();

        public Breaker Breaker { get; } = new(clock, random);

        public Limiter Limiter { get; } = new(clock);

        public Admission Admission => admission;

        public LatencyHistogram FirstBytes { get; } = new();

        public Upstream.ServerConnections Connections { get; } = new();

        public Upstream.Http2Connections Http2 { get; } = new();

        public Pace Pace { get; } = new(clock.TimestampFrequency);

        public DeclaredRate Declared { get; } = new(clock.TimestampFrequency);

        public long Frequency => clock.TimestampFrequency;

        public long Now() => clock.GetTimestamp();
    }
}
