using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

using Mainstay.Routing.Sockets;
namespace Mainstay.Routing.Http1;

/// <summary>A body of declared length; handed on without a copy.</summary>
/// <param name="connection">Where it comes from.</param>
/// <param name="length">Bytes; greater than 0.</param>
/// <param name="expectsContinue">See <see cref="RequestBody.AwaitsContinue"/>.</param>
internal sealed class LengthBody(Http1Connection connection, long length, bool expectsContinue) : RequestBody(connection, expectsContinue)
{
    private ReadOnlySequence<byte> _part;
    private long _left = length;

    protected override bool IsTaken => _left == 0;

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    protected override async ValueTask<ReadResult> ReadPartAsync(CancellationToken cancel)
    {
        _part = default;
        if (_left == 0)
            return new ReadResult(_part, isCanceled: false, isCompleted: true);
        var read = await ReadInputAsync(cancel);
        _part = read.Buffer;
        if (_part.Length >= _left)
            _part = _part.Slice(0, _left);
        else if (read.IsCompleted)
        {
            Connection.Input.AdvanceTo(_part.End);
            throw BrokenOff();
        }
        return new ReadResult(_part, isCanceled: false, isCompleted: _part.Length == _left);
    }

    protected override void Consume(SequencePosition consumed, SequencePosition examined)
    {
        if (_part.IsEmpty)
            return;
        var taken = _part.Slice(0, consumed).Length;
        // The rest of the body is here: waiting for more would wait for the next request.
        Connection.Input.AdvanceTo(consumed, _part.Length == _left ? consumed : examined);
        _left -= taken;
        _part = default;
    }
}
