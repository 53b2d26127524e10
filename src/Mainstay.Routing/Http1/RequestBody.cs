using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Mainstay.Routing.Sockets;
using Microsoft.AspNetCore.Http;
namespace Mainstay.Routing.Http1;

/// <summary>
/// The body of one request, without its framing. One reader at a time. A reader may still be at work when the answer is
/// complete, so the connection goes on only after <see cref="EndAsync"/>: from then on nothing can be read here.
/// </summary>
internal abstract class RequestBody(Http1Connection connection, bool expectsContinue) : PipeReader
{
    private readonly Lock _lock = new();
    private Use _use;
    private bool _ended;
    private bool _draining;
    private TaskCompletionSource? _atRest;

    private enum Use
    {
        AtRest,
        Reading,

        /// <summary>The reader has a part that it has not given back.</summary>
        Held,
    }

    /// <summary>True while the caller waits for "100 Continue", which is sent when somebody first reads.</summary>
    public bool AwaitsContinue { get; private set; } = expectsContinue;

    /// <summary>True once the body broke its rules, or off: where the next request begins is unknown.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Trailers, whole once all of the body was read; null if there cannot be any.</summary>
    public virtual HeaderFields? Trailers => null;

    protected Http1Connection Connection => connection;

    /// <summary>True once all of the body was taken from the connection.</summary>
    protected abstract bool IsTaken { get; }

    /// <exception cref="BadHttpRequestException">The body breaks the rules, breaks off, or does not come; with its status.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, or the request has ended.</exception>
    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_ended)
                throw new OperationCanceledException("The request has ended.");
            if (_use != Use.AtRest)
                throw new InvalidOperationException("The body is being read already.");
            _use = Use.Reading;
        }
        try
        {
            if (AwaitsContinue)
            {
                AwaitsContinue = false;
                connection.Answer.SendContinue();
            }
            var read = await ReadPartAsync(cancellationToken);
            lock (_lock)
                _use = Use.Held;
            return read;
        }
        catch
        {
            Rest();
            throw;
        }
    }

    public sealed override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public sealed override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        Consume(consumed, examined);
        Rest();
    }

    /// <summary>Waits until nobody reads, then takes the rest of the body from the connection if it is short enough.</summary>
    /// <returns>True if the connection stands at the next request.</returns>
    public async ValueTask<bool> EndAsync(int most)
    {
        Task? rest = null;
        lock (_lock)
        {
            _ended = true;
            if (_use != Use.AtRest)
                rest = (_atRest = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            if (_use == Use.Reading)
                connection.Input.CancelPendingRead();
        }
        if (rest is not null)
            await rest.WaitAsync(connection.Limits.BodyProgress, connection.Time);
        // A cancel that came when the reader had just got its part shows up in the next read, which is one of these.
        _draining = true;
        var by = connection.Clock.In(connection.Limits.DrainTotal);
        try
        {
            for (long drained = 0; !IsTaken;)
            {
                if (AwaitsContinue || IsBroken || drained > most || connection.Clock.IsPast(by))
                    return false;
                var part = (await ReadPartAsync(CancellationToken.None)).Buffer;
                drained += part.Length;
                Consume(part.End, part.End);
            }
            return !IsBroken;
        }
        catch (BadHttpRequestException)
        {
            return false;
        }
        finally
        {
            Free();
        }
    }

    public override bool TryRead(out ReadResult result) => throw new NotSupportedException("A body is read with ReadAsync.");

    public override void CancelPendingRead() => throw new NotSupportedException("Cancel the token of ReadAsync.");

    public override void Complete(Exception? exception = null)
    {
        // The connection takes what is left.
    }

    /// <summary>The next part, or the empty one at the end.</summary>
    protected abstract ValueTask<ReadResult> ReadPartAsync(CancellationToken cancel);

    protected abstract void Consume(SequencePosition consumed, SequencePosition examined);

    /// <summary>Gives buffers back; nothing is read any more.</summary>
    protected virtual void Free()
    {
    }

    /// <summary>What came from the caller, at least one byte; its deadline is watched.</summary>
    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    protected async ValueTask<ReadResult> ReadInputAsync(CancellationToken cancel)
    {
        while (true)
        {
            var read = await connection.ReadAsync(_draining ? connection.Limits.DrainProgress : connection.Limits.BodyProgress, cancel);
            if (!read.Result.Buffer.IsEmpty)
                return read.Result;
            connection.Input.AdvanceTo(read.Result.Buffer.Start);
            if (_ended && !_draining && read.Result.IsCanceled)
                throw new OperationCanceledException("The request has ended.");
            if (read.IsLate)
                throw Broken(new Refusal(408, "Nothing more of the body came in time."));
            if (read.Result.IsCompleted)
                throw BrokenOff();
        }
    }

    protected BadHttpRequestException BrokenOff() => Broken(new Refusal(400, "The body ended before it was whole."));

    protected BadHttpRequestException Broken(Refusal refusal)
    {
        IsBroken = true;
        return new BadHttpRequestException(refusal.Why, refusal.Status);
    }

    private void Rest()
    {
        lock (_lock)
        {
            _use = Use.AtRest;
            _atRest?.TrySetResult();
        }
    }
}
