using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Bench.Load;

/// <summary>
/// A server behind a gateway: answers what <see cref="Content"/> says after the work that a request takes, and does wrong
/// what it is told to. It is told on a second port, a line at a time: the name of a <see cref="ServerFault"/>, or "seen"
/// for the numbers of the requests that came.
/// </summary>
internal sealed class BackendServer(BackendOptions options, TimeProvider clock) : IDisposable
{
    private readonly ConcurrentDictionary<BackendConnection, bool> _connections = new();
    private readonly ConcurrentQueue<int> _seen = new();
    private readonly Random _random = new(options.Seed);
    private readonly WorkSlots? _slots = options.Slots > 0 ? new WorkSlots(options, clock) : null;
    private TcpListener? _listener;
    private int _port = options.Port;

    public BackendOptions Options => options;

    public ServerFault Fault { get; private set; }

    /// <summary>Serves until cancelled.</summary>
    public async Task RunAsync(TextWriter output, CancellationToken cancel)
    {
        Listen();
        using var control = new TcpListener(IPAddress.Loopback, 0);
        control.Start();
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"listening {_port} {((IPEndPoint)control.LocalEndpoint).Port}"));
        await output.FlushAsync(cancel);
        while (true)
            _ = ObeyAsync(await control.AcceptTcpClientAsync(cancel), cancel);
    }

    /// <summary>Notes a request; returns how long its work takes, and whether it is to fail.</summary>
    public async ValueTask<bool> WorkAsync(int number)
    {
        if (options.KeepSeen)
            _seen.Enqueue(number);
        var fault = Fault;
        var time = fault == ServerFault.Slow ? options.Work * 10 : options.Work;
        if (_slots is not null)
            await _slots.WorkAsync(time);
        else if (time > TimeSpan.Zero)
            await Task.Delay(time, clock);
        return fault == ServerFault.Unavailable || (fault == ServerFault.Errors && Draw() < 0.3);
    }

    public void Forget(BackendConnection connection) => _connections.TryRemove(connection, out _);

    public void Dispose()
    {
        _listener?.Dispose();
        _slots?.Dispose();
        foreach (var connection in _connections.Keys)
            connection.Dispose();
    }

    private void Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, _port);
        listener.Start(4096);
        _port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _listener = listener;
        _ = AcceptAsync(listener);
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                var connection = new BackendConnection(this, await listener.AcceptSocketAsync(), clock);
                _connections[connection] = true;
                _ = connection.ServeAsync();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Down.
        }
    }

    private async Task ObeyAsync(TcpClient client, CancellationToken cancel)
    {
        using var _ = client;
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        await using var writer = new StreamWriter(client.GetStream(), Encoding.ASCII) { AutoFlush = true };
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            if (line == "seen")
            {
                await writer.WriteLineAsync(string.Join(' ', _seen).AsMemory(), cancel);
                continue;
            }
            Change(Enum.Parse<ServerFault>(line));
            await writer.WriteLineAsync("done".AsMemory(), cancel);
        }
    }

    private void Change(ServerFault to)
    {
        var before = Fault;
        Fault = to;
        if (to == ServerFault.Down && before != to)
        {
            _listener!.Dispose();
            foreach (var connection in _connections.Keys)
                connection.Reset();
        }
        else if (before == ServerFault.Down && to != before)
        {
            Listen();
        }
    }

    private double Draw()
    {
        lock (_random)
            return _random.NextDouble();
    }
}

/// <param name="Port">Where it listens; 0: a free one.</param>
/// <param name="Work">What one request takes.</param>
/// <param name="Slots">Requests worked on at a time; the others wait. 0: no bound.</param>
/// <param name="WaitingCost">By what share of its work a request takes longer for each one that waits.</param>
/// <param name="KeepSeen">True: it remembers the number of every request.</param>
internal sealed record BackendOptions(int Port, TimeSpan Work, int Slots, double WaitingCost, bool KeepSeen, int Seed);
