using System.Collections.Concurrent;
using System.Net.Sockets;
using Mainstay.Routing.Sockets;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// One beat for all connections to servers: a deadline is a number that an attempt writes, and no timer is made for it.
/// A deadline takes effect up to a beat (20 ms) late, as does the leaving of a caller that its unread bytes hide. Time in which this
/// process itself stood still (an overloaded machine, a collection) does not count: the answer that seems to be late may
/// have come meanwhile, and nobody has looked yet.
/// </summary>
internal sealed class AttemptClock : IDisposable
{
    public const long Never = long.MaxValue;

    /// <summary>A socket whose name is still being looked up seems to stand, too: no longer than this.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<ServerConnection, bool> _connections = new();
    private readonly ConcurrentDictionary<ConnectLimit, bool> _limits = new();
    private readonly TimeProvider _clock;
    private readonly ITimer? _timer;
    private readonly long _beat;
    private readonly long _grace;
    private readonly Lock _beating = new();
    private long _lastBeat;
    private long _stoodStill;

    /// <param name="clock">Whose time it is.</param>
    public AttemptClock(TimeProvider clock)
    {
        _clock = clock;
        _beat = (long)(Poller.Beat.TotalSeconds * clock.TimestampFrequency);
        _grace = (long)(Grace.TotalSeconds * clock.TimestampFrequency);
        _lastBeat = clock.GetTimestamp();
        if (ReferenceEquals(clock, TimeProvider.System) && Poller.IsSupported)
            Poller.OnEachBeat(CutLate);
        else
            _timer = clock.CreateTimer(_ => CutLate(), null, Poller.Beat, Poller.Beat);
    }

    /// <summary>A timestamp that leaves out the time in which this process stood still.</summary>
    public long Now => _clock.GetTimestamp() - Volatile.Read(ref _stoodStill);

    /// <summary>The timestamp at which so much time has passed from now on.</summary>
    public long In(TimeSpan time) => Now + (long)(time.TotalSeconds * _clock.TimestampFrequency);

    /// <summary>A bound on what is not a connection yet; to be disposed of when it is.</summary>
    public ConnectLimit Limit(TimeSpan time)
    {
        var limit = new ConnectLimit(this, In(time));
        _limits.TryAdd(limit, true);
        return limit;
    }

    public void Add(ServerConnection connection) => _connections.TryAdd(connection, true);

    public void Remove(ServerConnection connection) => _connections.TryRemove(connection, out _);

    public void Dispose()
    {
        Poller.EndBeats(CutLate);
        _timer?.Dispose();
    }

    private void CutLate()
    {
        lock (_beating)
        {
            var beat = _clock.GetTimestamp();
            // A beat that comes a little late is usual.
            if (beat - _lastBeat is var gap && gap > 2 * _beat)
                Volatile.Write(ref _stoodStill, _stoodStill + gap - _beat);
            _lastBeat = beat;
        }
        var now = Now;
        foreach (var (connection, _) in _connections)
            connection.Check(now);
        foreach (var (limit, _) in _limits)
            limit.CancelIfLate(now);
    }

    /// <summary>Cancels its token at its time.</summary>
    internal sealed class ConnectLimit(AttemptClock clock, long deadline) : IDisposable
    {
        private readonly CancellationTokenSource _source = new();
        private volatile Socket? _connecting;

        public CancellationToken Token => _source.Token;

        /// <summary>The socket that is being connected; null: none any more. One that stands when its time is up is not late:
        /// this process has only not looked yet.</summary>
        public Socket? Connecting
        {
            set => _connecting = value;
        }

        public void CancelIfLate(long now)
        {
            var isLate = now - deadline >= clock._grace || !Stands(_connecting);
            if (now >= deadline && isLate && clock._limits.TryRemove(this, out _))
                _source.Cancel();
        }

        /// <summary>True if the system has the answer of the other side, whatever it says.</summary>
        private static bool Stands(Socket? socket)
        {
            try
            {
                return socket is not null && socket.Poll(0, SelectMode.SelectWrite);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }

        /// <summary>The source holds nothing that needs to be disposed of: it has no timer and is linked to nothing.</summary>
        public void Dispose() => clock._limits.TryRemove(this, out _);
    }
}
