using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Tests.Routing;

/// <summary>A caller that writes HTTP/2 frame by frame (RFC 9113), so that it can send what no client would. One request.</summary>
internal sealed class Http2Caller(Socket socket) : IDisposable
{
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte Reset = 3;
    private const byte Settings = 4;
    private const byte GoAway = 7;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _length;

    public async Task StartAsync()
    {
        await SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await FrameAsync(Settings, 0, 0, []);
    }

    /// <summary>A block of fields, each written as it is, without compression.</summary>
    public Task FieldsAsync(bool isEnd, params (string Name, string Value)[] fields)
    {
        var block = new List<byte>();
        foreach (var (name, value) in fields)
        {
            block.Add(0);
            Text(block, name);
            Text(block, value);
        }
        // END_HEADERS, and END_STREAM.
        return FrameAsync(Headers, (byte)(isEnd ? 5 : 4), 1, [.. block]);
    }

    public Task BodyAsync(string text, bool isEnd) => FrameAsync(Data, (byte)(isEnd ? 1 : 0), 1, Encoding.ASCII.GetBytes(text));

    /// <summary>What the request came to: the status as three digits, or "reset", or "closed".</summary>
    public async Task<string> AnswerAsync()
    {
        while (true)
        {
            while (_length < 9 || _length < 9 + Size())
            {
                int read;
                try
                {
                    read = await socket.ReceiveAsync(_buffer.AsMemory(_length)).Patiently();
                }
                catch (SocketException)
                {
                    return "closed";
                }
                if (read == 0)
                    return "closed";
                _length += read;
            }
            var (type, flags, payload) = (_buffer[3], _buffer[4], _buffer[9..(9 + Size())]);
            _buffer.AsSpan((9 + payload.Length).._length).CopyTo(_buffer);
            _length -= 9 + payload.Length;
            if (type == Headers)
                return Status(payload);
            if (type == Reset)
                return "reset";
            if (type == GoAway)
                return "closed";
            if (type == Settings && (flags & 1) == 0)
                await FrameAsync(Settings, 1, 0, []);
        }
    }

    public void Dispose() => socket.Dispose();

    private int Size() => _buffer[0] << 16 | _buffer[1] << 8 | _buffer[2];

    /// <summary>The first field of an answer: an entry of the static table (RFC 7541 appendix A), or its name with a value.</summary>
    private static string Status(byte[] block)
    {
        // A change of the dynamic table's size may come first.
        var at = 0;
        while ((block[at] & 0xe0) == 0x20)
            at++;
        return block[at] switch
        {
            0x88 => "200",
            0x89 => "204",
            0x8c => "400",
            0x8d => "404",
            0x8e => "500",
            _ => Encoding.ASCII.GetString(block, at + 2, 3),
        };
    }

    private static void Text(List<byte> block, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Assert.InRange(bytes.Length, 0, 126);
        block.Add((byte)bytes.Length);
        block.AddRange(bytes);
    }

    private async Task FrameAsync(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[0], frame[1], frame[2], frame[3], frame[4]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        await SendAsync(frame);
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await socket.SendAsync(bytes).Patiently()..];
    }
}
