namespace Mainstay.Routing;

/// <summary>
/// A server as it is right now: its load, its breaker, what its probes say. Lives as long as the server stands in the
/// table, through any number of tables. Safe for any number of threads.
/// </summary>
public sealed class LiveServer
{
    private const int ProbesToChange = 2;
    private readonly TimeProvider _clock;
    private int _outstanding;
    private int _probeRun;
    private volatile bool _unwell;
    private long _admittedSecond;
    private int _admitted;

    internal LiveServer(string service, Server server, TimeProvider clock)
    {
        Service = service;
        Spec = server;
        _clock = clock;
        Breaker = new Breaker(clock);
        Connections = Upstream.HttpUpstream.Connect();
    }

    public string Service { get; }

    /// <summary>As the newest table describes it.</summary>
    public Server Spec { get; private set; }

    public Breaker Breaker { get; }

    /// <summary>Pooled connections to it.</summary>
    internal HttpMessageInvoker Connections { get; }

    /// <summary>Attempts under way on it.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>False after two failed probes in a row, until two are well; true while there are no probes.</summary>
    public bool IsWell => !_unwell;

    /// <summary>True while the declared capacity of this second is used up.</summary>
    internal bool IsFull =>
        Spec.Capacity is { } capacity
        && Volatile.Read(ref _admittedSecond) == Second()
        && Volatile.Read(ref _admitted) >= capacity;

    /// <summary>Work before a request that came now would be done, relative to the server's size.</summary>
    internal double Load => (Outstanding + 1) / Spec.Weight;

    internal void Describe(Server server) => Spec = server;

    /// <summary>Takes a place on the server; null if its breaker holds requests back.</summary>
    internal Place? TryEnter(bool force)
    {
        if (!Breaker.TryEnter(out var isTry) && !force)
            return null;
        Interlocked.Increment(ref _outstanding);
        var second = Second();
        if (Interlocked.Exchange(ref _admittedSecond, second) != second)
            Volatile.Write(ref _admitted, 0);
        Interlocked.Increment(ref _admitted);
        return new Place(this, isTry);
    }

    internal void NoteProbe(bool well)
    {
        // The run counts probes that contradict the present belief; one that agrees with it starts the count anew.
        if (well == IsWell)
        {
            Volatile.Write(ref _probeRun, 0);
            return;
        }
        if (Interlocked.Increment(ref _probeRun) < ProbesToChange)
            return;
        Volatile.Write(ref _probeRun, 0);
        _unwell = !well;
        if (well)
            Breaker.Hint();
    }

    private long Second() => _clock.GetTimestamp() / _clock.TimestampFrequency;

    /// <summary>One attempt's place on a server. Leaving is counted once, however often it is called.</summary>
    internal sealed class Place(LiveServer server, bool isTry)
    {
        private int _left;

        public LiveServer Server => server;

        /// <param name="failed">True: the server failed; false: it answered; null: nothing was learned.</param>
        public void Leave(bool? failed)
        {
            if (Interlocked.Exchange(ref _left, 1) != 0)
                return;
            Interlocked.Decrement(ref server._outstanding);
            server.Breaker.Note(isTry, failed);
        }
    }
}
