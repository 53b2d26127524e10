using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;

namespace Mainstay.Bench.Proxy;

/// <summary>
/// A server that streams server-sent events, one chunk each, from one thread over raw sockets: <c>data: t=NANOS token</c>,
/// where NANOS is the time of sending on the monotonic clock that all processes of the machine share. Ends with its standard input.
/// </summary>
internal static class TokenServer
{
    /// <summary>What comes before the time in an event.</summary>
    public static ReadOnlySpan<byte> Mark => "data: t="u8;

    /// <summary>Digits of the time.</summary>
    public const int Digits = 16;

    /// <summary>Streams are spread over so many moments of the interval, as independent callers are.</summary>
    private const int Slots = 20;

    /// <param name="every">Milliseconds between two events of a stream.</param>
    /// <param name="clock">Times the events.</param>
    public static int Run(int every, TimeProvider clock)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(4096);
        Console.WriteLine(((IPEndPoint)listener.LocalEndPoint!).Port);
        var slots = Enumerable.Range(0, Slots).Select(_ => new List<Socket>()).ToArray();
        _ = AcceptAsync(listener, slots);

        // The timers of .NET keep to steps of 4 ms; a wait for the end of the input, with a bound, is exact enough.
        using var ended = new ManualResetEventSlim(initialState: false, spinCount: 0);
        new Thread(() => WaitForEnd(ended)) { IsBackground = true }.Start();
        var step = (long)(every / 1000.0 / Slots * clock.TimestampFrequency);
        var next = clock.GetTimestamp();
        for (var slot = 0; !ended.IsSet; slot = (slot + 1) % Slots)
        {
            next += step;
            while (clock.GetTimestamp() < next && !ended.IsSet)
                ended.Wait(TimeSpan.FromMilliseconds(1));
            lock (slots)
                slots[slot].RemoveAll(socket => !TrySend(socket, clock));
        }
        return 0;
    }

    private static void WaitForEnd(ManualResetEventSlim ended)
    {
        using var input = new StreamReader(Console.OpenStandardInput());
        input.ReadLine();
        ended.Set();
    }

    /// <summary>Microseconds since an event with this time was sent.</summary>
    public static double MicrosecondsSince(long time, TimeProvider clock) => (clock.GetTimestamp() - time) * 1e6 / clock.TimestampFrequency;

    private static async Task AcceptAsync(Socket listener, List<Socket>[] slots)
    {
        for (var next = 0; ; next = (next + 1) % Slots)
        {
            var socket = await listener.AcceptAsync();
            socket.NoDelay = true;
            _ = BeginAsync(socket, slots, slots[next]);
        }
    }

    private static async Task BeginAsync(Socket socket, List<Socket>[] all, List<Socket> slot)
    {
        try
        {
            var buffer = new byte[2048];
            var length = 0;
            while (!buffer.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
            {
                var more = await socket.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None);
                if (more == 0 || (length += more) == buffer.Length)
                {
                    socket.Dispose();
                    return;
                }
            }
            await socket.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray(), SocketFlags.None);
            socket.Blocking = false;
            lock (all)
                slot.Add(socket);
        }
        catch (SocketException)
        {
            socket.Dispose();
        }
    }

    /// <returns>False if the stream has ended.</returns>
    private static bool TrySend(Socket socket, TimeProvider clock)
    {
        Span<byte> chunk = stackalloc byte[64];
        "2d\r\ndata: t=0000000000000000 some-words-of-text\n\n\r\n"u8.CopyTo(chunk);
        Utf8Formatter.TryFormat(clock.GetTimestamp(), chunk[12..], out _, new System.Buffers.StandardFormat('D', Digits));
        try
        {
            socket.Send(chunk[..51], SocketFlags.None);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            return true;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return false;
        }
    }
}
