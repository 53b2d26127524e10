using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>
/// A server of raw sockets that does what a test wants, the faults of real ones included. Each request it receives is
/// one delivery; connections are kept alive until the script closes them.
/// </summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<Delivery> _deliveries = Channel.CreateUnbounded<Delivery>();
    private readonly Func<Delivery, Task>? _script;
    private readonly Task _accepting;
    private int _received;
    private int _connections;

    /// <param name="script">What becomes of each delivery; null: every connection is refused.</param>
    public ScriptedServer(Func<Delivery, Task>? script)
    {
        _script = script;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        // Bound but not listening: the port stays ours, and whoever connects is refused.
        if (script is not null)
            _listener.Listen();
        _accepting = script is null ? Task.CompletedTask : AcceptAsync();
    }

    public static ScriptedServer Refusing() => new(script: null);

    public static ScriptedServer Answering(string body, int status = 200) => new(async delivery =>
    {
        await delivery.ReadBodyAsync();
        await delivery.AnswerAsync(status, body);
    });

    /// <summary>Answers as soon as it has the head, and reads no body.</summary>
    public static ScriptedServer Refusing(int status) => new(async delivery =>
    {
        await delivery.AnswerAsync(status, "no");
        await delivery.WaitForOtherSideToLeaveAsync();
    });

    public string Name => ((IPEndPoint)_listener.LocalEndPoint!).ToString();

    /// <summary>Requests whose head arrived.</summary>
    public int Received => Volatile.Read(ref _received);

    /// <summary>Connections that were accepted.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>The next delivery, as soon as its head arrived.</summary>
    public Task<Delivery> NextAsync() => _deliveries.Reader.ReadAsync().Patiently();

    public Server In(string region, int rank = 1) => Tables.Server(Name, region, rank);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting.Patiently();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptAsync(_stop.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed of.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var _ = socket;
        Interlocked.Increment(ref _connections);
        try
        {
            var connection = new Connection(socket, _stop.Token);
            while (await connection.ReadHeadAsync() is { } head)
            {
                var delivery = new Delivery(head, connection);
                Interlocked.Increment(ref _received);
                await _deliveries.Writer.WriteAsync(delivery);
                await _script!(delivery);
                if (delivery.IsClosed)
                    return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException or IOException)
        {
            // The other side went away, or the test is over.
        }
    }
}

/// <summary>One request that a scripted server received, and the means to answer it well or badly.</summary>
internal sealed class Delivery(string head, Connection connection)
{
    /// <summary>Request line and header fields.</summary>
    public string Head => head;

    public string Method => head[..head.IndexOf(' ', StringComparison.Ordinal)];

    public string Target => head.Split(' ')[1];

    public bool IsClosed { get; private set; }

    public string? Header(string name) => head.Split("\r\n")
        .Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
        .Select(line => line[(name.Length + 1)..].Trim())
        .FirstOrDefault();

    /// <summary>The whole body: by its length, or by its chunks.</summary>
    public async Task<string> ReadBodyAsync()
    {
        if (Header("Transfer-Encoding") is null)
            return await connection.ReadAsync(int.Parse(Header("Content-Length") ?? "0", CultureInfo.InvariantCulture));
        var body = new StringBuilder();
        while (await ReadChunkAsync() is { Length: > 0 } chunk)
            body.Append(chunk);
        return body.ToString();
    }

    /// <summary>Trailers of a body that came in chunks, as lines.</summary>
    public IReadOnlyList<string> Trailers { get; private set; } = [];

