using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Mainstay.Bench.Proxy;

/// <summary>What a <see cref="TokenReader"/> saw.</summary>
internal sealed record TokenResult(long Events, double P50Us, double P99Us);

/// <summary>
/// Opens streams of a <see cref="TokenServer"/>, in a process of its own, and measures how old each event is when it arrives.
/// Says <c>open</c> when every stream has begun; then, for each line <c>SECONDS</c> it reads, one line of JSON with what it saw in that time.
/// Ends with its standard input.
/// </summary>
internal sealed class TokenReader(TimeProvider clock)
{
    private const int MostAges = 4_000_000;
    private readonly Lock _lock = new();
    private readonly List<double> _ages = [];
    private int _begun;
    private int _ended;

    public async Task<int> RunAsync(int port, int streams)
    {
        for (var i = 0; i < streams; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(IPAddress.Loopback, port);
            _ = ReadAsync(socket);
            // A queue of connections that overflows would be a test of the kernel.
            if (i % 100 == 99)
                while (Volatile.Read(ref _begun) + Volatile.Read(ref _ended) < i - 400)
                    await Task.Delay(TimeSpan.FromMilliseconds(2), clock, CancellationToken.None);
        }
        while (Volatile.Read(ref _begun) + Volatile.Read(ref _ended) < streams)
            await Task.Delay(TimeSpan.FromMilliseconds(5), clock, CancellationToken.None);
        Console.WriteLine(_ended == 0 ? "open" : $"{_ended} of {streams} streams did not begin");
        using var input = new StreamReader(Console.OpenStandardInput());
        while (await input.ReadLineAsync() is { } line)
        {
            lock (_lock)
                _ages.Clear();
            await Task.Delay(TimeSpan.FromSeconds(double.Parse(line, CultureInfo.InvariantCulture)), clock, CancellationToken.None);
            lock (_lock)
                Console.WriteLine(JsonSerializer.Serialize(new TokenResult(_ages.Count, Quantile(0.5), Quantile(0.99))));
        }
        return 0;
    }

    private double Quantile(double q)
    {
        _ages.Sort();
        return _ages.Count == 0 ? 0 : _ages[(int)(q * (_ages.Count - 1))];
    }

    private async Task ReadAsync(Socket socket)
    {
        using var _ = socket;
        var begun = false;
        try
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes("GET /tokens HTTP/1.1\r\nHost: bench.test\r\nAccept: text/event-stream\r\n\r\n"), SocketFlags.None);
            var buffer = new byte[1024];
            var kept = 0;
            while (await socket.ReceiveAsync(buffer.AsMemory(kept), SocketFlags.None) is > 0 and var length)
            {
                if (!begun)
                {
                    if (!buffer.AsSpan(0, length).StartsWith("HTTP/1.1 200"u8))
                        break;
                    begun = true;
                    Interlocked.Increment(ref _begun);
                }
                kept = Take(buffer, kept + length);
            }
        }
        catch (SocketException)
        {
            // It counts as ended.
        }
        Interlocked.Increment(ref _ended);
        if (begun)
            Interlocked.Decrement(ref _begun);
    }

    /// <summary>Notes the age of every event.</summary>
    /// <returns>Bytes at the start of the buffer that may be the beginning of an event.</returns>
    private int Take(byte[] buffer, int length)
    {
        var rest = buffer.AsSpan(0, length);
        while (rest.IndexOf(TokenServer.Mark) is >= 0 and var at && rest.Length >= at + TokenServer.Mark.Length + TokenServer.Digits)
        {
            rest = rest[(at + TokenServer.Mark.Length)..];
            if (Utf8Parser.TryParse(rest[..TokenServer.Digits], out long time, out _))
                lock (_lock)
                    if (_ages.Count < MostAges)
                        _ages.Add(TokenServer.MicrosecondsSince(time, clock));
            rest = rest[TokenServer.Digits..];
        }
        var keep = Math.Min(rest.Length, TokenServer.Mark.Length + TokenServer.Digits - 1);
        rest[^keep..].CopyTo(buffer);
        return keep;
    }
}
