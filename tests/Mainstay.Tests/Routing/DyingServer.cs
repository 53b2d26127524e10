using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>The moments at which an attempt can die, in their order.</summary>
internal enum Death
{
    /// <summary>It does not die.</summary>
    None,

    /// <summary>The connection is refused.</summary>
    Refused,

    /// <summary>The connection is accepted, and ended before anything is read.</summary>
    Accepted,

    /// <summary>One byte of the request was read.</summary>
    FirstByte,
    HalfHead,
    WholeHead,
    HalfBody,
    WholeRequest,

    /// <summary>The request was read and one byte of the answer sent.</summary>
    AnswerByte,

    /// <summary>The head of the answer was sent.</summary>
    AnswerHead,

    /// <summary>Head and half of the body of the answer were sent.</summary>
    AnswerBody,

    /// <summary>A whole answer was sent that says 503.</summary>
    Busy,
}

/// <summary>
/// A server that dies at one moment of every request, to the byte; but requests for /warm it answers well. It notes what
/// of a request may have reached it.
/// </summary>
internal sealed class DyingServer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Death _death;
    private readonly bool _resets;
    private readonly bool _closesWarm;
    private readonly Task _accepting;
    private int _connections;
    private int _warm;
    private int _reached;

    /// <param name="death">When it dies.</param>
    /// <param name="resets">How: by a reset, or by an orderly close.</param>
    /// <param name="closesWarm">True: it closes the connection right after its answer to /warm.</param>
    public DyingServer(Death death, bool resets, bool closesWarm)
    {
        (_death, _resets, _closesWarm) = (death, resets, closesWarm);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        if (death != Death.Refused)
            _listener.Listen();
        _accepting = death == Death.Refused ? Task.CompletedTask : AcceptAsync();
    }

    /// <summary>How many times a request may have been served: connections that it, or a part of it, may have come on.</summary>
    public int Reached => Volatile.Read(ref _reached);

    /// <summary>Method and body of the request it answered well.</summary>
    public (string Method, string Body)? Served { get; private set; }

    public Server In(string region) => Tables.Server(((IPEndPoint)_listener.LocalEndPoint!).ToString(), region);

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting.Patiently();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptAsync();
                _ = ServeAsync(socket, isFirst: Interlocked.Increment(ref _connections) == 1);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed of.
        }
    }

    private async Task ServeAsync(Socket socket, bool isFirst)
    {
        using var _ = socket;
        try
        {
            // A server that dies on accepting must still answer /warm, which comes first.
            if (_death == Death.Accepted && !(isFirst && ExpectsWarm))
            {
                // A reset may come so early that the other side never had a connection, and may go elsewhere.
                if (!_resets)
                    Interlocked.Increment(ref _reached);
                End(socket);
                return;
            }
            var input = new Input(socket);
            while (await ServeOneAsync(socket, input))
                input.Next();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other side left.
        }
    }

    /// <summary>True while the first request is to be one for /warm.</summary>
    public bool ExpectsWarm { get; set; }

    /// <returns>True if another request may follow.</returns>
    private async Task<bool> ServeOneAsync(Socket socket, Input input)
    {
        if (!await input.ReachAsync(1))
            return false;
        if (ExpectsWarm && Volatile.Read(ref _warm) == 0)
        {
            await input.ReachWholeAsync();
            Volatile.Write(ref _warm, 1);
            await SendAsync(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwarm");
            if (!_closesWarm)
                return true;
            socket.Shutdown(SocketShutdown.Both);
            return false;
        }
        Interlocked.Increment(ref _reached);
        await (_death switch
        {
            Death.Accepted or Death.FirstByte => Task.CompletedTask,
            Death.HalfHead => input.ReachAsync(24),
            Death.WholeHead => input.ReachHeadAsync(),
            Death.HalfBody => input.ReachHalfBodyAsync(),
            _ => input.ReachWholeAsync(),
        });
        switch (_death)
        {
            case Death.None:
                Served = (input.Method, input.Body);
                await SendAsync(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
                return true;
            case Death.Busy:
                await SendAsync(socket, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
                return true;
            case Death.AnswerByte:
                await SendAsync(socket, "H");
                break;
            case Death.AnswerHead:
                await SendAsync(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
                break;
            case Death.AnswerBody:
                await SendAsync(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ");
                break;
        }
        End(socket);
        return false;
    }

    private void End(Socket socket)
    {
        if (_resets)
            socket.LingerState = new LingerOption(enable: true, 0);
        else
            socket.Shutdown(SocketShutdown.Both);
        socket.Close();
    }

    private static async Task SendAsync(Socket socket, string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        for (var sent = 0; sent < bytes.Length;)
            sent += await socket.SendAsync(bytes.AsMemory(sent));
    }

    /// <summary>What came of the present request, and no more of it than was asked for.</summary>
    private sealed class Input(Socket socket)
    {
        private readonly byte[] _buffer = new byte[4096];
        private string _text = "";

        public string Method => _text[.._text.IndexOf(' ', StringComparison.Ordinal)];

        public string Body => IsChunked ? string.Concat(Chunks()) : _text[HeadLength..];

        private int HeadLength => _text.IndexOf("\r\n\r\n", StringComparison.Ordinal) is >= 0 and var at ? at + 4 : -1;

        private bool IsChunked => _text[..HeadLength].Contains("Transfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase);

        public void Next() => _text = "";

        public Task<bool> ReachAsync(int bytes) => UntilAsync(() => _text.Length >= bytes);

        public Task<bool> ReachHeadAsync() => UntilAsync(() => HeadLength >= 0);

        public Task<bool> ReachHalfBodyAsync() => UntilAsync(() => HeadLength >= 0 && (_text.Length > HeadLength || IsWhole()));

        public Task<bool> ReachWholeAsync() => UntilAsync(() => HeadLength >= 0 && IsWhole());

        private bool IsWhole()
        {
            if (IsChunked)
                return _text.EndsWith("0\r\n\r\n", StringComparison.Ordinal);
            var at = _text.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
            var length = at < 0 ? 0 : int.Parse(_text.AsSpan(at + 16, _text.IndexOf('\r', at) - at - 16), NumberStyles.None, CultureInfo.InvariantCulture);
            return _text.Length >= HeadLength + length;
        }

        private IEnumerable<string> Chunks()
        {
            for (var at = HeadLength; ;)
            {
                var end = _text.IndexOf('\r', at);
                var size = int.Parse(_text.AsSpan(at, end - at), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                if (size == 0)
                    yield break;
                yield return _text.Substring(end + 2, size);
                at = end + 2 + size + 2;
            }
        }

        private async Task<bool> UntilAsync(Func<bool> isReached)
        {
            while (!isReached())
            {
                var length = await socket.ReceiveAsync(_buffer);
                if (length == 0)
                    return false;
                _text += Encoding.ASCII.GetString(_buffer, 0, length);
            }
            return true;
        }
    }
}
