using System.Runtime.CompilerServices;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Http;
using Mainstay.Routing.Sockets;

namespace Mainstay.Routing.Upstream;

/// <summary>Sends one attempt of a request to a server over HTTP/1.1.</summary>
internal sealed class HttpUpstream(TimeProvider clock, long seed) : IDisposable
{
    /// <summary>How long a connection is kept that nobody uses.</summary>
    public static readonly TimeSpan IdleExpires = TimeSpan.FromSeconds(60);

    /// <summary>A server that closes an idle connection may do so while a request is on its way. A request that must not be
    /// sent twice therefore takes a connection that was in use just before.</summary>
    private static readonly TimeSpan IdleForOnce = TimeSpan.FromSeconds(2);

    /// <summary>A server that says nothing to "Expect: 100-continue" is sent the body after this time (RFC 9110 section 10.1.1).</summary>
    private static readonly TimeSpan ContinuesAnyway = TimeSpan.FromSeconds(1);
    private readonly AttemptClock _clock = new(clock);
    private readonly HostAddresses _addresses = new(clock);
    private readonly TraceIds _traces = new(seed);

    /// <summary>The same over HTTP/2, with these deadlines and traces.</summary>
    public Http2Upstream Http2 => field ??= new Http2Upstream(clock, _clock, _addresses, _traces);

    public void Dispose() => _clock.Dispose();

    /// <summary>When a request that arrives now must have ended.</summary>
    public long Deadline(TimeSpan total) => _clock.In(total);

    /// <summary>Begins the trace of a request that came with none: attempts beside each other must find the same.</summary>
    public void BeginTrace(Exchange exchange) => _traces.Begin(exchange);

    /// <summary>
    /// Sends the request and waits for the head and the first bytes of the answer: until then another server can take
    /// over without the caller noticing. Returns the answer, or how the attempt failed; the caller disposes of the answer.
    /// Body and connection are at rest when it returns without an answer. A pooled connection that turns out to be closed is
    /// replaced once, if the request may be sent twice.
    /// </summary>
    /// <param name="exchange">Only read, but for 1xx, which are passed on unless the attempt may be given up.</param>
    /// <param name="service">What the request is for.</param>
    /// <param name="server">Where to send it.</param>
    /// <param name="body">Its body; null: none.</param>
    /// <param name="maySendTwice">As the rules of the service say.</param>
    /// <param name="total">Timestamp of the last deadline.</param>
    /// <param name="givenUp">Ends the attempt as if the caller had left; has no effect once this returned. If it can be cancelled, no 1xx is passed on.</param>
    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    public async ValueTask<AttemptEnd> SendAsync(
        Exchange exchange, Service service, ServerTrust trust, LiveServer server, ReplayableBody? body, bool maySendTwice, long total,
        CancellationToken givenUp)
    {
        var since = _clock.In(-(maySendTwice ? IdleExpires : IdleForOnce));
        while (true)
        {
            var connection = server.Connections.TryTake(trust, since, _clock.In(-IdleExpires));
            try
            {
                connection ??= await OpenAsync(server.Spec, trust, service.Timeouts.Connect, exchange.CallerLeft, givenUp);
            }
            catch (NotReachedException e)
            {
                // What was given up while it connected may end in many ways, and none of them blames the server.
                return givenUp.IsCancellationRequested ? new(AttemptResult.CallerLeft, null) : new(e.Result, null, e.Message);
            }
            catch (OperationCanceledException)
            {
                return new(AttemptResult.CallerLeft, null);
            }
            var wasReused = connection.IsReused;
            var end = await TryAsync(connection, exchange, service, server, body, total, givenUp);
            var isStale = wasReused && end.Result == AttemptResult.Broken && !connection.HasAnswered;
            if (!isStale || !maySendTwice || body is { CanReplay: false })
                return end;
            since = AttemptClock.Never;
        }
    }

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<AttemptEnd> TryAsync(
        ServerConnection connection, Exchange exchange, Service service, LiveServer server, ReplayableBody? body, long total,
        CancellationToken givenUp)
    {
        connection.SetDeadline(total, AttemptResult.TotalTimeout);
        connection.Caller = exchange;
        var callerLeft = exchange.CallerLeft.UnsafeRegister(static c => ((ServerConnection)c!).Cut(AttemptResult.CallerLeft), connection);
        connection.PassesInterim = !givenUp.CanBeCanceled;
        using var losing = givenUp.UnsafeRegister(static c => ((ServerConnection)c!).Cut(AttemptResult.CallerLeft), connection);
        var sending = Task.CompletedTask;
        try
        {
            var expects = exchange.ExpectsContinue && body is { HasBegun: false };
            WriteHead(connection.Request, exchange, service, server, body, expects);
            sending = SendAsync(connection, exchange, body, expects, service.Timeouts.FirstByte, total);
            if (sending.IsCompleted)
                await sending;
            await connection.ReadHeadAsync(exchange);
            var answer = new Http1Answer(connection, server.Connections, _clock, total, callerLeft, Quiet(sending), body);
            await answer.ReadFirstAsync();
            connection.SetDeadline(AttemptClock.Never, AttemptResult.Broken);
            return new(AttemptResult.Answered, answer);
        }
        catch (IOException e)
        {
            await callerLeft.DisposeAsync();
            connection.Cut(AttemptResult.Broken);
            connection.ForgoContinue();
            body?.LetGo();
            await Quiet(sending);
            connection.Dispose();
            // A caller must not be able to open a server's breaker with bodies that break off.
            if (body is { CallerFault: not null })
                return new(AttemptResult.CallerLeft, null);
            // In TLS 1.3 a server refuses this side's certificate after the handshake, and reads no request then.
            return connection.Why == AttemptResult.Broken && !connection.HasAnswered && TlsAlert.Meaning(e) is { } refused
                ? new(AttemptResult.NotReached, null, refused)
                : new(connection.Why!.Value, null);
        }
    }

