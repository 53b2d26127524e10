using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using Mainstay.Routing.Http;
using Mainstay.Routing.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
namespace Mainstay.Routing.Http1;

/// <summary>
/// One connection of a caller: reads requests, hands each to the gateway, and writes the answers strictly in order. What
/// a caller sends ahead waits in the transport, which is bounded and goes on watching whether the caller is still there.
/// </summary>
internal sealed class Http1Connection
{
    private const int RequestsInTurn = 256;
    private static readonly Refusal TooSlow = new(408, "The head of the request did not come in time.");
    private static readonly Refusal Bug = new(500, "The request failed by a bug of the gateway.");
    private readonly ConnectionContext _transport;
    private readonly Http1Front _front;
    private readonly RequestParser _parser;
    private long _readBy = ConnectionClock.Never;
    private long _writeBy = ConnectionClock.Never;
    private volatile bool _closing;
    private volatile bool _aborted;

    public Http1Connection(ConnectionContext transport, Http1Front front)
    {
        _transport = transport;
        _front = front;
        _parser = new RequestParser(front.Limits);
        Answer = new AnswerWriter(this);
        Input = transport.Transport.Input;
        Output = transport.Transport.Output;
        Caller = (transport.RemoteEndPoint as IPEndPoint)?.Address;
        CallerName = new CallerName(Caller);
        Scheme = transport.Features.Get<ITlsHandshakeFeature>() is null ? "http" : "https";
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public AnswerWriter Answer { get; }

    public RecentText Recent { get; } = new();

    public IPAddress? Caller { get; }

    public CallerName CallerName { get; }

    public string Scheme { get; }

    public Http1Limits Limits => _front.Limits;

    public ConnectionClock Clock => _front.Clock;

    public TimeProvider Time => _front.Time;

    /// <summary>Cancelled when the caller closes or resets the connection, or this side aborts it.</summary>
    public CancellationToken CallerLeft => _transport.ConnectionClosed;

    /// <summary>See <see cref="CallerSocket.HasClosed"/>.</summary>
    public bool HasCallerLeftUnseen => CallerSocket.HasClosed(_transport.Features.Get<IConnectionSocketFeature>()?.Socket);

    /// <summary>Cancelled when the program wants to stop.</summary>
    public CancellationToken Stopping =>
        _transport.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;

    /// <summary>True once the program wants to stop: the present answer is the last.</summary>
    public bool IsClosing => _closing;

    /// <summary>Serves the connection to its end. Never throws for what a caller does.</summary>
    public async Task RunAsync()
    {
        await using var registration = Stopping.UnsafeRegister(static c => ((Http1Connection)c!).Close(), this);
        Clock.Add(this);
        try
        {
            for (var served = 0; await ReadHeadAsync(isFirst: served == 0) && await ServeAsync(); served++)
                // A caller that sends many requests ahead must not keep the thread that polls other connections, too.
                if (served % RequestsInTurn == RequestsInTurn - 1)
                    await Task.Yield();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or TimeoutException)
        {
            // The connection broke, or a reader of its body did not let go of it.
            Abort();
        }
        finally
        {
            Clock.Remove(this);
            _parser.Reset();
            Answer.Free();
        }
    }

    /// <summary>Sends 101 and gives the bare connection; it ends when the request ends.</summary>
    public async ValueTask<IDuplexPipe> SwitchAsync(HeaderFields fields, string id)
    {
        await Answer.SwitchAsync(fields, id);
        return _transport.Transport;
    }

    /// <summary>Called every second.</summary>
    public void CheckDeadlines()
    {
        if (Clock.IsPast(Volatile.Read(ref _readBy)))
            Input.CancelPendingRead();
        if (Clock.IsPast(Volatile.Read(ref _writeBy)))
            Abort();
    }

    /// <summary>Resets the connection: what was sent cannot be taken for the whole.</summary>
    public void Abort()
    {
        _aborted = true;
        _transport.Abort(new ConnectionAbortedException("The answer cannot be completed."));
    }

    /// <summary>Waits for what the caller sends; empty when it was cancelled, came too late or ended.</summary>
    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    public async ValueTask<(ReadResult Result, bool IsLate)> ReadAsync(TimeSpan within, CancellationToken cancel)
    {
        var reading = Input.ReadAsync(cancel);
        if (reading.IsCompletedSuccessfully)
            return (reading.Result, false);
        var by = Clock.In(within);
        Volatile.Write(ref _readBy, by);
        try
        {
            var read = await reading;
            return (read, read.IsCanceled && Clock.IsPast(by));
        }
        finally
        {
            Volatile.Write(ref _readBy, ConnectionClock.Never);
        }
    }

    /// <summary>Sends what was written. A caller that is gone is told by <see cref="CallerLeft"/>.</summary>
    public ValueTask<FlushResult> FlushAsync(CancellationToken cancel)
    {
        var flush = Output.FlushAsync(cancel);
        return flush.IsCompletedSuccessfully ? flush : WaitAsync(flush);
    }

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<FlushResult> WaitAsync(ValueTask<FlushResult> flush)
    {
        Volatile.Write(ref _writeBy, Clock.In(Limits.AnswerProgress));
        try
        {
            return await flush;
        }
        finally
        {
            Volatile.Write(ref _writeBy, ConnectionClock.Never);
        }
    }

    private void Close()
    {
        _closing = true;
        Input.CancelPendingRead();
    }

    /// <returns>True if a request is there to be served.</returns>
    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<bool> ReadHeadAsync(bool isFirst)
    {
        _parser.Reset();
        var within = isFirst ? Limits.Head : Limits.KeepAlive;
        var headBy = ConnectionClock.Never;
        while (true)
        {
            if (_closing && !_parser.HasBegun)
                return false;
            var (read, isLate) = await ReadAsync(within, CancellationToken.None);
            switch (Parse(read.Buffer))
            {
                case HeadStep.Complete:
                    return true;
                case HeadStep.Refused:
                    return await RefuseAsync(_parser.Refusal!);
            }
            if (read.IsCompleted)
                return false;
            if (_parser.HasBegun && headBy == ConnectionClock.Never)
                headBy = Clock.In(Limits.Head);
            if (isLate || Clock.IsPast(headBy))
                return _parser.HasBegun && await RefuseAsync(TooSlow);
            // One deadline for the whole head, however slowly it drips.
            if (_parser.HasBegun)
                within = Clock.Until(headBy);
        }
    }

    private HeadStep Parse(ReadOnlySequence<byte> buffer)
    {
        var step = HeadStep.More;
        long taken = 0;
        foreach (var segment in buffer)
        {
            step = _parser.Read(segment.Span, out var used);
            taken += used;
            if (step != HeadStep.More)
                break;
        }
        Input.AdvanceTo(buffer.GetPosition(taken));
        return step;
    }

    /// <returns>True if the connection is good for another request.</returns>
    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<bool> ServeAsync()
    {
        var head = _parser.Head;
        RequestBody? body = head.Body.Kind switch
        {
            BodyKind.Length => new LengthBody(this, head.Body.Length, head.ExpectsContinue),
            BodyKind.Chunked => new ChunkedBody(this, head.ExpectsContinue),
            _ => null,
        };
        Answer.Begin(head, body);
        if (!await TryAnswerAsync(head, body))
            Abort();
        // Whatever became of the answer: nobody may read from this connection when it goes on or ends.
        var isAtNext = body is null || await body.EndAsync(_aborted ? 0 : Limits.Drain);
        return isAtNext && !_aborted && !_closing && Answer.KeepAlive;
    }

    /// <returns>True if a whole answer was sent.</returns>
    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<bool> TryAnswerAsync(RequestHead head, RequestBody? body)
    {
        try
        {
            // "OPTIONS *" asks the gateway itself whether it is there (RFC 9110 section 9.3.7).
            if (head.Target.SequenceEqual("*"u8))
            {
                Answer.Head.Status = 204;
                Answer.Start();
            }
            else
            {
                await _front.ServeAsync(this, head, body);
            }
            return !_aborted && Answer.HasStarted && await Answer.EndAsync();
        }
        catch (Exception e)
        {
            if (CallerLeft.IsCancellationRequested)
                return false;
            _front.NoteBug(e);
            if (Answer.HasStarted)
                return false;
            Answer.Begin(head, body);
            Answer.KeepAlive = false;
            await RefuseAsync(Bug);
            return true;
        }
    }

    /// <summary>Answers what cannot be served; nothing that follows on the connection can be trusted.</summary>
    private async ValueTask<bool> RefuseAsync(Refusal refusal)
    {
        var text = $$$"""{"error":{"status":{{{refusal.Status}}},"message":"{{{refusal.Why}}}"}}""";
        var reason = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(refusal.Status);
        var head = $"HTTP/1.1 {refusal.Status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {text.Length}\r\nConnection: close\r\n";
        Output.Write(Encoding.ASCII.GetBytes(head));
        Output.Write(Clock.DateLine);
        Output.Write("\r\n"u8);
        if (!_parser.Head.IsHead)
            Output.Write(Encoding.ASCII.GetBytes(text));
        await FlushAsync(CancellationToken.None);
        return false;
    }
}
