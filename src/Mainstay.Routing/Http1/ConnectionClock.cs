using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Mainstay.Routing.Http1;

/// <summary>
/// One timer a second for all connections of a front: it cuts those whose deadline passed and renews the Date field. So
/// a request sets a deadline by writing a number, and no timer is made for it. A deadline takes effect within a second.
/// </summary>
internal sealed class ConnectionClock : IDisposable
{
    private readonly ConcurrentDictionary<Http1Connection, bool> _connections = new();
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private volatile byte[] _date;

    public ConnectionClock(TimeProvider clock)
    {
        _clock = clock;
        _date = MakeDate();
        _timer = clock.CreateTimer(_ => Tick(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>A deadline that never comes.</summary>
    public const long Never = long.MaxValue;

    /// <summary>Open connections that are served here.</summary>
    public int Count => _connections.Count;

    /// <summary>The whole field line of the present second.</summary>
    public ReadOnlySpan<byte> DateLine => _date;

    /// <summary>The timestamp at which so much time has passed from now on.</summary>
    public long In(TimeSpan time) => _clock.GetTimestamp() + (long)(time.TotalSeconds * _clock.TimestampFrequency);

    /// <summary>Time left until a timestamp; not below zero.</summary>
    public TimeSpan Until(long deadline) =>
        TimeSpan.FromSeconds(Math.Max(0, (double)(deadline - _clock.GetTimestamp()) / _clock.TimestampFrequency));

    public bool IsPast(long deadline) => deadline != Never && _clock.GetTimestamp() >= deadline;

    public void Add(Http1Connection connection) => _connections.TryAdd(connection, true);

    public void Remove(Http1Connection connection) => _connections.TryRemove(connection, out _);

    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        _date = MakeDate();
        foreach (var (connection, _) in _connections)
            connection.CheckDeadlines();
    }

    private byte[] MakeDate() =>
        Encoding.ASCII.GetBytes($"Date: {_clock.GetUtcNow().ToString("R", CultureInfo.InvariantCulture)}\r\n");
}
