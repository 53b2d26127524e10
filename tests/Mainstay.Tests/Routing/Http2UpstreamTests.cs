using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Mainstay.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Mainstay.Tests.Routing;

/// <summary>HTTP/2 to servers, over the same rules as HTTP/1.1. Real servers and sockets.</summary>
public sealed class Http2UpstreamTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Requests_and_answers_pass_whole_with_and_without_TLS(bool isSecured)
    {
        using var authority = new TestAuthority();
        using var folder = new TestFolder();
        using var certificate = isSecured ? authority.Issue("127.0.0.1") : null;
        await using var server = await KestrelServer.StartAsync(
            async http =>
            {
                using var reader = new StreamReader(http.Request.Body);
                var body = await reader.ReadToEndAsync();
                http.Response.Headers["X-Saw"] = $"{http.Request.Protocol} {http.Request.Scheme} {http.Request.Method} "
                    + http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
                await http.Response.WriteAsync(body);
            },
            HttpProtocols.Http2, certificate);
        var service = Over(server.In("r1")) with { Tls = isSecured ? new ServerTls { Ca = folder.Write("ca.pem", authority.Pem) } : null };
        await using var house = await GatewayHouse.StartAsync(service);
        var body = new string('x', 300_000) + "end";
        Assert.Equal((200, body), await house.AskAsync(HttpMethod.Post, body: body));
        using var answer = await house.SendAsync(HttpMethod.Get, "/a%2Fb/?q=%20x&y");
        Assert.Equal($"HTTP/2 {(isSecured ? "https" : "http")} GET /a%2Fb/?q=%20x&y", answer.Headers.GetValues("X-Saw").Single());
        Assert.Equal([OutcomeResult.Succeeded, OutcomeResult.Succeeded], [(await house.OutcomeAsync()).Result, (await house.OutcomeAsync()).Result]);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task The_server_sees_what_the_caller_sent_less_the_hop_and_nothing_that_a_client_adds()
    {
        var seen = new TaskCompletionSource<Dictionary<string, string>>();
        await using var server = await KestrelServer.StartAsync(
            http =>
            {
                seen.TrySetResult(http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase));
                http.Response.StatusCode = 302;
                http.Response.Headers.Location = "http://elsewhere.example/";
                http.Response.Headers.SetCookie = "a=b";
                return Task.CompletedTask;
            },
            HttpProtocols.Http2);
        await using var house = await GatewayHouse.StartAsync(Over(server.In("r1")));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(
            "GET /predict HTTP/1.1\r\nHost: any\r\nX-Customer: Caf\u00e9\r\nConnection: X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n"
            + "Content-Type: a/b\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n");
        var head = await caller.ReadHeadAsync().Patiently();
        Assert.StartsWith("HTTP/1.1 302", head, StringComparison.Ordinal);
        Assert.Contains("Set-Cookie: a=b\r\n", head, StringComparison.OrdinalIgnoreCase);
        var headers = await seen.Task.Patiently();
        Assert.Equal("trailers", headers["TE"]);
        Assert.Equal("Caf\u00e9", headers["X-Customer"]);
        Assert.Equal("a/b", headers["Content-Type"]);
        Assert.Equal("198.51.100.7, 127.0.0.1", headers["X-Forwarded-For"]);
        Assert.Equal($"127.0.0.1:{server.Port}", headers["Host"]);
        Assert.DoesNotContain("X-Hop", headers.Keys);
        Assert.Equal(55, headers["traceparent"].Length);
        Assert.DoesNotContain("Cookie", headers.Keys);
        Assert.DoesNotContain("Accept-Encoding", headers.Keys);
    }

    [Theory]
    [InlineData(HttpProtocols.Http1, "what it sent is no HTTP/2; if it speaks HTTP/1.1, set services[].protocol to http1")]
    public async Task A_server_of_the_other_version_is_told(HttpProtocols protocols, string why)
    {
        await using var server = await KestrelServer.StartAsync(http => http.Response.WriteAsync("fine"), protocols);
        await using var house = await GatewayHouse.StartAsync(Over(server.In("r1")));
        var (status, message) = await house.AskAsync(HttpMethod.Get);
        Assert.Equal(502, status);
        Assert.Contains(why, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_is_not_late_because_this_process_stood_still()
    {
        using var authority = new TestAuthority();
        using var folder = new TestFolder();
        using var certificate = authority.Issue("127.0.0.1");
        await using var server = await KestrelServer.StartAsync(http => http.Response.WriteAsync("fine"), HttpProtocols.Http2, certificate);
        using var relay = new TcpListener(IPAddress.Loopback, 0);
        relay.Start();
        var service = Over(server.In("r1") with { Url = new Uri($"https://127.0.0.1:{((IPEndPoint)relay.LocalEndpoint).Port}") }) with
        {
            Tls = new ServerTls { Ca = folder.Write("ca.pem", authority.Pem) },
            Timeouts = new Timeouts { Connect = TimeSpan.FromSeconds(1) },
        };
        await using var house = await GatewayHouse.StartAsync(service);
        var asking = house.AskAsync(HttpMethod.Get);
        using var caller = await relay.AcceptTcpClientAsync().Patiently();
        // The handshake waits for its answer; then it comes.
        house.Clock.StandStill(TimeSpan.FromSeconds(30));
        using var onward = new TcpClient();
        await onward.ConnectAsync(IPAddress.Loopback, server.Port).Patiently();
        var relaying = Task.WhenAll(caller.GetStream().CopyToAsync(onward.GetStream()), onward.GetStream().CopyToAsync(caller.GetStream()));
        Assert.Equal((200, "fine"), await asking.Patiently());
        caller.Close();
        onward.Close();
        await relaying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
    }

    [Fact]
    public async Task A_server_that_agrees_to_HTTP_1_1_alone_is_told()
    {
        using var authority = new TestAuthority();
        using var folder = new TestFolder();
        using var certificate = authority.Issue("127.0.0.1");
        await using var server = await KestrelServer.StartAsync(http => http.Response.WriteAsync("fine"), HttpProtocols.Http1, certificate);
        var service = Over(server.In("r1")) with { Tls = new ServerTls { Ca = folder.Write("ca.pem", authority.Pem) } };
        await using var house = await GatewayHouse.StartAsync(service);
        var (status, message) = await house.AskAsync(HttpMethod.Post, body: "x");
        Assert.Equal(502, status);
        Assert.Contains("could not be reached", message, StringComparison.Ordinal);
        Assert.Equal(AttemptResult.NotReached, (await house.OutcomeAsync()).Attempts.Single().Result);
    }

    [Fact]
    public async Task A_server_that_refuses_connections_is_passed_over_and_a_post_goes_elsewhere()
    {
        await using var dead = ScriptedServer.Refusing();
        await using var good = await KestrelServer.StartAsync(EchoAsync, HttpProtocols.Http2);
        await using var house = await GatewayHouse.StartAsync(Over(dead.In("r1"), good.In("r2")));
        Assert.Equal((200, "pay once"), await house.AskAsync(HttpMethod.Post, body: "pay once"));
        var attempt = (await house.OutcomeAsync()).Attempts[0];
        Assert.Equal((AttemptResult.NotReached, "it refused the connection"), (attempt.Result, attempt.Why));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stream_that_a_server_resets_is_tried_elsewhere_only_if_that_does_no_harm(bool isSafe)
    {
        await using var bad = await KestrelServer.StartAsync(
            async http =>
            {
                await http.Request.Body.CopyToAsync(Stream.Null);
                http.Abort();
            },
            HttpProtocols.Http2);
        await using var good = await KestrelServer.StartAsync(EchoAsync, HttpProtocols.Http2);
        await using var house = await GatewayHouse.StartAsync(Over(bad.In("r1"), good.In("r2")));
        var answer = isSafe
            ? await house.AskAsync(HttpMethod.Post, body: "again", headers: ("Idempotency-Key", "7"))
            : await house.AskAsync(HttpMethod.Post, body: "pay once");
        Assert.Equal(isSafe ? 200 : 502, answer.Status);
        Assert.Equal(1, bad.Received);
        Assert.Equal(isSafe ? 1 : 0, good.Received);
        Assert.Equal(AttemptResult.Broken, (await house.OutcomeAsync()).Attempts[0].Result);
        if (isSafe)
            Assert.Equal("again", answer.Body);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_cut_answer_never_looks_whole()
    {
        var go = new TaskCompletionSource();
        await using var cutting = await KestrelServer.StartAsync(
            async http =>
            {
                await http.Response.WriteAsync("half ");
                await http.Response.Body.FlushAsync();
                await go.Task;
                http.Abort();
            },
            HttpProtocols.Http2);
        await using var house = await GatewayHouse.StartAsync(Over(cutting.In("r1")));
        using var answer = await house.SendAsync(HttpMethod.Get);
        go.SetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => answer.Content.ReadAsStringAsync().Patiently());
        Assert.Equal(AttemptResult.Truncated, (await house.OutcomeAsync()).Attempts.Single().Result);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task Silence_is_failed_over_and_the_next_request_gets_another_connection()
    {
        var connections = Channel.CreateUnbounded<string>();
        var isSilent = true;
        await using var silent = await KestrelServer.StartAsync(
            async http =>
            {
                connections.Writer.TryWrite(http.Connection.Id);
                if (isSilent)
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                await http.Response.WriteAsync("silent before");
            },
            HttpProtocols.Http2);
        await using var good = ScriptedServer.Answering("fine");
        var service = Over(silent.In("r1")) with { Timeouts = new Timeouts { FirstByte = TimeSpan.FromMilliseconds(500) } };
        await using var house = await GatewayHouse.StartAsync(service);
        var answer = house.AskAsync(HttpMethod.Get);
        var first = await connections.Reader.ReadAsync().Patiently();
        await house.Clock.WhenArmedAsync(TimeSpan.FromMilliseconds(500)).Patiently();
        house.Clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal(504, (await answer.Patiently()).Status);
        Assert.Equal(AttemptResult.FirstByteTimeout, (await house.OutcomeAsync()).Attempts.Single().Result);
        isSilent = false;
        Assert.Equal((200, "silent before"), await house.AskAsync(HttpMethod.Get));
        Assert.NotEqual(first, await connections.Reader.ReadAsync().Patiently());
    }

    [Fact]
    public async Task An_answer_that_stalls_is_cut_after_the_idle_deadline()
    {
        await using var stalling = await KestrelServer.StartAsync(
            async http =>
            {
                await http.Response.WriteAsync("half");
                await http.Response.Body.FlushAsync();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            },
            HttpProtocols.Http2);
        var service = Over(stalling.In("r1")) with { Timeouts = new Timeouts { Idle = TimeSpan.FromMilliseconds(400), Total = TimeSpan.FromDays(30) } };
        await using var house = await GatewayHouse.StartAsync(service);
        using var answer = await house.SendAsync(HttpMethod.Get);
        var reading = answer.Content.ReadAsStringAsync();
        while (!reading.IsCompleted)
        {
            // The deadline begins when the gateway waits for more, which may be a little after the first part arrived.
            house.Clock.Advance(TimeSpan.FromMilliseconds(400));
            await Task.Yield();
        }
        await Assert.ThrowsAnyAsync<Exception>(() => reading);
        Assert.Equal(AttemptResult.Stalled, (await house.OutcomeAsync()).Attempts.Single().Result);
    }

    [Fact]
    public async Task A_caller_that_leaves_takes_the_stream_along_and_blames_nobody()
    {
        var arrived = new TaskCompletionSource();
        var left = new TaskCompletionSource();
        await using var server = await KestrelServer.StartAsync(
            async http =>
            {
                arrived.TrySetResult();
                using var registration = http.RequestAborted.Register(() => left.TrySetResult());
                await left.Task;
            },
            HttpProtocols.Http2);
        await using var house = await GatewayHouse.StartAsync(Over(server.In("r1")));
        var (socket, caller) = await house.ConnectAsync();
        await caller.SendAsync("GET /predict HTTP/1.1\r\nHost: any\r\n\r\n");
        await arrived.Task.Patiently();
        Assert.Equal(1, house.Outstanding);
        caller.Reset();
        socket.Dispose();
        await left.Task.Patiently();
        var outcome = await house.OutcomeAsync();
        Assert.Equal((OutcomeResult.CallerLeft, AttemptResult.CallerLeft), (outcome.Result, outcome.Attempts.Single().Result));
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task Trailers_of_an_answer_pass_to_a_caller_of_HTTP_1_1_too()
    {
        await using var server = await KestrelServer.StartAsync(
            async http =>
            {
                await http.Response.WriteAsync("fine");
                http.Response.AppendTrailer("X-Sum", "6");
            },
            HttpProtocols.Http2);
        await using var house = await GatewayHouse.StartAsync(Over(server.In("r1")));
        using var answer = await house.SendAsync(HttpMethod.Get);
        Assert.Equal("fine", await answer.Content.ReadAsStringAsync().Patiently());
        Assert.Equal("6", answer.TrailingHeaders.GetValues("X-Sum").Single());
    }

    [Fact]
    public async Task A_call_of_gRPC_in_turns_passes_with_its_status()
    {
        // Each side speaks only when it has heard the other: who holds anything back stands still for ever.
        await using var server = await KestrelServer.StartAsync(
            async http =>
            {
                http.Response.ContentType = "application/grpc";
                await http.Response.StartAsync();
                await http.Response.Body.FlushAsync();
                var part = new byte[16];
                while (await http.Request.Body.ReadAsync(part) is > 0 and var length)
                {
                    await http.Response.Body.WriteAsync(part.AsMemory(0, length));
                    await http.Response.Body.FlushAsync();
                }
                http.Response.AppendTrailer("grpc-status", "0");
            },
            HttpProtocols.Http2);
        await using var house = await GatewayHouse.StartAsync(Over(server.In("r1")));
        var said = new TurnsContent();
        using var answer = await CallAsync(house, said);
        await using var body = await answer.Content.ReadAsStreamAsync();
        for (byte i = 0; i < 5; i++)
        {
            await said.SayAsync([0, 0, 0, 0, 1, i]);
            var heard = new byte[6];
            await body.ReadExactlyAsync(heard).AsTask().Patiently();
            Assert.Equal(i, heard[5]);
        }
        said.End();
        Assert.Equal(0, await body.ReadAsync(new byte[1]).Patiently());
        Assert.Equal("0", answer.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Equal(OutcomeResult.Succeeded, (await house.OutcomeAsync()).Result);
    }

    [Fact]
    public async Task A_refusal_of_gRPC_that_is_trailers_alone_arrives_as_its_status()
    {
        await using var server = await KestrelServer.StartAsync(
            http =>
            {
                http.Response.ContentType = "application/grpc";
                http.Response.Headers["grpc-status"] = "5";
                http.Response.Headers["grpc-message"] = "no such model";
                return Task.CompletedTask;
            },
            HttpProtocols.Http2);
        await using var house = await GatewayHouse.StartAsync(Over(server.In("r1")));
        using var content = new ByteArrayContent([0, 0, 0, 0, 0]);
        using var answer = await CallAsync(house, content);
        Assert.Equal("", await answer.Content.ReadAsStringAsync().Patiently());
        Assert.Equal("application/grpc", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("5", answer.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Equal("no such model", answer.TrailingHeaders.GetValues("grpc-message").Single());
    }

    private static Service Over(params Server[] servers) => Tables.Service([.. servers]) with { Protocol = ServerProtocol.Http2 };

    private static async Task EchoAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        await http.Response.WriteAsync(await reader.ReadToEndAsync());
    }

    private static Task<HttpResponseMessage> CallAsync(GatewayHouse house, HttpContent content)
    {
        content.Headers.ContentType = new("application/grpc");
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(house.Url, "/moderation.Judge/Judge"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TryAddWithoutValidation("TE", "trailers");
        return house.Caller.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).Patiently();
    }

    /// <summary>A body whose parts a test sends one by one.</summary>
    private sealed class TurnsContent : HttpContent
    {
        private readonly Channel<byte[]> _parts = Channel.CreateUnbounded<byte[]>();

        public ValueTask SayAsync(byte[] part) => _parts.Writer.WriteAsync(part);

        public void End() => _parts.Writer.Complete();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync();
            await foreach (var part in _parts.Reader.ReadAllAsync())
            {
                await stream.WriteAsync(part);
                await stream.FlushAsync();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
