using System.Collections.Concurrent;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// One timer for all connections to servers: a deadline is a number that an attempt writes, and no timer is made for it.
/// A deadline takes effect up to 20 ms late, as does the leaving of a caller that its unread bytes hide.
/// </summary>
internal sealed class AttemptClock : IDisposable
{
    public const long Never = long.MaxValue;
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(20);
    private readonly ConcurrentDictionary<ServerConnection, bool> _connections = new();
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;

    public AttemptClock(TimeProvider clock)
    {
        _clock = clock;
        _timer = clock.CreateTimer(_ => CutLate(), null, Beat, Beat);
    }

    public long Now => _clock.GetTimestamp();

    /// <summary>The timestamp at which so much time has passed from now on.</summary>
    public long In(TimeSpan time) => Now + (long)(time.TotalSeconds * _clock.TimestampFrequency);

    public void Add(ServerConnection connection) => _connections.TryAdd(connection, true);

    public void Remove(ServerConnection connection) => _connections.TryRemove(connection, out _);

    public void Dispose() => _timer.Dispose();

    private void CutLate()
    {
        var now = Now;
        foreach (var (connection, _) in _connections)
            connection.Check(now);
    }
}
