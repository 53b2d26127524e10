using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Models;
using Mainstay.Routing.Upstream;

namespace Mainstay.Routing;

/// <summary>Asks one server whether it is well, in the way that its service's health check names. It asks no model for anything.</summary>
internal sealed class ServerProbe(TimeProvider clock) : IDisposable
{
    private readonly TimeProvider _clock = clock;
    private const int LongestGrpcAnswer = 1024;
    private const int LongestText = 1 << 20;
    private static readonly HealthCheck Text = new() { Path = "", Every = default, Timeout = TimeSpan.FromSeconds(1) };

    private static readonly HttpRequestOptionsKey<(Server Server, HealthCheck Check)> AskedKey = new("asked");

    private readonly ServerKeys _keys = new(clock);

    /// <summary>Connections by what they were opened with: a certificate that was let in before must not be let in for another service.</summary>
    private readonly ConcurrentDictionary<ServerTrust, HttpMessageInvoker> _connections = new();

    /// <summary>A standstill of this process must not look like one of every server.</summary>
    private readonly AttemptClock _deadlines = new(clock);
    private readonly HostAddresses _addresses = new(clock);

    /// <summary>Returns what is wrong with the server; empty if nothing. Throws only what cancels it.</summary>
    /// <exception cref="NotReachedException">This process has no descriptor left to ask with: nothing is known of the server.</exception>
    public Task<string> AskAsync(Service service, ServerTrust trust, Server server, CancellationToken cancel)
    {
        var check = service.Health!;
        return WithinAsync(check.Timeout, async both =>
        {
            switch (check.Kind)
            {
                case ProbeKind.Tcp:
                    await ConnectAsync(server with { Url = new UriBuilder(server.Url) { Scheme = Uri.UriSchemeHttp }.Uri }, trust, service, both);
                    return "";
                case ProbeKind.Tls:
                    await ConnectAsync(server, trust, service, both);
                    return server.Url.Scheme == Uri.UriSchemeHttps ? "" : "its url is http: there is no TLS to try";
                case ProbeKind.Grpc:
                    return await AskGrpcAsync(trust, server, check, both);
                default:
                    return await AskHttpAsync(service, trust, server, check, both);
            }
        }, cancel);
    }

    /// <summary>The same of a held server of a model, by what costs no tokens.</summary>
    public Task<string> AskFreeAsync(Service service, ServerTrust trust, LiveServer server, CancellationToken cancel) =>
        WithinAsync(FreeProbe.Check.Timeout, async both =>
        {
            if (FreeProbe.Compose(server.Spec, _keys) is not { } composed)
                return "its key is not to be had";
            using var request = Request(new HttpMethod(composed.Method), server.Spec, FreeProbe.Check, composed.Target, service.Protocol);
            foreach (var (name, value) in composed.Fields)
                request.Headers.TryAddWithoutValidation(name, value);
            using var answer = await ClientFor(trust).SendAsync(request, both);
            return FreeProbe.Judge((int)answer.StatusCode, server.LockedOut is not null);
        }, cancel);

