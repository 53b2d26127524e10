using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Which requests the gateway rescues, and which it must not send twice. Real sockets on both sides.</summary>
public sealed class GatewayTests
{
    public static TheoryData<string, AttemptResult> Deaths => new()
    {
        { "refuse", AttemptResult.NotReached },
        { "close before answering", AttemptResult.Broken },
        { "reset", AttemptResult.Broken },
        { "close in the head", AttemptResult.Broken },
        { "close before the body", AttemptResult.Broken },
        { "babble", AttemptResult.Broken },
        { "503", AttemptResult.ServerError },
    };

    [Theory]
    [MemberData(nameof(Deaths))]
    public async Task A_get_that_a_server_fails_is_answered_by_another_region_unseen(string death, AttemptResult expected)
    {
        await using var bad = Dying(death);
        await using var good = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(bad.In("r1"), good.In("r2"));
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Get));
        var outcome = await house.OutcomeAsync();
        Assert.Equal(OutcomeResult.Succeeded, outcome.Result);
        Assert.True(outcome.Rescued);
        Assert.Equal(
            [(bad.Name, "r1", expected), (good.Name, "r2", AttemptResult.Answered)],
            outcome.Attempts.Select(a => (a.Server, a.Region, a.Result)));
        Assert.Equal(expected == AttemptResult.ServerError ? 503 : 0, outcome.Attempts[0].Status);
        Assert.Equal(118, outcome.TableVersion);
        Assert.Equal(0, house.Outstanding);
    }

    [Theory]
    [MemberData(nameof(Deaths))]
    public async Task A_post_that_may_have_reached_a_server_is_not_sent_again(string death, AttemptResult result)
    {
        await using var bad = Dying(death);
        await using var good = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(bad.In("r1"), good.In("r2"));
        var (status, _) = await house.AskAsync(HttpMethod.Post, body: "pay once");
        var outcome = await house.OutcomeAsync();
        var surelyNotReached = result == AttemptResult.NotReached;
        Assert.Equal(surelyNotReached ? 200 : death == "503" ? 503 : 502, status);
        Assert.Equal(surelyNotReached ? 1 : 0, good.Received);
        Assert.Equal(surelyNotReached ? 0 : 1, bad.Received);
        Assert.Equal(surelyNotReached ? 2 : 1, outcome.Attempts.Length);
        Assert.Equal(surelyNotReached ? OutcomeResult.Succeeded : OutcomeResult.Failed, outcome.Result);
        Assert.Equal(result, outcome.Attempts[0].Result);
        Assert.Equal(0, house.Outstanding);
    }

    [Theory]
    [MemberData(nameof(Deaths))]
    public async Task A_post_that_says_it_may_be_repeated_is_sent_again_whole(string death, AttemptResult expected)
    {
        await using var bad = Dying(death);
        string? received = null;
        await using var good = new ScriptedServer(async d =>
        {
            received = await d.ReadBodyAsync();
            await d.AnswerAsync(200, "fine");
        });
        await using var house = await GatewayHouse.StartAsync(bad.In("r1"), good.In("r2"));
        var body = new string('x', 100_000) + "end";
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Post, body: body, headers: ("Idempotency-Key", "7")));
        Assert.Equal(body, received);
        Assert.Equal(expected, (await house.OutcomeAsync()).Attempts[0].Result);
    }

    [Fact]
    public async Task A_service_whose_requests_may_be_replayed_needs_no_key()
    {
        await using var bad = Dying("reset");
        await using var good = ScriptedServer.Answering("fine");
        var service = Tables.Service(bad.In("r1"), good.In("r2")) with { Retry = new RetryPolicy { ReplaySafe = true } };
        await using var house = await GatewayHouse.StartAsync(service);
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Post, body: "judge this"));
    }

    [Fact]
    public async Task A_kept_connection_that_the_server_closes_on_the_next_post_delivers_it_once()
    {
        var served = 0;
        await using var bad = new ScriptedServer(async d =>
        {
            await d.ReadBodyAsync();
            if (Interlocked.Increment(ref served) == 1)
                await d.AnswerAsync(200, "first");
            else
                await d.CloseAsync();
        });
        await using var house = await GatewayHouse.StartAsync(bad.In("r1"));
        Assert.Equal((200, "first"), await house.AskAsync(HttpMethod.Post, body: "one"));
        var (status, message) = await house.AskAsync(HttpMethod.Post, body: "two");
        Assert.Equal(502, status);
        Assert.Contains("Idempotency-Key", message, StringComparison.Ordinal);
        Assert.Equal(2, bad.Received);
        // Without a body it is the same rule.
        using var empty = await house.SendAsync(HttpMethod.Post);
        Assert.Equal(502, (int)empty.StatusCode);
        Assert.Equal(3, bad.Received);
    }

    [Fact]
    public async Task All_attempts_spent_the_last_answer_is_the_answer()
    {
        await using var a = ScriptedServer.Answering("a is ill", 503);
        await using var b = ScriptedServer.Answering("b is ill", 500);
        await using var house = await GatewayHouse.StartAsync(a.In("r1"), b.In("r2"));
        Assert.Equal((500, "b is ill"), await house.AskAsync(HttpMethod.Get));
        var outcome = await house.OutcomeAsync();
        Assert.Equal(OutcomeResult.Failed, outcome.Result);
        Assert.Equal(500, outcome.Status);
        Assert.Equal([503, 500], outcome.Attempts.Select(x => x.Status));
    }

    [Fact]
    public async Task No_more_attempts_than_the_service_allows()
    {
        await using var a = ScriptedServer.Answering("ill", 503);
        await using var b = ScriptedServer.Answering("ill", 503);
        await using var c = ScriptedServer.Answering("fine");
        var service = Tables.Service(a.In("r1"), b.In("r2"), c.In("r3")) with { Retry = new RetryPolicy { Attempts = 2 } };
        await using var house = await GatewayHouse.StartAsync(service);
        Assert.Equal((503, "ill"), await house.AskAsync(HttpMethod.Get));
        Assert.Equal(0, c.Received);
    }

    [Fact]
    public async Task Silence_up_to_the_first_byte_deadline_is_failed_over()
    {
        await using var silent = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var good = ScriptedServer.Answering("fine");
        var service = Tables.Service(silent.In("r1"), good.In("r2")) with
        {
            Timeouts = new Timeouts { FirstByte = TimeSpan.FromMilliseconds(500) },
        };
        await using var house = await GatewayHouse.StartAsync(service);
        var answer = house.AskAsync(HttpMethod.Get);
        await silent.NextAsync();
        await house.Clock.WhenArmedAsync(TimeSpan.FromMilliseconds(500)).Patiently();
        house.Clock.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal((200, "fine"), await answer.Patiently());
        var attempt = (await house.OutcomeAsync()).Attempts[0];
        Assert.Equal(AttemptResult.FirstByteTimeout, attempt.Result);
        Assert.Equal(TimeSpan.FromMilliseconds(500), attempt.FirstByte);
    }

    [Fact]
    public async Task Silence_after_a_post_is_a_504_and_no_second_server_sees_it()
    {
        await using var silent = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var good = ScriptedServer.Answering("fine");
        var service = Tables.Service(silent.In("r1"), good.In("r2")) with
        {
            Timeouts = new Timeouts { FirstByte = TimeSpan.FromMilliseconds(500) },
        };
        await using var house = await GatewayHouse.StartAsync(service);
        var answer = house.AskAsync(HttpMethod.Post, body: "pay once");
        await silent.NextAsync();
        Assert.Equal(504, (await house.WhileTimePassesAsync(answer)).Status);
        Assert.Equal(0, good.Received);
    }

    [Fact]
    public async Task The_total_deadline_ends_everything_with_a_504()
    {
        await using var silent = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var good = ScriptedServer.Answering("fine");
        var service = Tables.Service(silent.In("r1"), good.In("r2")) with
        {
            Timeouts = new Timeouts { Total = TimeSpan.FromSeconds(5) },
        };
        await using var house = await GatewayHouse.StartAsync(service);
        var answer = house.AskAsync(HttpMethod.Get);
        await silent.NextAsync();
        house.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(504, (await answer.Patiently()).Status);
        Assert.Equal(AttemptResult.TotalTimeout, (await house.OutcomeAsync()).Attempts.Single().Result);
        Assert.Equal(0, good.Received);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_body_over_the_replay_limit_arrives_whole_and_is_sent_once()
    {
        string? received = null;
        await using var bad = new ScriptedServer(async d =>
        {
            received = await d.ReadBodyAsync();
            await d.ResetAsync();
        });
        await using var good = ScriptedServer.Answering("fine");
        var service = Tables.Service(bad.In("r1"), good.In("r2")) with { Retry = new RetryPolicy { ReplaySafe = true, ReplayLimit = 1000 } };
        await using var house = await GatewayHouse.StartAsync(service);
        var body = new string('x', 50_000);
        Assert.Equal(502, (await house.AskAsync(HttpMethod.Post, body: body)).Status);
        Assert.Equal(body, received);
        Assert.Equal(0, good.Received);
        Assert.Single((await house.OutcomeAsync()).Attempts);
    }

    [Fact]
    public async Task No_service_is_a_404_that_names_what_was_asked_for()
    {
        await using var good = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(Tables.Service(good.In("r1")) with { PathPrefix = "/moderation" });
        var (status, body) = await house.AskAsync(HttpMethod.Get, "/other?x=%22");
        Assert.Equal(404, status);
        using var json = System.Text.Json.JsonDocument.Parse(body);
        Assert.Contains("/other?x=%22", json.RootElement.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, good.Received);
    }

    [Fact]
    public async Task A_service_without_servers_answers_503_or_what_was_written_for_it()
    {
        await using var none = await GatewayHouse.StartAsync(Tables.Service());
        Assert.Equal(503, (await none.AskAsync(HttpMethod.Get)).Status);
        await using var written = await GatewayHouse.StartAsync(Tables.Service() with { AnswerWhenDown = """{"label":"unknown"}""" });
        Assert.Equal((200, """{"label":"unknown"}"""), await written.AskAsync(HttpMethod.Get));
        Assert.Equal(OutcomeResult.Succeeded, (await written.OutcomeAsync()).Result);
    }

    private static ScriptedServer Dying(string how) => how switch
    {
        "refuse" => ScriptedServer.Refusing(),
        "503" => ScriptedServer.Answering("ill", 503),
        _ => new ScriptedServer(async d =>
        {
            await d.ReadBodyAsync();
            if (how == "close in the head")
                await d.SendAsync("HTTP/1.1 200 OK\r\nContent-Le");
            else if (how == "close before the body")
                await d.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
            else if (how == "babble")
                await d.SendAsync("\0\u0001 I am no HTTP server\r\n\r\n");
            await (how == "reset" ? d.ResetAsync() : d.CloseAsync());
        }),
    };
}