    /// <summary>Sends head and body; from then on the server has until the deadline for the first byte.</summary>
    private async Task SendAsync(
        ServerConnection connection, Exchange exchange, ReplayableBody? body, bool expects, TimeSpan? firstByte, long total)
    {
        try
        {
            if (expects && !await IsBodyWantedAsync(connection))
                return;
            if (body is not null)
                await body.CopyToAsync(connection.Request, CancellationToken.None);
            await connection.Request.EndAsync(exchange);
            if (firstByte is { } time && _clock.In(time) is var by && by < total && !connection.HasHead)
                connection.SetDeadline(by, AttemptResult.FirstByteTimeout);
        }
        catch (Exception e) when (body is { CallerFault: not null })
        {
            connection.Cut(AttemptResult.CallerLeft);
            throw new IOException("The caller's body broke off.", e);
        }
    }

    /// <summary>Sends the head alone and waits until the server wants the body, too: the caller has not been asked for it yet.</summary>
    /// <returns>False if the server has answered without it.</returns>
    private async Task<bool> IsBodyWantedAsync(ServerConnection connection)
    {
        var wanted = connection.AwaitContinueAsync();
        await connection.Request.FlushAsync(CancellationToken.None);
        try
        {
            return await wanted.WaitAsync(ContinuesAnyway, clock);
        }
        catch (TimeoutException)
        {
            return !wanted.IsCompletedSuccessfully || wanted.Result;
        }
    }

    /// <summary>A server may answer before it has read the whole request: then the answer counts, not how sending ended.</summary>
    private static Task Quiet(Task sending) =>
        sending.IsCompletedSuccessfully ? sending : sending.ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);

    private void WriteHead(RequestWriter head, Exchange exchange, Service service, LiveServer server, ReplayableBody? body, bool expects)
    {
        head.Put(exchange.Method);
        head.Put(" "u8);
        head.Put(server.Root);
        var rest = service.Strip && service.PathPrefix.Length > 1 ? exchange.Target[service.PathPrefix.Length..] : exchange.Target;
        if (!rest.StartsWith('/'))
            head.Put("/"u8);
        head.Put(rest);
        head.Put(" HTTP/1.1\r\nHost: "u8);
        head.Put(service.KeepHost && exchange.Host.Length > 0 ? exchange.Host : server.Authority);
        head.Put("\r\n"u8);
        exchange.WriteFieldsTo(head);
        CallerFields.WriteTo(head, exchange, _traces);
        if (expects)
            head.Put("Expect: 100-continue\r\n"u8);
        if (exchange.Upgrade is { Length: > 0 } upgrade)
        {
            head.Put("Connection: Upgrade\r\nUpgrade: "u8);
            head.Put(upgrade);
            head.Put("\r\n"u8);
        }
        head.EndHead(body is not null ? exchange.RequestLength : exchange.RequestLength ?? (HttpMethods.HasBody(exchange.Method) ? 0 : -1));
    }

    private async Task<ServerConnection> OpenAsync(
        Server server, ServerTrust trust, TimeSpan within, CancellationToken callerLeft, CancellationToken givenUp)
    {
        using var deadline = _clock.Limit(within);
        using var either = givenUp.CanBeCanceled ? CancellationTokenSource.CreateLinkedTokenSource(callerLeft, givenUp) : null;
        if (Poller.IsSupported && server.Url.Scheme == Uri.UriSchemeHttp)
            return new ServerConnection(
                await ServerConnector.OpenPolledAsync(server, _addresses, (within, deadline.Token), deadline, either?.Token ?? callerLeft), trust, _clock);
        var (socket, secured) = await ServerConnector.OpenAsync(
            server, _addresses, trust, isHttp2: false, (within, deadline.Token), clock, either?.Token ?? callerLeft, deadline);
        return new ServerConnection(socket, secured, trust, _clock);
    }
}

/// <summary>How one attempt went, up to the first bytes of its answer.</summary>
/// <param name="Result">How it ended, or Answered.</param>
/// <param name="Answer">To be disposed of; null if there is none.</param>
/// <param name="Why">The reason of a failure in words that go on after the server's name, where there is more to say than the result does.</param>
internal readonly record struct AttemptEnd(AttemptResult Result, UpstreamAnswer? Answer, string? Why = null);