    /// <summary>Fetches a text of at most a MiB from a server's url, or says what is wrong.</summary>
    public async Task<(string Text, string Trouble)> ReadTextAsync(ServerTrust trust, Server server, CancellationToken cancel)
    {
        var text = "";
        var trouble = await WithinAsync(Text.Timeout, async both =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, server.Url);
            request.Options.Set(AskedKey, (server, Text));
            using var answer = await ClientFor(trust).SendAsync(request, both);
            if (!answer.IsSuccessStatusCode)
                return string.Create(CultureInfo.InvariantCulture, $"answered {(int)answer.StatusCode}");
            var bytes = ArrayPool<byte>.Shared.Rent(LongestText);
            try
            {
                await using var body = await answer.Content.ReadAsStreamAsync(both);
                var length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, both);
                text = Encoding.UTF8.GetString(bytes, 0, length);
                return length < bytes.Length ? "" : "answered more than a MiB";
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(bytes);
            }
        }, cancel);
        return (text, trouble);
    }

    private async Task<string> WithinAsync(TimeSpan time, Func<CancellationToken, Task<string>> ask, CancellationToken cancel)
    {
        using var timeout = _deadlines.Limit(time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, timeout.Token);
        try
        {
            return await ask(both.Token);
        }
        catch (OperationCanceledException)
        {
            return string.Create(CultureInfo.InvariantCulture, $"no answer within {time.TotalSeconds:0.###} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return NotReached(e) is { } why ? why.Message : e.InnerException?.Message ?? e.Message;
        }
    }

    /// <summary>Closes the connections that were opened with what no service uses any more.</summary>
    public void Keep(HashSet<ServerTrust> used)
    {
        foreach (var trust in _connections.Keys)
            if (!used.Contains(trust) && _connections.TryRemove(trust, out var gone))
                gone.Dispose();
    }

    public void Dispose()
    {
        foreach (var (_, client) in _connections)
            client.Dispose();
        _deadlines.Dispose();
    }

    private async Task ConnectAsync(Server server, ServerTrust trust, Service service, CancellationToken cancel)
    {
        // The probe's own time bounds it.
        var (socket, secured) = await ServerConnector.OpenAsync(
            server, _addresses, trust, service.Protocol == ServerProtocol.Http2, (service.Health!.Timeout, default), _clock, cancel);
        if (secured is not null)
            await secured.DisposeAsync();
        socket.Dispose();
    }

    private async Task<string> AskHttpAsync(Service service, ServerTrust trust, Server server, HealthCheck check, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Get, server, check, check.Path, service.Protocol);
        using var answer = await ClientFor(trust).SendAsync(request, cancel);
        return answer.IsSuccessStatusCode ? "" : string.Create(CultureInfo.InvariantCulture, $"answered {(int)answer.StatusCode}");
    }

    /// <summary>The gRPC health checking protocol: one small message there, one back, both framed by hand.</summary>
    private async Task<string> AskGrpcAsync(ServerTrust trust, Server server, HealthCheck check, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Post, server, check, "/grpc.health.v1.Health/Check", ServerProtocol.Http2);
        request.Headers.TryAddWithoutValidation("TE", "trailers");
        request.Content = new ByteArrayContent(GrpcQuestion(check.GrpcService));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var answer = await ClientFor(trust).SendAsync(request, cancel);
        if (answer.StatusCode != HttpStatusCode.OK)
            return string.Create(CultureInfo.InvariantCulture, $"answered {(int)answer.StatusCode}, which no gRPC server does");
        var message = new byte[LongestGrpcAnswer];
        await using var body = await answer.Content.ReadAsStreamAsync(cancel);
        var length = await body.ReadAtLeastAsync(message, message.Length, throwOnEndOfStream: false, cancel);
        var status = Field(answer.TrailingHeaders) ?? Field(answer.Headers);
        return status switch
        {
            "0" when length < message.Length => GrpcMeaning(message.AsSpan(0, length)),
            "5" => $"it does not know the gRPC service {check.GrpcService}",
            "12" => "it does not have grpc.health.v1.Health",
            null => "it gave no gRPC status",
            _ => $"gRPC status {status}",
        };
    }

    private static HttpRequestMessage Request(HttpMethod method, Server server, HealthCheck check, string path, ServerProtocol protocol)
    {
        var url = new Uri(server.Url.GetLeftPart(UriPartial.Path).TrimEnd('/') + path);
        var request = new HttpRequestMessage(method, url)
        {
            Version = protocol == ServerProtocol.Http2 ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Options.Set(AskedKey, (server, check));
        return request;
    }

    private HttpMessageInvoker ClientFor(ServerTrust trust) => _connections.GetOrAdd(trust, (trust, of) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        ActivityHeadersPropagator = null,
        ConnectCallback = async (context, cancel) =>
        {
            var request = context.InitialRequestMessage;
            if (!request.Options.TryGetValue(AskedKey, out var asked))
                throw new NotReachedException("nobody asked");
            using var deadline = of._deadlines.Limit(asked.Check.Timeout);
            var (socket, secured) = await ServerConnector.OpenAsync(
                asked.Server, of._addresses, trust, request.Version == HttpVersion.Version20, (asked.Check.Timeout, deadline.Token), of._clock, cancel, deadline);
            return (Stream?)secured ?? new NetworkStream(socket, ownsSocket: true);
        },
    }), this);

    /// <summary>HealthCheckRequest { string service = 1 }, with the five bytes that precede a message of gRPC.</summary>
    private static byte[] GrpcQuestion(string service)
    {
        var name = Encoding.UTF8.GetBytes(service);
        using var message = new MemoryStream();
        if (name.Length > 0)
        {
            message.WriteByte(0x0a);
            var length = name.Length;
            for (; length >= 0x80; length >>= 7)
                message.WriteByte((byte)(length | 0x80));
            message.WriteByte((byte)length);
            message.Write(name);
        }
        var framed = new byte[5 + message.Length];
        BinaryPrimitives.WriteUInt32BigEndian(framed.AsSpan(1), (uint)message.Length);
        message.ToArray().CopyTo(framed, 5);
        return framed;
    }

    /// <summary>HealthCheckResponse { ServingStatus status = 1 }; 1 is SERVING, and 0, which may be left out, UNKNOWN.</summary>
    private static string GrpcMeaning(ReadOnlySpan<byte> answer)
    {
        if (answer.Length < 5 || answer[0] != 0 || BinaryPrimitives.ReadUInt32BigEndian(answer[1..]) != answer.Length - 5)
            return "what it sent is no message of gRPC";
        return answer[5..] switch
        {
            [0x08, 1, ..] => "",
            [0x08, 2, ..] => "NOT_SERVING",
            [0x08, 3, ..] => "SERVICE_UNKNOWN",
            _ => "UNKNOWN",
        };
    }

    private static string? Field(HttpResponseHeaders headers) => headers.TryGetValues("grpc-status", out var values) ? values.First() : null;

    /// <exception cref="NotReachedException">This process could not ask, whatever the server would have said.</exception>
    private static NotReachedException? NotReached(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
            if (e is NotReachedException found)
                return found.Result == AttemptResult.NotReached ? found : throw found;
        return null;
    }
}
