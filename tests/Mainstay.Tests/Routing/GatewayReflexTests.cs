using System.Globalization;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>How breakers, peers and Retry-After act on requests. Real sockets on both sides.</summary>
public sealed class GatewayReflexTests
{
    [Fact]
    public async Task A_group_of_one_that_is_down_answers_at_once_and_gets_one_try_after_each_hold()
    {
        var ill = true;
        await using var only = new ScriptedServer(d => ill ? d.ResetAsync() : d.AnswerAsync(200, "fine"));
        await using var house = await GatewayHouse.StartAsync(only.In("r1"));
        for (var i = 0; i < 10; i++)
            Assert.Equal(502, (await house.AskAsync(HttpMethod.Get)).Status);
        for (var i = 0; i < 20; i++)
            Assert.Equal(503, (await house.AskAsync(HttpMethod.Get)).Status);
        Assert.Equal(10, only.Received);

        house.Clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(502, (await house.AskAsync(HttpMethod.Get)).Status);
        using (var answer = await house.SendAsync(HttpMethod.Get))
        {
            Assert.Equal(503, (int)answer.StatusCode);
            // The second hold is two seconds: earlier nobody need ask.
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 2, 3);
        }
        Assert.Equal(11, only.Received);

        ill = false;
        house.Clock.Advance(TimeSpan.FromSeconds(2.2));
        for (var i = 0; i < 3; i++)
            Assert.Equal(200, (await house.AskAsync(HttpMethod.Get)).Status);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_group_of_one_that_answers_now_and_then_stays_in_use()
    {
        var asked = 0;
        await using var only = new ScriptedServer(d => ++asked % 4 == 0 ? d.AnswerAsync(200, "fine") : d.AnswerAsync(500, "ill"));
        await using var house = await GatewayHouse.StartAsync(only.In("r1"));
        for (var i = 0; i < 80; i++)
            await house.AskAsync(HttpMethod.Get);
        Assert.Equal(80, only.Received);
        Assert.True(house.Service.Servers[0].Forced > 0);
    }

    [Theory]
    [InlineData("20", 20)]
    [InlineData("900", 30)]
    [InlineData("Thu, 01 Jan 2026 00:00:07 GMT", 7)]
    public async Task A_server_that_asks_to_be_spared_gets_nothing_while_another_can_serve(string retryAfter, double seconds)
    {
        await using var tired = new ScriptedServer(d => d.SendAsync($"HTTP/1.1 503 Tired\r\nRetry-After: {retryAfter}\r\nContent-Length: 0\r\n\r\n"));
        await using var good = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(tired.In("r1"), good.In("r2"));
        Assert.Equal(200, (await house.AskAsync(HttpMethod.Get)).Status);
        house.Clock.Advance(TimeSpan.FromSeconds(seconds - 0.1));
        Assert.Equal(200, (await house.AskAsync(HttpMethod.Get)).Status);
        Assert.Equal(1, tired.Received);
        house.Clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(200, (await house.AskAsync(HttpMethod.Get)).Status);
        Assert.Equal(2, tired.Received);
    }

    [Fact]
    public async Task Too_many_requests_is_tried_elsewhere_and_blames_no_server()
    {
        await using var busy = new ScriptedServer(d => d.SendAsync("HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"));
        await using var good = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(busy.In("r1"), good.In("r2"));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Get));
            house.Clock.Advance(TimeSpan.FromSeconds(1));
        }
        var outcome = await house.OutcomeAsync();
        Assert.Equal([AttemptResult.Overloaded, AttemptResult.Answered], outcome.Attempts.Select(a => a.Result));
        Assert.False(outcome.Attempts[0].Failed);
        Assert.Equal(Hold.None, house.Service.Named(busy.Name).Breaker.Standing);
    }

    [Fact]
    public async Task Too_many_requests_that_nobody_else_can_serve_is_the_callers_answer()
    {
        await using var busy = new ScriptedServer(d => d.SendAsync("HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"));
        await using var gone = ScriptedServer.Refusing();
        await using var house = await GatewayHouse.StartAsync(busy.In("r1"), gone.In("r2"));
        house.Service.Named(gone.Name).Break();
        for (var i = 0; i < 3; i++)
        {
            using var answer = await house.SendAsync(HttpMethod.Get);
            Assert.Equal(429, (int)answer.StatusCode);
            Assert.Equal("1", answer.Headers.GetValues("Retry-After").Single());
            Assert.Equal(OutcomeResult.CallerError, (await house.OutcomeAsync()).Result);
        }
        Assert.Equal(3, busy.Received);
        Assert.Equal(Hold.None, house.Service.Named(busy.Name).Breaker.Standing);
    }

    [Fact]
    public async Task A_try_of_a_slow_server_is_judged_by_its_first_byte()
    {
        var wait = TimeSpan.FromMilliseconds(200);
        GatewayHouse? house = null;
        await using var slow = new ScriptedServer(async d =>
        {
            house!.Clock.Advance(wait);
            await d.AnswerAsync(200, "slow");
        });
        await using var good = ScriptedServer.Answering("fine");
        await using var started = house = await GatewayHouse.StartAsync(slow.In("r1"), good.In("r1"));
        var server = house.Service.Named(slow.Name);
        server.Breaker.Eject(TimeSpan.FromMilliseconds(30));
        for (var i = 0; i < 5; i++)
            Assert.Equal("fine", (await house.AskAsync(HttpMethod.Get)).Body);
        house.Clock.Advance(TimeSpan.FromSeconds(5.6));
        Assert.Equal("slow", await UntilServedBy(slow, house));
        Assert.InRange(server.Breaker.UntilTry().TotalSeconds, 8, 11);
        wait = TimeSpan.FromMilliseconds(5);
        house.Clock.Advance(TimeSpan.FromSeconds(11));
        for (var i = 0; i < 3; i++)
            Assert.Equal("slow", await UntilServedBy(slow, house));
        Assert.Equal(Hold.None, server.Breaker.Standing);
    }

    /// <summary>A try is due: as loads are equal, chance gives it to one of the next requests.</summary>
    private static async Task<string> UntilServedBy(ScriptedServer server, GatewayHouse house)
    {
        var before = server.Received;
        for (var i = 0; i < 60; i++)
        {
            var (_, body) = await house.AskAsync(HttpMethod.Get);
            if (server.Received > before)
                return body;
        }
        return string.Create(CultureInfo.InvariantCulture, $"never: {server.Received} received");
    }
}
