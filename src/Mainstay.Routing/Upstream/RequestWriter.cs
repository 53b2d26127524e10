using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// Writes a request to one connection: the head and the first part of the body travel together. As a stream it takes the
/// content of the body and frames it anew. Its buffer is kept between requests.
/// </summary>
internal sealed class RequestWriter(ServerConnection connection) : Stream, IBufferWriter<byte>
{
    private const int Together = 16 * 1024;
    private byte[] _buffer = [];
    private int _length;
    private bool _isChunked;

    /// <summary>True once all of the request has been sent.</summary>
    public bool IsWhole { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Ends the head: what is written from now on is body.</summary>
    /// <param name="length">Declared length of the body; null: chunks; below 0: no body.</param>
    public void EndHead(long? length)
    {
        _isChunked = length is null;
        if (_isChunked)
            Put("Transfer-Encoding: chunked\r\n"u8);
        else if (length >= 0)
        {
            Put("Content-Length: "u8);
            var span = GetSpan(20);
            Utf8Formatter.TryFormat(length.Value, span, out var digits);
            Advance(digits);
            Put("\r\n"u8);
        }
        Put("\r\n"u8);
    }

    public void Put(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetSpan(bytes.Length));
        Advance(bytes.Length);
    }

    public void Put(string text) => Advance(Encoding.UTF8.GetBytes(text, GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length))));

    /// <summary>Sends what is left; the request is whole.</summary>
    /// <param name="exchange">Whose trailers go along, if the body goes in chunks.</param>
    public async ValueTask EndAsync(Exchange exchange)
    {
        if (_isChunked)
        {
            Put("0\r\n"u8);
            exchange.WriteTrailersTo(this);
            Put("\r\n"u8);
        }
        await SendAsync();
        IsWhole = true;
    }

    public void Reset()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _length = 0;
        IsWhole = _isChunked = false;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Grow(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Grow(Math.Max(sizeHint, 1));
        return _buffer.AsSpan(_length);
    }

    public void Advance(int count) => _length += count;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
            return;
        if (_isChunked)
            PutSize(buffer.Length);
        if (_length + buffer.Length <= Together)
        {
            Put(buffer.Span);
        }
        else
        {
            await SendAsync();
            await connection.SendAsync(buffer);
        }
        if (_isChunked)
            Put("\r\n"u8);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => SendAsync().AsTask();

    public override void Flush() => throw new NotSupportedException("Write asynchronously.");

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Write asynchronously.");

    private ValueTask SendAsync()
    {
        if (_length == 0)
            return ValueTask.CompletedTask;
        var bytes = _buffer.AsMemory(0, _length);
        _length = 0;
        return connection.SendAsync(bytes);
    }

    private void PutSize(int size)
    {
        var span = GetSpan(12);
        Utf8Formatter.TryFormat(size, span, out var digits, new StandardFormat('x'));
        Advance(digits);
        Put("\r\n"u8);
    }

    private void Grow(int by)
    {
        if (_buffer.Length - _length >= by)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(1024, _buffer.Length * 2), _length + by));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
