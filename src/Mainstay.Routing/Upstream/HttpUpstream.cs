using System.Net;
using System.Net.Sockets;
using Mainstay.Routing.Http;

namespace Mainstay.Routing.Upstream;

/// <summary>Sends one attempt of a request to a server over plain HTTP.</summary>
internal sealed class HttpUpstream(TimeProvider clock)
{
    private static readonly HttpRequestOptionsKey<CancellationToken> ConnectDeadline = new("connect");

    /// <summary>Pooled connections to one server. They follow no redirect, keep no cookie and decompress nothing: the
    /// answer goes on as it came.</summary>
    public static HttpMessageInvoker Connect() => new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            // The front reads requests as UTF-8 and refuses what is not; a caller's "José" must not fail the attempt.
            RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            ConnectCallback = OpenAsync,
        });

    /// <summary>
    /// Sends the request and waits for the head and the first bytes of the answer: until then another server can take
    /// over without the caller noticing. Returns the answer, or how the attempt failed; the caller
    /// disposes of the answer. Body and connection are at rest when it returns without an answer.
    /// </summary>
    public async Task<(AttemptResult Result, UpstreamAnswer? Answer)> SendAsync(
        Exchange exchange, Service service, Server server, HttpMessageInvoker connections, ReplayableBody? body, CancellationToken total)
    {
        using var firstByte = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        using var connect = new CancellationTokenSource(service.Timeouts.Connect, clock);
        var attempt = CancellationTokenSource.CreateLinkedTokenSource(total, firstByte.Token);
        var content = MakeContent(exchange, service, body, firstByte);
        UpstreamAnswer? answer = null;
        try
        {
            using var request = MakeRequest(exchange, service, server, content);
            request.Options.Set(ConnectDeadline, connect.Token);
            if (content is null && service.Timeouts.FirstByte is { } deadline)
                firstByte.CancelAfter(deadline);
            var response = await connections.SendAsync(request, attempt.Token);
            var stream = await response.Content.ReadAsStreamAsync(attempt.Token);
            answer = new UpstreamAnswer(response, stream, attempt);
            await answer.ReadNextAsync(attempt.Token);
            return (AttemptResult.Answered, answer);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            var result = Classify(e, exchange, body, firstByte, total);
            await attempt.CancelAsync();
            answer?.Dispose();
            attempt.Dispose();
            // The next attempt reads the same body: this one must have let go of it.
            if (content is not null)
                await content.AtRest;
            return (result, null);
        }
    }

    private static AttemptResult Classify(
        Exception failure, Exchange exchange, ReplayableBody? body, CancellationTokenSource firstByte, CancellationToken total)
    {
        // A caller must not be able to open a server's breaker with bodies that break off.
        if (exchange.CallerLeft.IsCancellationRequested || body is { CallerFault: not null })
            return AttemptResult.CallerLeft;
        if (total.IsCancellationRequested)
            return AttemptResult.TotalTimeout;
        if (firstByte.IsCancellationRequested)
            return AttemptResult.FirstByteTimeout;
        return failure switch
        {
            ObjectDisposedException => AttemptResult.NotReached,
            HttpRequestException
            {
                HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
                    or HttpRequestError.SecureConnectionError,
            } => AttemptResult.NotReached,
            _ => AttemptResult.Broken,
        };
    }

    private static AttemptContent? MakeContent(
        Exchange exchange, Service service, ReplayableBody? body, CancellationTokenSource firstByte)
    {
        // SocketsHttpHandler sends a request again by itself if it has no content and a pooled connection turns out to be
        // closed. That is right for a GET; for a POST the rule "Sent twice?" decides, so it always gets a content.
        if (body is null && HttpMethods.IsIdempotent(exchange.Method))
            return null;
        return new AttemptContent(body, body is null ? 0 : exchange.RequestLength, onSent: () =>
        {
            if (service.Timeouts.FirstByte is { } deadline)
                firstByte.CancelAfter(deadline);
        });
    }

    private static HttpRequestMessage MakeRequest(Exchange exchange, Service service, Server server, AttemptContent? content)
    {
        var request = new HttpRequestMessage(new HttpMethod(exchange.Method), ServerTarget(service, server, exchange.Target))
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        foreach (var (name, value) in ForwardedHeaders.EndToEnd(exchange.RequestHeaders, exchange.RequestHeaders.Connection))
        {
            if (name.Equals("Host", StringComparison.OrdinalIgnoreCase) || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase))
                continue;
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)value)
                && !name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)value);
        }
        foreach (var (name, value) in ForwardedHeaders.OfCaller(exchange))
            request.Headers.TryAddWithoutValidation(name, value);
        if (service.KeepHost && exchange.Host.Length > 0)
            request.Headers.Host = exchange.Host;
        return request;
    }

    private static Uri ServerTarget(Service service, Server server, string target)
    {
        var rest = service.Strip && service.PathPrefix.Length > 1 ? target[service.PathPrefix.Length..] : target;
        var root = server.Url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        if (!rest.StartsWith('/'))
            rest = "/" + rest;
        return new Uri(root + rest, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
    }

    private static async ValueTask<Stream> OpenAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            context.InitialRequestMessage.Options.TryGetValue(ConnectDeadline, out var deadline);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, deadline);
            await socket.ConnectAsync(context.DnsEndPoint, both.Token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.TimedOut);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
