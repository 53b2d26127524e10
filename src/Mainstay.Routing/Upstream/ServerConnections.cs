using Mainstay.Routing.Certificates;

namespace Mainstay.Routing.Upstream;

/// <summary>The idle connections to one server, newest first. Bounded. Safe for any number of threads.</summary>
internal sealed class ServerConnections : IDisposable
{
    private const int MostIdle = 512;
    private readonly Lock _lock = new();
    private readonly Stack<ServerConnection> _idle = new();
    private bool _closed;

    /// <summary>An idle connection that is still good; null if there is none.</summary>
    /// <param name="trust">What it must have been opened with; another has been replaced since.</param>
    /// <param name="since">It must have been given back after this timestamp.</param>
    /// <param name="expired">Those given back before this timestamp are closed.</param>
    public ServerConnection? TryTake(ServerTrust trust, long since, long expired)
    {
        while (true)
        {
            ServerConnection? connection;
            lock (_lock)
            {
                // The newest comes first: if it is too old, all are.
                if (!_idle.TryPeek(out connection) || (connection.IdleSince < since && connection.IdleSince >= expired))
                    return null;
                _idle.Pop();
            }
            if (connection.IdleSince >= since && connection.Trust == trust && connection.IsQuiet)
                return connection;
            connection.Dispose();
        }
    }

    /// <summary>Takes a connection back, or closes it if it is no good any more.</summary>
    /// <param name="expires">From this timestamp on it is of no use.</param>
    public void Return(ServerConnection connection, long expires)
    {
        if (connection.IsReusable)
        {
            connection.Rest(expires);
            lock (_lock)
            {
                if (!_closed && _idle.Count < MostIdle)
                {
                    _idle.Push(connection);
                    return;
                }
            }
        }
        connection.Dispose();
    }

    /// <summary>Closes the idle ones now and the busy ones when they come back.</summary>
    public void Dispose()
    {
        lock (_lock)
            _closed = true;
        CloseAll();
    }

    private void CloseAll()
    {
        ServerConnection[] all;
        lock (_lock)
        {
            all = [.. _idle];
            _idle.Clear();
        }
        foreach (var connection in all)
            connection.Dispose();
    }
}
