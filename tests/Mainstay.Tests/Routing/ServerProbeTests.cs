using Mainstay.Routing;
using Mainstay.Routing.Certificates;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Mainstay.Tests.Routing;

/// <summary>Each kind of health check against real servers, well and not.</summary>
public sealed class ServerProbeTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly TestFolder _folder = new();
    private readonly ServerProbe _probe = new(new ManualTime());

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
        _probe.Dispose();
    }

    [Theory]
    [InlineData(HttpProtocols.Http1, ServerProtocol.Http1, "")]
    [InlineData(HttpProtocols.Http2, ServerProtocol.Http2, "")]
    public async Task A_path_is_asked_for_in_the_version_of_the_service(HttpProtocols speaks, ServerProtocol protocol, string trouble)
    {
        await using var server = await KestrelServer.StartAsync(
            http =>
            {
                http.Response.StatusCode = http.Request.Path == "/base/health" ? 204 : 404;
                return Task.CompletedTask;
            },
            speaks);
        var spec = server.In("r1") with { Url = new Uri($"http://127.0.0.1:{server.Port}/base") };
        Assert.Equal(trouble, await AskAsync(spec, new HealthCheck { Path = "/health" }, protocol));
        Assert.Equal("answered 404", await AskAsync(spec, new HealthCheck { Path = "/other" }, protocol));
    }

    [Fact]
    public async Task A_connection_is_enough_for_tcp_and_TLS_is_not_tried()
    {
        using var certificate = _authority.Issue("other.test");
        await using var server = await KestrelServer.StartAsync(_ => Task.CompletedTask, certificate: certificate);
        await using var dead = ScriptedServer.Refusing();
        var check = new HealthCheck { Kind = ProbeKind.Tcp };
        Assert.Equal("", await AskAsync(server.In("r1"), check));
        Assert.Equal("it refused the connection", await AskAsync(dead.In("r1"), check));
        Assert.Equal(0, server.Received);
    }

    [Fact]
    public async Task A_handshake_must_end_well_for_tls()
    {
        using var good = _authority.Issue("127.0.0.1");
        using var expired = _authority.Issue("127.0.0.1", notAfter: new ManualTime().GetUtcNow().AddDays(-1));
        await using var server = await KestrelServer.StartAsync(_ => Task.CompletedTask, certificate: good);
        await using var late = await KestrelServer.StartAsync(_ => Task.CompletedTask, certificate: expired);
        await using var plain = ScriptedServer.Answering("fine");
        var check = new HealthCheck { Kind = ProbeKind.Tls };
        var tls = new ServerTls { Ca = _folder.Write("ca.pem", _authority.Pem) };
        Assert.Equal("", await AskAsync(server.In("r1"), check, tls: tls));
        Assert.StartsWith("its certificate is not trusted", await AskAsync(server.In("r1"), check), StringComparison.Ordinal);
        Assert.Equal("its certificate expired on 2025-12-31", await AskAsync(late.In("r1"), check, tls: tls));
        Assert.Equal("its url is http: there is no TLS to try", await AskAsync(plain.In("r1"), check));
        Assert.Equal(0, server.Received);
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 8, 1 }, "0", "")]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 8, 2 }, "0", "NOT_SERVING")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0 }, "0", "UNKNOWN")]
    [InlineData(new byte[] { 0, 0, 0, 0, 9, 8, 1 }, "0", "what it sent is no message of gRPC")]
    [InlineData(new byte[0], "5", "it does not know the gRPC service judge.Judge")]
    [InlineData(new byte[0], "12", "it does not have grpc.health.v1.Health")]
    [InlineData(new byte[0], "14", "gRPC status 14")]
    [InlineData(new byte[0], null, "it gave no gRPC status")]
    public async Task A_server_of_gRPC_is_asked_as_its_protocol_of_health_checks_says(byte[] answer, string? status, string trouble)
    {
        var asked = "";
        await using var server = await KestrelServer.StartAsync(
            async http =>
            {
                using var body = new MemoryStream();
                await http.Request.Body.CopyToAsync(body);
                asked = $"{http.Request.Method} {http.Request.Path} {http.Request.ContentType} {http.Request.Headers.TE} {Convert.ToHexString(body.ToArray())}";
                http.Response.ContentType = "application/grpc";
                await http.Response.Body.WriteAsync(answer);
                if (status is not null)
                    http.Response.AppendTrailer("grpc-status", status);
            },
            HttpProtocols.Http2);
        var check = new HealthCheck { Kind = ProbeKind.Grpc, GrpcService = "judge.Judge" };
        Assert.Equal(trouble, await AskAsync(server.In("r1"), check));
        Assert.Equal("POST /grpc.health.v1.Health/Check application/grpc trailers 000000000D0A0B" + Convert.ToHexString("judge.Judge"u8), asked);
    }

    [Fact]
    public async Task A_refusal_of_gRPC_that_is_trailers_alone_is_understood()
    {
        await using var server = await KestrelServer.StartAsync(
            http =>
            {
                http.Response.ContentType = "application/grpc";
                http.Response.Headers["grpc-status"] = "12";
                return Task.CompletedTask;
            },
            HttpProtocols.Http2);
        Assert.Equal("it does not have grpc.health.v1.Health", await AskAsync(server.In("r1"), new HealthCheck { Kind = ProbeKind.Grpc }));
    }

    [Fact]
    public async Task A_server_is_not_ill_because_this_process_stood_still()
    {
        var clock = new ManualTime();
        await using var server = new ScriptedServer(async d =>
        {
            clock.StandStill(TimeSpan.FromSeconds(30));
            await d.AnswerAsync(200, "fine");
        });
        using var probe = new ServerProbe(clock);
        var check = new HealthCheck { Path = "/health", Timeout = TimeSpan.FromSeconds(1) };
        var service = Tables.Service(server.In("r1")) with { Health = check };
        Assert.Equal("", await probe.AskAsync(service, ServerTrust.OfMachine, service.Servers[0], CancellationToken.None).Patiently());
    }

    [Fact]
    public async Task A_server_that_does_not_answer_in_time_is_ill()
    {
        var clock = new ManualTime();
        await using var server = new ScriptedServer(_ => Task.CompletedTask);
        using var probe = new ServerProbe(clock);
        var check = new HealthCheck { Path = "/health", Timeout = TimeSpan.FromSeconds(1) };
        var service = Tables.Service(server.In("r1")) with { Health = check };
        var asking = probe.AskAsync(service, ServerTrust.OfMachine, service.Servers[0], CancellationToken.None);
        await server.NextAsync();
        clock.Advance(TimeSpan.FromSeconds(0.95));
        Assert.False(asking.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal("no answer within 1 s", await asking.Patiently());
    }

    /// <summary>Managed endpoints cost money by the request: without a health check, not one is made.</summary>
    [Fact]
    public async Task A_service_without_a_health_check_is_never_asked()
    {
        var probes = 0;
        await using var judged = ScriptedServer.Answering("fine");
        await using var probed = new ScriptedServer(async d =>
        {
            Interlocked.Increment(ref probes);
            await d.AnswerAsync(200, "fine");
        });
        var clock = new ManualTime();
        var routes = new LiveRoutes(clock);
        var health = new HealthCheck { Path = "/health", Every = TimeSpan.FromSeconds(1), Timeout = TimeSpan.FromDays(40) };
        routes.Swap(new RouteTable(1, [Tables.Service(judged.In("r1")) with { Name = "managed" }, Tables.Service(probed.In("r1")) with { Health = health }], []));
        var feed = new OutcomeFeed();
        using var prober = new Prober(routes, feed, clock, new Random(1));
        using var stop = new CancellationTokenSource();
        var running = prober.RunAsync(stop.Token);
        var told = new List<Probe>();
        while (told.Count < 5)
        {
            clock.Advance(TimeSpan.FromMilliseconds(100));
            while (feed.Reader.TryRead(out var observation))
                if (observation is Probe probe)
                    told.Add(probe);
            await Task.Yield();
        }
        Assert.All(told, probe => Assert.Equal(("moderation", true), (probe.Service, probe.Well)));
        Assert.InRange(probes, 5, 6);
        Assert.Equal(0, judged.Received);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.Patiently());
    }

    private Task<string> AskAsync(Server server, HealthCheck check, ServerProtocol protocol = ServerProtocol.Http1, ServerTls? tls = null)
    {
        var service = Tables.Service(server) with { Health = check, Protocol = protocol, Tls = tls };
        var trust = tls is null ? ServerTrust.OfMachine : new TrustFiles(tls).Current;
        return _probe.AskAsync(service, trust, server, CancellationToken.None).Patiently();
    }
}
