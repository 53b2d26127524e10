using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;

namespace Mainstay.Routing.Sockets;

/// <summary>What comes from a <see cref="PolledSocket"/>. It holds a buffer only while there is something in it.</summary>
internal sealed class PolledReader(PolledSocket socket) : PipeReader
{
    private const int Size = 4096;
    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private bool _wantsMore;
    private bool _hasEnded;
    private bool _isCancelled;
    private ReadOnlySequence<byte> _given;

    /// <summary>Why this side aborted the connection; null if it did not.</summary>
    public ConnectionAbortedException? Aborted { get; set; }

    /// <exception cref="IOException">The connection broke.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, or aborted here.</exception>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        TryRead(out var result) ? new(result) : WaitAsync(cancellationToken);

    public override bool TryRead(out ReadResult result)
    {
        var isCancelled = Interlocked.Exchange(ref _isCancelled, false);
        if (!isCancelled && !_hasEnded && (_wantsMore || _start == _end) && !TryFill())
        {
            result = default;
            return false;
        }
        _wantsMore = false;
        _given = new ReadOnlySequence<byte>(_buffer, _start, _end - _start);
        result = new ReadResult(_given, isCancelled, _hasEnded);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _wantsMore = _given.Slice(examined).IsEmpty;
        _start = _end - (int)_given.Slice(consumed).Length;
        _given = default;
        if (_start == _end)
            Free();
    }

    public override void CancelPendingRead()
    {
        Volatile.Write(ref _isCancelled, true);
        socket.Wake();
    }

    public override void Complete(Exception? exception = null)
    {
        // The connection gives the buffer back when it ends.
    }

    /// <summary>Gives the buffer back; what is in it is lost.</summary>
    public void Free()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _start = _end = 0;
    }

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<ReadResult> WaitAsync(CancellationToken cancel)
    {
        using var waking = cancel.UnsafeRegister(static s => ((PolledSocket)s!).Wake(), socket);
        while (true)
        {
            await socket.WaitAsync();
            cancel.ThrowIfCancellationRequested();
            if (TryRead(out var result))
                return result;
        }
    }

    private bool TryFill()
    {
        if (_buffer.Length == 0)
            _buffer = ArrayPool<byte>.Shared.Rent(Size);
        else if (_end == _buffer.Length)
            MakeRoom();
        try
        {
            var count = socket.TryReceive(_buffer.AsSpan(_end));
            if (count < 0)
            {
                if (_start == _end)
                    Free();
                return false;
            }
            _hasEnded = count == 0;
            _end += count;
            return true;
        }
        catch (SocketException e)
        {
            throw new ConnectionResetException(e.Message, e);
        }
        catch (ObjectDisposedException e)
        {
            throw Aborted ?? new ConnectionAbortedException("The connection was closed.", e);
        }
    }

    private void MakeRoom()
    {
        var length = _end - _start;
        var former = _buffer;
        _buffer = length > former.Length / 2 ? ArrayPool<byte>.Shared.Rent(former.Length * 2) : ArrayPool<byte>.Shared.Rent(former.Length);
        former.AsSpan(_start, length).CopyTo(_buffer);
        ArrayPool<byte>.Shared.Return(former);
        (_start, _end) = (0, length);
    }
}
