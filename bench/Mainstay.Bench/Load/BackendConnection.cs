using System.Buffers.Text;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Bench.Load;

/// <summary>One connection of a gateway to a server of the benchmark.</summary>
internal sealed class BackendConnection(BackendServer server, Socket socket, TimeProvider clock) : IDisposable
{
    private static readonly byte[] Filling = Enumerable.Repeat((byte)'x', 64 * 1024).ToArray();
    private static readonly TimeSpan BetweenEvents = TimeSpan.FromMilliseconds(5);
    private const int Events = 4;
    private readonly byte[] _input = new byte[64 * 1024];
    private byte[] _output = new byte[2048];
    private int _start;
    private int _end;

    public async Task ServeAsync()
    {
        socket.NoDelay = true;
        try
        {
            while (await ReadHeadAsync() is { } head)
            {
                if (server.Fault == ServerFault.Reset)
                {
                    Reset();
                    return;
                }
                if (head.Kind == "upgrade")
                {
                    await EchoAsync();
                    return;
                }
                var checksum = await ReadBodyAsync(head);
                await AnswerAsync(head, checksum);
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
        {
            // The gateway left, or this server was told to go down.
        }
        finally
        {
            server.Forget(this);
            socket.Dispose();
        }
    }

    /// <summary>Closes it with RST.</summary>
    public void Reset()
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }
        socket.Dispose();
    }

    public void Dispose() => socket.Dispose();

    private async ValueTask AnswerAsync(Head head, ulong checksum)
    {
        if (head.Kind == "health")
        {
            await SendAsync(server.Fault == ServerFault.Unavailable ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"u8.ToArray() : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8.ToArray());
            return;
        }
        if (await server.WorkAsync(head.Number))
        {
            await SendAsync(server.Fault == ServerFault.Errors
                ? "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"u8.ToArray()
                : "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno"u8.ToArray());
            return;
        }
        if (head.Kind == "stream")
            await StreamAsync(head, checksum);
        else
            await SendWholeAsync(head, checksum);
    }

    private ValueTask SendWholeAsync(Head head, ulong checksum)
    {
        if (_output.Length < head.Length + 100)
            _output = new byte[head.Length + 100];
        var span = _output.AsSpan();
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "u8.CopyTo(span);
        var at = 65;
        Utf8Formatter.TryFormat(head.Length, span[at..], out var digits);
        at += digits;
        "\r\n\r\n"u8.CopyTo(span[at..]);
        at += 4;
        var written = Content.WriteStart(span[at..], head.Number, checksum);
        Filling.AsSpan(0, Math.Max(0, head.Length - written)).CopyTo(span[(at + written)..]);
        return SendAsync(_output.AsMemory(0, at + head.Length));
    }

    /// <summary>The same answer in parts with pauses between them, as tokens come.</summary>
    private async ValueTask StreamAsync(Head head, ulong checksum)
    {
        await SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray());
        var start = new byte[40];
        start = start[..Content.WriteStart(start, head.Number, checksum)];
        byte[] body = [.. start, .. Filling.AsSpan(0, head.Length - start.Length)];
        var part = (body.Length + Events - 1) / Events;
        for (var at = 0; at < body.Length; at += part)
        {
            var piece = body.AsMemory(at, Math.Min(part, body.Length - at));
            await SendAsync((byte[])[.. Encoding.ASCII.GetBytes(piece.Length.ToString("x", CultureInfo.InvariantCulture)), .. "\r\n"u8, .. piece.Span, .. "\r\n"u8]);
            await Task.Delay(BetweenEvents, clock);
        }
        await SendAsync("0\r\n\r\n"u8.ToArray());
    }

    /// <summary>After an upgrade: sends back what comes, to the end of the connection.</summary>
    private async ValueTask EchoAsync()
    {
        await SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"u8.ToArray());
        do
        {
            await SendAsync(_input.AsMemory(_start, _end - _start));
            _start = _end;
        }
        while (await FillAsync());
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None)..];
    }

    /// <summary>Null at the end of the connection.</summary>
    private async ValueTask<Head?> ReadHeadAsync()
    {
        int length;
        while ((length = _input.AsSpan(_start, _end - _start).IndexOf("\r\n\r\n"u8)) < 0)
            if (!await FillAsync())
                return null;
        var head = ParseHead(_input.AsSpan(_start, length + 2));
        _start += length + 4;
        return head;
    }

    private async ValueTask<ulong> ReadBodyAsync(Head head)
    {
        var checksum = Content.Checksum([]);
        if (!head.IsChunked)
        {
            return await ReadPartAsync(head.BodyLength, checksum);
        }
        while (true)
        {
            int line;
            while ((line = _input.AsSpan(_start, _end - _start).IndexOf("\r\n"u8)) < 0)
                await NeedAsync();
            if (!Utf8Parser.TryParse(_input.AsSpan(_start, line), out int size, out _, 'x'))
                throw new IOException("No chunk.");
            _start += line + 2;
            checksum = await ReadPartAsync(size, checksum);
            while (_end - _start < 2)
                await NeedAsync();
            _start += 2;
            if (size == 0)
                return checksum;
        }
    }

    private async ValueTask<ulong> ReadPartAsync(int length, ulong checksum)
    {
        while (length > 0)
        {
            if (_start == _end)
                await NeedAsync();
            var here = Math.Min(length, _end - _start);
            checksum = Content.Checksum(_input.AsSpan(_start, here), checksum);
            _start += here;
            length -= here;
        }
        return checksum;
    }

    private async ValueTask NeedAsync()
    {
        if (!await FillAsync())
            throw new IOException("The gateway left in the middle of a request.");
    }

    private async ValueTask<bool> FillAsync()
    {
        if (_start > 0)
        {
            _input.AsSpan(_start, _end - _start).CopyTo(_input);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _input.Length)
            throw new IOException("The head is too long.");
        var read = await socket.ReceiveAsync(_input.AsMemory(_end), SocketFlags.None);
        _end += read;
        return read > 0;
    }

    /// <summary>Reads "METHOD /KIND/NUMBER/LENGTH HTTP/1.1" and the framing of the body.</summary>
    private static Head ParseHead(ReadOnlySpan<byte> head)
    {
        var path = head[(head.IndexOf((byte)'/') + 1)..head.IndexOf("\r\n"u8)];
        path = path[..path.IndexOf((byte)' ')];
        var slash = path.IndexOf((byte)'/');
        if (slash < 0)
            return new Head("health", 0, 0, 0, false);
        var kind = path[..slash].SequenceEqual("stream"u8) ? "stream" : path[..slash].SequenceEqual("upgrade"u8) ? "upgrade" : "item";
        if (!Utf8Parser.TryParse(path[(slash + 1)..], out int number, out var digits)
            || !Utf8Parser.TryParse(path[(slash + digits + 2)..], out int length, out _))
            throw new IOException("No request of this benchmark.");
        var (bodyLength, isChunked) = (0, false);
        for (head = head[(head.IndexOf("\r\n"u8) + 2)..]; head.Length > 0; head = head[(head.IndexOf("\r\n"u8) + 2)..])
        {
            if (head.Length > 15 && Ascii.EqualsIgnoreCase(head[..15], "content-length:"u8))
                bodyLength = Utf8Parser.TryParse(head[15..].TrimStart((byte)' '), out int said, out _) ? said : 0;
            else if (head.Length > 18 && Ascii.EqualsIgnoreCase(head[..18], "transfer-encoding:"u8))
                isChunked = true;
        }
        return new Head(kind, number, length, bodyLength, isChunked);
    }

    private sealed record Head(string Kind, int Number, int Length, int BodyLength, bool IsChunked);
}
