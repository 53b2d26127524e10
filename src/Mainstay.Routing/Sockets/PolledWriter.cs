using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Mainstay.Routing.Sockets;

/// <summary>What goes out over a <see cref="PolledSocket"/>. A connection that is gone takes everything and says that it is complete.</summary>
internal sealed class PolledWriter(PolledSocket socket) : PipeWriter
{
    private bool _isCancelled;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => socket.Unflushed;

    public override Memory<byte> GetMemory(int sizeHint = 0) => socket.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => socket.GetMemory(sizeHint).Span;

    public override void Advance(int bytes) => socket.Advance(bytes);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        socket.Flush() ? new(new FlushResult(isCanceled: false, socket.IsBroken)) : WaitAsync(cancellationToken);

    public override void CancelPendingFlush()
    {
        Volatile.Write(ref _isCancelled, true);
        socket.WakeFlush();
    }

    public override void Complete(Exception? exception = null)
    {
        if (exception is null)
            socket.Flush();
    }

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<FlushResult> WaitAsync(CancellationToken cancel)
    {
        using var waking = cancel.UnsafeRegister(static s => ((PolledSocket)s!).WakeFlush(), socket);
        // Each look comes after the flush: a cancel that the flush did not see ends the wait.
        while (!socket.Flush())
        {
            cancel.ThrowIfCancellationRequested();
            if (Interlocked.Exchange(ref _isCancelled, false))
                return new FlushResult(isCanceled: true, isCompleted: false);
            await socket.WaitForRoomAsync();
        }
        return new FlushResult(isCanceled: false, socket.IsBroken);
    }
}
