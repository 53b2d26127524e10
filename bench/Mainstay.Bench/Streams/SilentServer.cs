using System.Net;
using System.Net.Sockets;

namespace Mainstay.Bench.Streams;

/// <summary>How a provider keeps silent.</summary>
internal enum Silence
{
    /// <summary>It takes the request and never answers.</summary>
    Nothing,

    /// <summary>It says that an answer is to come.</summary>
    Head,

    /// <summary>It says that it is still there, ten times a second.</summary>
    Comments,

    /// <summary>It says who is about to speak.</summary>
    Role,
}

/// <summary>A provider that takes requests and keeps silent.</summary>
internal sealed class SilentServer : IAsyncDisposable
{
    private static readonly TimeSpan CommentEvery = TimeSpan.FromMilliseconds(100);
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly Silence _kind;
    private readonly TimeProvider _clock;
    private readonly Task _accepting;

    public SilentServer(string name, Silence kind, TimeProvider clock)
    {
        (Name, _kind, _clock) = (name, kind, clock);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>The model that is asked for to meet it.</summary>
    public string Name { get; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
            _ = ServeAsync(await _listener.AcceptAsync(_stop.Token));
    }

    private async Task ServeAsync(Socket socket)
    {
        using var _ = socket;
        try
        {
            var buffer = new byte[65536];
            await socket.ReceiveAsync(buffer, _stop.Token);
            if (_kind != Silence.Nothing)
                await socket.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray(), _stop.Token);
            if (_kind == Silence.Role)
                await socket.SendAsync(Chunk("data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"), _stop.Token);
            var left = socket.ReceiveAsync(buffer, _stop.Token).AsTask();
            while (_kind == Silence.Comments && !left.IsCompleted)
            {
                await socket.SendAsync(Chunk(": keep-alive\n\n"), _stop.Token);
                await Task.Delay(CommentEvery, _clock, _stop.Token);
            }
            await left;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The gateway left, or the benchmark is over.
        }
    }

    private static byte[] Chunk(string text) =>
        System.Text.Encoding.ASCII.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{text.Length:x}\r\n{text}\r\n"));
}
