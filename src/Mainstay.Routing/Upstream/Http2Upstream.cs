using System.Buffers;
using System.Net;
using System.Text;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Http;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// Sends one attempt of a request to a server over HTTP/2, with .NET's own client, which multiplexes and keeps flow control.
/// The rules are those of <see cref="HttpUpstream"/>. Trailers of requests are not sent on: that client has none.
/// </summary>
internal sealed class Http2Upstream(TimeProvider clock, AttemptClock deadlines, HostAddresses addresses, TraceIds traces)
{
    /// <summary>
    /// Sends the request and waits for the head and the first bytes of the answer. If the head comes while the request is still
    /// being sent, it does not wait for more: both sides may talk in turns.
    /// </summary>
    public async ValueTask<AttemptEnd> SendAsync(
        Exchange exchange, Service service, ServerTrust trust, LiveServer server, ReplayableBody? body, long total, CancellationToken givenUp)
    {
        var limit = new StreamLimit(clock, deadlines);
        limit.Set(total, AttemptResult.TotalTimeout);
        var callerLeft = exchange.CallerLeft.UnsafeRegister(static limit => ((StreamLimit)limit!).Cut(AttemptResult.CallerLeft), limit);
        await using var losing = givenUp.UnsafeRegister(static limit => ((StreamLimit)limit!).Cut(AttemptResult.CallerLeft), limit);
        var hasAnswered = false;
        var content = body is null ? null : new Http2Body(body, exchange.RequestLength, AwaitFirstByte);
        var request = MakeRequest(exchange, service, server.Spec, content);
        Http2Connections.Prepare(request, service.Timeouts.Connect, isConnecting =>
        {
            // The time of connecting is not the server's time to answer.
            if (isConnecting)
                limit.Set(total, AttemptResult.TotalTimeout);
            else if (content is null)
                AwaitFirstByte();
        });
        var shared = server.Http2.Take(server.Spec, trust, clock, deadlines, addresses);
        Http2Answer? answer = null;
        try
        {
            if (content is null)
                AwaitFirstByte();
            var response = await shared.Client.SendAsync(request, limit.Token);
            hasAnswered = true;
            answer = new Http2Answer(request, response, content, limit, total, () => server.Http2.Return(shared, IsSilence(limit.Why)), callerLeft);
            await answer.ReadFirstAsync();
            limit.Set(AttemptClock.Never, AttemptResult.Broken);
            return new(AttemptResult.Answered, answer);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            await losing.DisposeAsync();
            limit.Cut(AttemptResult.Broken);
            if (answer is not null)
            {
                await answer.DisposeAsync();
            }
            else
            {
                await callerLeft.DisposeAsync();
                if (content is not null)
                    await content.CloseAsync();
                request.Dispose();
                server.Http2.Return(shared, IsSilence(limit.Why));
                limit.Dispose();
            }
            return HowItFailed(e, body, limit.Why!.Value, hasAnswered);
        }

        void AwaitFirstByte()
        {
            if (service.Timeouts.FirstByte is { } time && !hasAnswered)
                limit.Set(time, AttemptResult.FirstByteTimeout, total);
        }
    }

    /// <summary>True if a deadline passed while the server said nothing.</summary>
    private static bool IsSilence(AttemptResult? why) =>
        why is AttemptResult.FirstByteTimeout or AttemptResult.Stalled or AttemptResult.TotalTimeout;

    private static AttemptEnd HowItFailed(Exception exception, ReplayableBody? body, AttemptResult why, bool hasAnswered)
    {
        // A caller must not be able to open a server's breaker with bodies that break off.
        if (body is { CallerFault: not null })
            return new(AttemptResult.CallerLeft, null);
        if (why != AttemptResult.Broken || hasAnswered)
            return new(why, null);
        for (var e = exception; e is not null; e = e.InnerException)
            if (e is NotReachedException notReached)
                return new(notReached.Result, null, e.Message);
        if (TlsAlert.Meaning(exception) is { } refused)
            return new(AttemptResult.NotReached, null, refused);
        var isProtocol = exception is HttpRequestException
        {
            HttpRequestError: HttpRequestError.HttpProtocolError or HttpRequestError.InvalidResponse or HttpRequestError.VersionNegotiationError,
        };
        return new(why, null, isProtocol ? "what it sent is no HTTP/2; if it speaks HTTP/1.1, set services[].protocol to http1" : null);
    }

    private HttpRequestMessage MakeRequest(Exchange exchange, Service service, Server server, HttpContent? content)
    {
        var root = server.Url.AbsolutePath.TrimEnd('/');
        var rest = service.Strip && service.PathPrefix.Length > 1 ? exchange.Target[service.PathPrefix.Length..] : exchange.Target;
        var target = rest.StartsWith('/') ? root + rest : $"{root}/{rest}";
        // As it was sent: %2F stays %2F.
        var url = new Uri(
            server.Url.GetLeftPart(UriPartial.Authority) + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var request = new HttpRequestMessage(new HttpMethod(exchange.Method), url)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        if (service.KeepHost && exchange.Host.Length > 0)
            request.Headers.TryAddWithoutValidation("Host", exchange.Host);
        var lines = new ArrayBufferWriter<byte>(1024);
        exchange.WriteFieldsTo(lines);
        CallerFields.WriteTo(lines, exchange, traces);
        AddLines(request, lines.WrittenSpan);
        // The one word of TE that HTTP/2 has (RFC 9113 section 8.2.2); servers of gRPC ask for it.
        if (exchange.FieldText("TE").Contains("trailers", StringComparison.OrdinalIgnoreCase))
            request.Headers.TryAddWithoutValidation("TE", "trailers");
        return request;
    }

    /// <param name="request">Gets the fields.</param>
    /// <param name="lines">As HTTP/1.1 writes them; the values are UTF-8.</param>
    private static void AddLines(HttpRequestMessage request, ReadOnlySpan<byte> lines)
    {
        for (int end; (end = lines.IndexOf("\r\n"u8)) >= 0; lines = lines[(end + 2)..])
        {
            var colon = lines.IndexOf((byte)':');
            var name = Encoding.ASCII.GetString(lines[..colon]);
            var value = Encoding.UTF8.GetString(lines[(colon + 1)..end].Trim((byte)' '));
            if (request.Headers.TryAddWithoutValidation(name, value))
                continue;
            // .NET keeps some fields with the body, such as Content-Type; a request may have them without one.
            request.Content ??= new ByteArrayContent([]);
            request.Content.Headers.TryAddWithoutValidation(name, value);
        }
    }
}