    /// <summary>One chunk of a body that comes in chunks; empty at its end.</summary>
    public async Task<string> ReadChunkAsync()
    {
        var size = int.Parse(await connection.ReadLineAsync(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var chunk = await connection.ReadAsync(size);
        if (size > 0)
        {
            await connection.ReadLineAsync();
            return chunk;
        }
        while (await connection.ReadLineAsync() is { Length: > 0 } trailer)
            Trailers = [.. Trailers, trailer];
        return "";
    }

    /// <summary>So many bytes of whatever comes.</summary>
    public Task<string> ReadAsync(int bytes) => connection.ReadAsync(bytes);

    /// <summary>What comes until the other side ends its sending.</summary>
    public Task<string> ReadToEndAsync() => connection.ReadToEndAsync();

    /// <summary>A whole answer with its length.</summary>
    public Task AnswerAsync(int status, string body) =>
        SendAsync($"HTTP/1.1 {status} Scripted\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nContent-Type: text/plain\r\n\r\n{body}");

    /// <summary>The head of an answer that comes in chunks.</summary>
    public Task StartChunksAsync() => SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");

    /// <summary>One chunk; the empty one ends the answer.</summary>
    public Task SendChunkAsync(string chunk) =>
        SendAsync(string.Create(CultureInfo.InvariantCulture, $"{Encoding.UTF8.GetByteCount(chunk):x}\r\n{chunk}\r\n"));

    public Task SendAsync(string raw) => connection.SendAsync(raw);

    public Task SendAsync(byte[] raw) => connection.SendAsync(raw);

    /// <summary>Closes the connection in an orderly way: what was sent arrives, then the end.</summary>
    public Task CloseAsync()
    {
        IsClosed = true;
        connection.Close();
        return Task.CompletedTask;
    }

    /// <summary>Resets the connection, as a killed process does that had unread data.</summary>
    public Task ResetAsync()
    {
        IsClosed = true;
        connection.Reset();
        return Task.CompletedTask;
    }

    /// <summary>Says nothing more until the other side closes, and ends then.</summary>
    public async Task WaitForOtherSideToLeaveAsync()
    {
        IsClosed = true;
        await connection.ReadToEndAsync();
    }
}

/// <summary>A buffered socket: lines and counted bytes in, text out.</summary>
internal sealed class Connection(Socket socket, CancellationToken stop)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _from;
    private int _to;

    /// <summary>Everything up to the empty line; null if the other side closed first.</summary>
    public async Task<string?> ReadHeadAsync()
    {
        var head = new StringBuilder();
        while (true)
        {
            var line = await ReadLineOrEndAsync();
            if (line is null)
                return null;
            if (line.Length == 0)
                return head.ToString();
            head.Append(line).Append("\r\n");
        }
    }

    public async Task<string> ReadLineAsync() => await ReadLineOrEndAsync() ?? throw new IOException("The other side closed.");

    public async Task<string> ReadAsync(int bytes)
    {
        var read = new byte[bytes];
        for (var i = 0; i < bytes; i++)
            read[i] = await FillAsync() ? _buffer[_from++] : throw new IOException("The other side closed.");
        return Encoding.UTF8.GetString(read);
    }

    /// <summary>What comes until the other side closes; throws if it resets the connection instead.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var read = new List<byte>();
        while (await FillAsync())
            read.Add(_buffer[_from++]);
        return Encoding.UTF8.GetString([.. read]);
    }

    public Task SendAsync(string raw) => SendAsync(Encoding.UTF8.GetBytes(raw));

    public async Task SendAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
            sent += await socket.SendAsync(bytes.AsMemory(sent), stop);
    }

    public void Close()
    {
        socket.Shutdown(SocketShutdown.Both);
        socket.Close();
    }

    public void Reset()
    {
        socket.LingerState = new LingerOption(enable: true, 0);
        socket.Close();
    }

    private async Task<string?> ReadLineOrEndAsync()
    {
        var line = new List<byte>();
        while (await FillAsync())
        {
            var next = _buffer[_from++];
            if (next == '\n')
                return Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
            line.Add(next);
        }
        return null;
    }

    private async ValueTask<bool> FillAsync()
    {
        if (_from < _to)
            return true;
        _from = 0;
        _to = await socket.ReceiveAsync(_buffer, stop);
        return _to > 0;
    }
}
