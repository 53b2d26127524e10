using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

using Mainstay.Routing.Sockets;
namespace Mainstay.Routing.Http1;

/// <summary>
/// A body in chunks, gathered into larger parts: what goes on is framed anew, and a caller that sends one byte a chunk
/// does not cost its server a packet for each.
/// </summary>
internal sealed class ChunkedBody(Http1Connection connection, bool expectsContinue) : RequestBody(connection, expectsContinue)
{
    private const int PartSize = 16 * 1024;
    private readonly ChunkedReader _chunks = new(connection.Limits);
    private byte[] _content = [];
    private ReadOnlySequence<byte> _part;
    private int _from;
    private int _to;
    private bool _wantsMore = true;

    public override HeaderFields? Trailers => _chunks.IsAtEnd ? _chunks.Trailers : null;

    protected override bool IsTaken => _chunks.IsAtEnd;

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    protected override async ValueTask<ReadResult> ReadPartAsync(CancellationToken cancel)
    {
        if (_from == _to)
            _from = _to = 0;
        if (_content.Length == 0)
            _content = ArrayPool<byte>.Shared.Rent(PartSize);
        var had = _to - _from;
        while (!_chunks.IsAtEnd && (_to == _from || (_wantsMore && _to - _from == had)))
        {
            MakeRoom();
            var read = await ReadInputAsync(cancel);
            var refusal = Take(read.Buffer);
            if (refusal is not null)
                throw Broken(refusal);
            if (read.IsCompleted && !_chunks.IsAtEnd && _to - _from == had)
                throw BrokenOff();
        }
        _part = new ReadOnlySequence<byte>(_content, _from, _to - _from);
        return new ReadResult(_part, isCanceled: false, _chunks.IsAtEnd);
    }

    protected override void Consume(SequencePosition consumed, SequencePosition examined)
    {
        _wantsMore = _part.Slice(examined).IsEmpty;
        _from += (int)_part.Slice(0, consumed).Length;
    }

    protected override void Free()
    {
        if (_content.Length > 0)
            ArrayPool<byte>.Shared.Return(_content);
        _content = [];
        _chunks.Trailers.Clear();
    }

    private Refusal? Take(ReadOnlySequence<byte> input)
    {
        Refusal? refusal = null;
        long taken = 0;
        foreach (var segment in input)
        {
            refusal = _chunks.Read(segment.Span, _content.AsSpan(_to), out var used, out var written);
            taken += used;
            _to += written;
            if (refusal is not null || used < segment.Length)
                break;
        }
        Connection.Input.AdvanceTo(input.GetPosition(taken));
        return refusal;
    }

    /// <summary>Room for more content behind what the reader has not taken yet.</summary>
    private void MakeRoom()
    {
        if (_to < _content.Length)
            return;
        if (_from == 0 && _content.Length > 1 << 20)
            throw new InvalidOperationException("The reader of a body must take what it was given.");
        var larger = _from > 0 ? _content : ArrayPool<byte>.Shared.Rent(_content.Length * 2);
        _content.AsSpan(_from, _to - _from).CopyTo(larger);
        if (larger != _content)
            ArrayPool<byte>.Shared.Return(_content);
        _content = larger;
        _to -= _from;
        _from = 0;
    }
}
