using System.Net;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Answers before the answer: 1xx of servers, and who may ask a caller for its body.</summary>
public sealed class InterimTests
{
    private const string Hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 7\r\n\r\n";
    private const string Post = "POST /predict HTTP/1.1\r\nHost: any\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n";

    [Fact]
    public async Task They_pass_on_before_the_answer_with_what_is_end_to_end()
    {
        var go = new TaskCompletionSource();
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + Hints);
            await go.Task;
            await d.AnswerAsync(200, "fine");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("GET /predict HTTP/1.1\r\nHost: any\r\n\r\n");
        Assert.Equal("HTTP/1.1 102 Processing\r\n", await caller.ReadHeadAsync().Patiently());
        // 100 concerns a body that nobody offered.
        Assert.Equal("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n", await caller.ReadHeadAsync().Patiently());
        go.SetResult();
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal("fine", await caller.ReadAsync(4).Patiently());
        Assert.Equal((OutcomeResult.Succeeded, 200), (await house.OutcomeAsync() is var o ? (o.Result, o.Status) : default));
    }

    [Fact]
    public async Task HTTP_1_0_and_HTTP_2_get_the_answer_alone()
    {
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync(Hints);
            await d.AnswerAsync(200, "fine");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("GET /predict HTTP/1.0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadToEndAsync().Patiently(), StringComparison.Ordinal);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(house.Url, "/predict"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var answer = await house.Caller.SendAsync(request).Patiently();
        Assert.Equal("fine", await answer.Content.ReadAsStringAsync().Patiently());
    }

    [Fact]
    public async Task A_server_that_dies_after_one_is_replaced_and_one_that_sends_them_for_ever_is_broken()
    {
        await using var dying = new ScriptedServer(async d =>
        {
            await d.SendAsync(Hints);
            await d.CloseAsync();
        });
        await using var babbling = new ScriptedServer(async d =>
        {
            await d.SendAsync(string.Concat(Enumerable.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 65)));
            await d.WaitForOtherSideToLeaveAsync();
        });
        await using var good = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(dying.In("r1"), babbling.In("r2"), good.In("r3"));
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Get));
        Assert.Equal(
            [AttemptResult.Broken, AttemptResult.Broken, AttemptResult.Answered], (await house.OutcomeAsync()).Attempts.Select(a => a.Result));
    }

    [Theory]
    [InlineData(401)]
    [InlineData(413)]
    public async Task A_server_that_refuses_a_body_unseen_spares_the_caller_sending_it(int status)
    {
        await using var server = ScriptedServer.Refusing(status);
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Post);
        var answer = await caller.ReadToEndAsync().Patiently();
        Assert.StartsWith($"HTTP/1.1 {status}", answer, StringComparison.Ordinal);
        Assert.Contains("Connection: close\r\n", answer, StringComparison.Ordinal);
        Assert.Equal("100-continue", (await server.NextAsync()).Header("Expect"));
        Assert.Equal(OutcomeResult.CallerError, (await house.OutcomeAsync()).Result);
    }

    [Fact]
    public async Task The_body_comes_when_the_server_asks_for_it()
    {
        string? received = null;
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync("HTTP/1.1 100 Continue\r\n\r\n");
            received = await d.ReadBodyAsync();
            await d.AnswerAsync(200, "fine");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        for (var i = 0; i < 2; i++)
        {
            await caller.SendAsync(Post);
            Assert.Equal("HTTP/1.1 100 Continue\r\n", await caller.ReadHeadAsync().Patiently());
            await caller.SendAsync("onetwo");
            Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
            Assert.Equal("fine", await caller.ReadAsync(4).Patiently());
            Assert.Equal("onetwo", received);
        }
    }

    [Fact]
    public async Task A_server_that_knows_no_Expect_gets_the_body_after_a_second()
    {
        await using var server = new ScriptedServer(async d =>
        {
            var body = await d.ReadBodyAsync();
            await d.AnswerAsync(200, body);
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Post);
        await server.NextAsync();
        var head = caller.ReadHeadAsync();
        Assert.False(head.IsCompleted);
        Assert.Equal("HTTP/1.1 100 Continue\r\n", await house.WhileTimePassesAsync(head));
        await caller.SendAsync("onetwo");
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal("onetwo", await caller.ReadAsync(6).Patiently());
    }

    [Fact]
    public async Task A_server_that_fails_before_it_asks_for_the_body_leaves_it_to_the_next()
    {
        await using var busy = ScriptedServer.Refusing(503);
        string? received = null;
        await using var good = new ScriptedServer(async d =>
        {
            await d.SendAsync("HTTP/1.1 100 Continue\r\n\r\n");
            received = await d.ReadBodyAsync();
            await d.AnswerAsync(200, "fine");
        });
        var service = Tables.Service(busy.In("r1"), good.In("r2")) with { Retry = new RetryPolicy { ReplaySafe = true } };
        await using var house = await GatewayHouse.StartAsync(service);
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Post);
        Assert.Equal("HTTP/1.1 100 Continue\r\n", await caller.ReadHeadAsync().Patiently());
        await caller.SendAsync("onetwo");
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal("onetwo", received);
        Assert.Equal("100-continue", (await good.NextAsync()).Header("Expect"));
    }

    [Fact]
    public async Task A_server_that_fails_with_the_body_leaves_what_was_kept_to_the_next()
    {
        await using var bad = new ScriptedServer(async d =>
        {
            await d.SendAsync("HTTP/1.1 100 Continue\r\n\r\n");
            await d.ReadBodyAsync();
            await d.ResetAsync();
        });
        string? received = null;
        await using var good = new ScriptedServer(async d =>
        {
            received = await d.ReadBodyAsync();
            await d.AnswerAsync(200, "fine");
        });
        var service = Tables.Service(bad.In("r1"), good.In("r2")) with { Retry = new RetryPolicy { ReplaySafe = true } };
        await using var house = await GatewayHouse.StartAsync(service);
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Post);
        Assert.Equal("HTTP/1.1 100 Continue\r\n", await caller.ReadHeadAsync().Patiently());
        await caller.SendAsync("onetwo");
        // One 100 is enough: the caller is not asked again.
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal("onetwo", received);
        Assert.Null((await good.NextAsync()).Header("Expect"));
    }
}
