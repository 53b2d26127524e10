using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Bench.Load;

/// <summary>
/// A caller's connection: sends bytes, reads one whole answer. It repeats nothing on its own, as most clients would: what a
/// gateway fails must be seen.
/// </summary>
internal sealed class LoadConnection : IDisposable
{
    private Socket _socket = Open();
    private byte[] _buffer = new byte[8 * 1024];
    private int _start;
    private int _length;

    public async ValueTask ConnectAsync(int port, CancellationToken cancel) =>
        await _socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancel);

    /// <summary>Status of the answer.</summary>
    public int Status { get; private set; }

    /// <summary>Body of the answer; good until the next one is read.</summary>
    public ReadOnlyMemory<byte> Body { get; private set; }

    /// <summary>True if the connection is good for another request.</summary>
    public bool KeepsAlive { get; private set; }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        while (bytes.Length > 0)
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, cancel)..];
    }

    /// <summary>Leaves: the connection is closed, whatever is under way on it, and can be connected anew.</summary>
    public void Reopen()
    {
        _socket.Dispose();
        _socket = Open();
        (_start, _length) = (0, 0);
        KeepsAlive = false;
    }

    /// <summary>Reads the next answer, with a length or in chunks; those to pipelined requests come one after another.</summary>
    /// <exception cref="IOException">It was cut, or is none.</exception>
    public async ValueTask ReadAnswerAsync(CancellationToken cancel)
    {
        // What came with the answer before belongs to this one.
        _buffer.AsSpan(_start, _length - _start).CopyTo(_buffer);
        (_start, _length) = (0, _length - _start);
        KeepsAlive = false;
        Status = 0;
        int head;
        while ((head = _buffer.AsSpan(0, _length).IndexOf("\r\n\r\n"u8)) < 0)
            await FillAsync(cancel);
        var (status, length, isChunked, keepsAlive) = ReadHead(_buffer.AsSpan(0, head + 2));
        Status = status;
        var start = head + 4;
        if (isChunked)
        {
            Body = await ReadChunksAsync(start, cancel);
        }
        else
        {
            while (_length < start + length)
                await FillAsync(cancel);
            Body = _buffer.AsMemory(start, length);
            _start = start + length;
        }
        KeepsAlive = keepsAlive;
    }

    public void Dispose() => _socket.Dispose();

    private static Socket Open() => new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private async ValueTask<ReadOnlyMemory<byte>> ReadChunksAsync(int start, CancellationToken cancel)
    {
        // Each chunk is moved down over its own frame, so that the body ends up in one piece.
        var (at, end) = (start, start);
        while (true)
        {
            int line;
            while ((line = _buffer.AsSpan(at, _length - at).IndexOf("\r\n"u8)) < 0)
                await FillAsync(cancel);
            if (!Utf8Parser.TryParse(_buffer.AsSpan(at, line), out int size, out _, 'x'))
                throw new IOException("The answer's chunks break the rules of HTTP.");
            at += line + 2;
            while (_length < at + size + 2)
                await FillAsync(cancel);
            _buffer.AsSpan(at, size).CopyTo(_buffer.AsSpan(end));
            end += size;
            at += size + 2;
            if (size > 0)
                continue;
            _start = at;
            return _buffer.AsMemory(start, end - start);
        }
    }

    private async ValueTask FillAsync(CancellationToken cancel)
    {
        if (_length == _buffer.Length)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        var read = await _socket.ReceiveAsync(_buffer.AsMemory(_length), SocketFlags.None, cancel);
        if (read == 0)
            throw new IOException(_length == 0 ? "closed before an answer" : "cut in the middle of the answer");
        _length += read;
    }

    private static (int Status, int Length, bool IsChunked, bool KeepsAlive) ReadHead(ReadOnlySpan<byte> head)
    {
        if (!head.StartsWith("HTTP/1.1 "u8) || !Utf8Parser.TryParse(head[9..], out int status, out _))
            throw new IOException("not an answer");
        var (length, isChunked, keepsAlive) = (0, false, true);
        for (head = head[(head.IndexOf("\r\n"u8) + 2)..]; head.Length > 0; head = head[(head.IndexOf("\r\n"u8) + 2)..])
        {
            var line = head[..head.IndexOf("\r\n"u8)];
            var colon = line.IndexOf((byte)':');
            var name = line[..colon];
            var value = line[(colon + 1)..].Trim((byte)' ');
            if (Ascii.EqualsIgnoreCase(name, "content-length"u8))
                length = Utf8Parser.TryParse(value, out int said, out _) ? said : throw new IOException("an answer without a length");
            else if (Ascii.EqualsIgnoreCase(name, "transfer-encoding"u8))
                isChunked = true;
            else if (Ascii.EqualsIgnoreCase(name, "connection"u8))
                keepsAlive = !Ascii.EqualsIgnoreCase(value, "close"u8);
        }
        return (status, length, isChunked, keepsAlive);
    }
}
