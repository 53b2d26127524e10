using System.Net.Sockets;
using System.Threading.Channels;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Answers and bodies that flow, and break while they flow. Real sockets on both sides.</summary>
public sealed class GatewayStreamTests
{
    [Fact]
    public async Task Chunks_pass_one_by_one_as_they_come()
    {
        var words = Channel.CreateUnbounded<string>();
        await using var server = new ScriptedServer(async d =>
        {
            await d.StartChunksAsync();
            await foreach (var word in words.Reader.ReadAllAsync())
                await d.SendChunkAsync(word);
            await d.SendChunkAsync("");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        // Each word is sent only after the one before it has arrived: a gateway that buffers would stand still for ever.
        words.Writer.TryWrite("one ");
        using var answer = await house.SendAsync(HttpMethod.Get);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        Assert.Equal("one ", await ReadAsync(stream));
        words.Writer.TryWrite("two ");
        Assert.Equal("two ", await ReadAsync(stream));
        words.Writer.TryWrite("three");
        Assert.Equal("three", await ReadAsync(stream));
        words.Writer.Complete();
        Assert.Equal("", await ReadAsync(stream));
        Assert.Equal(OutcomeResult.Succeeded, (await house.OutcomeAsync()).Result);
    }

    [Fact]
    public async Task A_server_may_answer_before_the_first_byte_of_the_body_comes()
    {
        await using var server = new ScriptedServer(async d =>
        {
            await d.StartChunksAsync();
            await d.SendChunkAsync("hello ");
            await d.SendChunkAsync(await d.ReadChunkAsync());
            await d.SendChunkAsync("");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("POST /talk HTTP/1.1\r\nHost: any\r\nTransfer-Encoding: chunked\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal("6\r\nhello \r\n", await caller.ReadAsync(11).Patiently());
        await caller.SendAsync("3\r\none\r\n");
        Assert.Equal("3\r\none\r\n", await caller.ReadAsync(8).Patiently());
        await caller.SendAsync("0\r\n\r\n");
    }

    [Fact]
    public async Task A_request_body_passes_chunk_by_chunk_as_it_comes()
    {
        var seen = Channel.CreateUnbounded<string>();
        await using var server = new ScriptedServer(async d =>
        {
            while (await d.ReadChunkAsync() is { Length: > 0 } chunk)
                seen.Writer.TryWrite(chunk);
            await d.AnswerAsync(200, "fine");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("POST /predict HTTP/1.1\r\nHost: any\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        Assert.Equal("one", await seen.Reader.ReadAsync().Patiently());
        await caller.SendAsync("3\r\ntwo\r\n");
        Assert.Equal("two", await seen.Reader.ReadAsync().Patiently());
        await caller.SendAsync("0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf \r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf \r\n5\r\nwo")]
    public async Task A_cut_answer_never_looks_whole(string half)
    {
        await using var cutting = new ScriptedServer(async d =>
        {
            await d.SendAsync(half);
            await d.CloseAsync();
        });
        await using var other = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(cutting.In("r1"), other.In("r2"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("GET /predict HTTP/1.1\r\nHost: any\r\n\r\n");
        var received = "";
        try
        {
            received = await caller.ReadToEndAsync().Patiently();
        }
        catch (SocketException)
        {
            // A reset is as clear.
        }
        // Neither the declared length nor the last chunk of a whole answer.
        Assert.DoesNotContain("\r\n0\r\n", received, StringComparison.Ordinal);
        Assert.DoesNotMatch("half .{5}", received);
        var outcome = await house.OutcomeAsync();
        Assert.Equal(OutcomeResult.Failed, outcome.Result);
        Assert.Equal(AttemptResult.Truncated, outcome.Attempts.Single().Result);
        Assert.Equal(0, other.Received);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task An_answer_that_stalls_is_cut_after_the_idle_deadline()
    {
        await using var stalling = new ScriptedServer(async d =>
        {
            await d.StartChunksAsync();
            await d.SendChunkAsync("half");
            await d.WaitForOtherSideToLeaveAsync();
        });
        var service = Tables.Service(stalling.In("r1")) with { Timeouts = new Timeouts { Idle = TimeSpan.FromMilliseconds(400) } };
        await using var house = await GatewayHouse.StartAsync(service);
        using var answer = await house.SendAsync(HttpMethod.Get);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        Assert.Equal("half", await ReadAsync(stream));
        await house.Clock.WhenArmedAsync(TimeSpan.FromMilliseconds(400)).Patiently();
        house.Clock.Advance(TimeSpan.FromMilliseconds(400));
        await Assert.ThrowsAnyAsync<IOException>(() => ReadAsync(stream));
        Assert.Equal(AttemptResult.Stalled, (await house.OutcomeAsync()).Attempts.Single().Result);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_caller_that_leaves_takes_the_server_request_along_and_blames_nobody(bool whileStreaming)
    {
        var left = new TaskCompletionSource();
        await using var server = new ScriptedServer(async d =>
        {
            if (whileStreaming)
            {
                await d.StartChunksAsync();
                await d.SendChunkAsync("half");
            }
            try
            {
                await d.WaitForOtherSideToLeaveAsync();
            }
            finally
            {
                left.TrySetResult();
            }
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        await caller.SendAsync("GET /predict HTTP/1.1\r\nHost: any\r\n\r\n");
        await server.NextAsync();
        if (whileStreaming)
            Assert.NotNull(await caller.ReadHeadAsync().Patiently());
        Assert.Equal(1, house.Outstanding);
        caller.Reset();
        socket.Dispose();
        await left.Task.Patiently();
        var outcome = await house.OutcomeAsync();
        Assert.Equal(OutcomeResult.CallerLeft, outcome.Result);
        Assert.Equal(AttemptResult.CallerLeft, outcome.Attempts.Single().Result);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_body_that_breaks_its_own_rules_is_the_callers_fault_and_no_servers()
    {
        await using var a = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var b = ScriptedServer.Answering("fine");
        var service = Tables.Service(a.In("r1"), b.In("r2")) with { Retry = new RetryPolicy { ReplaySafe = true } };
        await using var house = await GatewayHouse.StartAsync(service);
        for (var i = 0; i < 6; i++)
        {
            var (socket, caller) = await house.ConnectAsync();
            using var _ = socket;
            await caller.SendAsync("POST /predict HTTP/1.1\r\nHost: any\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nzz\r\n");
            Assert.StartsWith("HTTP/1.1 400", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
            var outcome = await house.OutcomeAsync();
            Assert.NotEqual(OutcomeResult.Failed, outcome.Result);
            Assert.False(outcome.Attempts.Single().Failed);
        }
        Assert.False(house.Service.Named(a.Name).Breaker.IsOpen);
        Assert.Equal(0, b.Received);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task Header_fields_beyond_ASCII_pass_both_ways_byte_by_byte()
    {
        await using var server = new ScriptedServer(d => d.SendAsync(
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Author: Jos\u00e9 \u4e2d\r\n\r\nfine"));
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("GET /predict HTTP/1.1\r\nHost: any\r\nX-Customer: Caf\u00e9 \u4e2d\r\n\r\n");
        var head = await caller.ReadHeadAsync().Patiently();
        Assert.StartsWith("HTTP/1.1 200", head, StringComparison.Ordinal);
        Assert.Contains("X-Author: Jos\u00e9 \u4e2d\r\n", head, StringComparison.Ordinal);
        Assert.Equal("Caf\u00e9 \u4e2d", (await server.NextAsync()).Header("X-Customer"));
    }

    [Fact]
    public async Task A_header_field_that_cannot_go_on_is_a_502_and_costs_no_place_on_the_server()
    {
        await using var odd = new ScriptedServer(d =>
            d.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Bell: \u0007\r\nX-After: 1\r\n\r\nfine"));
        await using var house = await GatewayHouse.StartAsync(odd.In("r1"));
        using var answer = await house.SendAsync(HttpMethod.Get);
        Assert.Equal(502, (int)answer.StatusCode);
        Assert.Single(answer.Headers.GetValues("X-Request-Id"));
        var outcome = await house.OutcomeAsync();
        Assert.Equal(OutcomeResult.Failed, outcome.Result);
        Assert.Equal(AttemptResult.Broken, outcome.Attempts.Single().Result);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_503_that_comes_before_the_body_was_read_leaves_the_body_whole_for_the_next()
    {
        await using var hasty = new ScriptedServer(async d =>
        {
            await d.AnswerAsync(503, "busy");
            await d.WaitForOtherSideToLeaveAsync();
        });
        string? received = null;
        await using var good = new ScriptedServer(async d =>
        {
            received = await d.ReadBodyAsync();
            await d.AnswerAsync(200, "fine");
        });
        var service = Tables.Service(hasty.In("r1"), good.In("r2")) with { Retry = new RetryPolicy { ReplaySafe = true } };
        await using var house = await GatewayHouse.StartAsync(service);
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("POST /predict HTTP/1.1\r\nHost: any\r\nContent-Length: 6\r\n\r\none");
        await hasty.NextAsync();
        await caller.SendAsync("two");
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal("onetwo", received);
        Assert.Equal(AttemptResult.ServerError, (await house.OutcomeAsync()).Attempts[0].Result);
    }

    [Fact]
    public async Task An_answer_that_begins_before_the_body_ends_arrives_whole()
    {
        await using var eager = new ScriptedServer(async d =>
        {
            await d.StartChunksAsync();
            await d.SendChunkAsync("early ");
            await d.ReadBodyAsync();
            await d.SendChunkAsync("late");
            await d.SendChunkAsync("");
        });
        var service = Tables.Service(eager.In("r1")) with { Timeouts = new Timeouts { FirstByte = TimeSpan.FromSeconds(1) } };
        await using var house = await GatewayHouse.StartAsync(service);
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("POST /predict HTTP/1.1\r\nHost: any\r\nConnection: close\r\nContent-Length: 6\r\n\r\none");
        await eager.NextAsync();
        await caller.SendAsync("two");
        var answer = await caller.ReadToEndAsync().Patiently();
        Assert.Contains("early ", answer, StringComparison.Ordinal);
        Assert.EndsWith("late\r\n0\r\n\r\n", answer, StringComparison.Ordinal);
        Assert.Equal(OutcomeResult.Succeeded, (await house.OutcomeAsync()).Result);
    }

    [Theory]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200)]
    [InlineData("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204)]
    [InlineData("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n", 304)]
    [InlineData("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200)]
    [InlineData("GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200)]
    [InlineData("GET", "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", 302)]
    public async Task Answers_without_a_body_pass_as_they_are(string method, string raw, int status)
    {
        await using var server = new ScriptedServer(d => d.SendAsync(raw));
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        for (var i = 0; i < 2; i++)
        {
            using var answer = await house.SendAsync(new HttpMethod(method));
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Equal(raw.Contains("Location", StringComparison.Ordinal), answer.Headers.Location is not null);
            if (method == "HEAD")
                Assert.Equal(5, answer.Content.Headers.ContentLength);
            Assert.Equal("", await answer.Content.ReadAsStringAsync().Patiently());
            Assert.Equal(OutcomeResult.Succeeded, (await house.OutcomeAsync()).Result);
        }
    }

    [Fact]
    public async Task Errors_that_blame_the_caller_pass_and_count_against_no_server()
    {
        await using var server = ScriptedServer.Answering("no such thing", 404);
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        for (var i = 0; i < 30; i++)
        {
            Assert.Equal((404, "no such thing"), await house.AskAsync(HttpMethod.Get));
            Assert.Equal(OutcomeResult.CallerError, (await house.OutcomeAsync()).Result);
        }
        Assert.False(house.Service.Servers[0].Breaker.IsOpen);
    }

    [Fact]
    public async Task What_the_server_sees_is_what_the_caller_sent_less_the_prefix_and_the_hop()
    {
        await using var server = ScriptedServer.Answering("fine");
        var service = Tables.Service(server.In("r1") with { Url = new Uri($"http://{server.Name}/base") }) with
        {
            PathPrefix = "/moderation",
            Strip = true,
            CustomerHeader = "X-Customer",
        };
        await using var house = await GatewayHouse.StartAsync(service);
        var (status, _) = await house.AskAsync(
            HttpMethod.Get, "/moderation/a%2Fb/?q=%20x&y", null,
            ("X-Customer", "acme"), ("Connection", "X-Hop"), ("X-Hop", "1"), ("X-Forwarded-For", "198.51.100.7"), ("Accept", "a/b, c/d"));
        Assert.Equal(200, status);
        var delivery = await server.NextAsync();
        Assert.Equal("/base/a%2Fb/?q=%20x&y", delivery.Target);
        Assert.Equal(server.Name, delivery.Header("Host"));
        Assert.Equal("acme", delivery.Header("X-Customer"));
        Assert.Equal("a/b, c/d", delivery.Header("Accept"));
        Assert.Null(delivery.Header("X-Hop"));
        Assert.Equal("198.51.100.7, 127.0.0.1", delivery.Header("X-Forwarded-For"));
        Assert.Equal($"127.0.0.1:{house.Url.Port}", delivery.Header("X-Forwarded-Host"));
        var outcome = await house.OutcomeAsync();
        Assert.Equal("acme", outcome.Customer);
        Assert.Equal("moderation", outcome.Service);
    }

    private static async Task<string> ReadAsync(Stream stream)
    {
        var buffer = new byte[1024];
        return System.Text.Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer).Patiently());
    }
}
