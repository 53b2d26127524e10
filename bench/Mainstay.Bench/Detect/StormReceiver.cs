using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Mainstay.Bench.Detect;

/// <summary>A receiver of webhooks on the loopback that counts what it took, by the id of each delivery, and can be down.</summary>
internal sealed class StormReceiver : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _taken = [];
    private readonly HashSet<string> _fingerprints = [];
    private readonly List<string> _kinds = [];
    private readonly HashSet<Socket> _open = [];
    private readonly IPEndPoint _address;
    private Socket _listener;
    private Task _accepting;

    public StormReceiver()
    {
        _listener = Listen(new IPEndPoint(IPAddress.Loopback, 0));
        _address = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = AcceptAsync(_listener);
    }

    public int Port => _address.Port;

    /// <summary>True: every delivery is answered with 503.</summary>
    public bool IsRefusing { get; set; }

    /// <summary>Deliveries that were taken, repeats included.</summary>
    public int Deliveries
    {
        get
        {
            lock (_lock)
                return _taken.Values.Sum();
        }
    }

    /// <summary>Deliveries that were taken and had been before.</summary>
    public int Duplicates
    {
        get
        {
            lock (_lock)
                return _taken.Values.Sum(count => count - 1);
        }
    }

    /// <summary>What sorts of messages came, in order.</summary>
    public IReadOnlyList<string> Kinds
    {
        get
        {
            lock (_lock)
                return [.. _kinds];
        }
    }

    /// <summary>True if a message told of this alert.</summary>
    public bool HasHeardOf(string fingerprint)
    {
        lock (_lock)
            return _fingerprints.Contains(fingerprint);
    }

    /// <summary>Nobody listens any more, and open connections are reset.</summary>
    public async Task GoDownAsync()
    {
        _listener.Dispose();
        await _accepting;
        lock (_lock)
        {
            foreach (var socket in _open)
                socket.Dispose();
            _open.Clear();
        }
    }

    /// <summary>Listens again where it did.</summary>
    public void ComeBack()
    {
        _listener = Listen(_address);
        _accepting = AcceptAsync(_listener);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await GoDownAsync();
        _stop.Dispose();
    }

    private static Socket Listen(IPEndPoint address)
    {
        var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(address);
        listener.Listen(128);
        return listener;
    }

    private async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptAsync(_stop.Token);
                lock (_lock)
                    _open.Add(socket);
                _ = ServeAsync(socket);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Down.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            using var reader = new StreamReader(stream, Encoding.UTF8, false, 16_384, leaveOpen: true);
            while (await reader.ReadLineAsync(_stop.Token) is not null)
            {
                var (id, length) = ("", 0);
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                {
                    var value = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
                    if (line.StartsWith("webhook-id:", StringComparison.OrdinalIgnoreCase))
                        id = value;
                    else if (line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
                        length = int.Parse(value, CultureInfo.InvariantCulture);
                }
                // Ids and texts of this benchmark are ASCII: characters are bytes.
                var body = new char[length];
                if (await reader.ReadBlockAsync(body, _stop.Token) < length)
                    return;
                // What arrived whole counts as taken, whether or not the sender lives to hear it.
                if (!IsRefusing)
                    Note(id, new string(body));
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {(IsRefusing ? 503 : 200)} Said\r\nContent-Length: 0\r\n\r\n"), _stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or IOException or ObjectDisposedException)
        {
            // The sender was killed, or this receiver is down.
        }
        finally
        {
            lock (_lock)
                _open.Remove(socket);
        }
    }

    private void Note(string id, string body)
    {
        using var message = JsonDocument.Parse(body);
        var root = message.RootElement;
        lock (_lock)
        {
            _taken[id] = _taken.GetValueOrDefault(id) + 1;
            _kinds.Add(root.GetProperty("kind").GetString()!);
            foreach (var item in root.TryGetProperty("items", out var items) ? items.EnumerateArray().ToArray() : [root])
                foreach (var fingerprint in item.GetProperty("fingerprints").EnumerateArray())
                    _fingerprints.Add(fingerprint.GetString()!);
        }
    }
}
