using System.Net;
using Mainstay.Routing;
using Mainstay.Tests.Routing;
using static Mainstay.Tests.Models.ModelHouse;

namespace Mainstay.Tests.Models;

/// <summary>What a caller of a model gets, whatever its servers do.</summary>
public sealed class ModelGatewayTests
{
    [Fact]
    public async Task A_stream_goes_through_byte_for_byte()
    {
        string[] events = [Role, Text("Grüße, "), ": a comment\n\n", Text("Welt 😀"), Text("", "stop"), Done];
        await using var server = Streaming(events);
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1")));
        using var answer = await house.ChatAsync(stream: true);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
        var body = await answer.Content.ReadAsStringAsync().Patiently();
        Assert.Equal(string.Concat(events.Where(e => !e.StartsWith(':'))), body);
        var outcome = await house.OutcomeAsync();
        Assert.Equal((OutcomeResult.Succeeded, "chat/fast"), (outcome.Result, outcome.Service));
    }

    [Fact]
    public async Task A_stream_of_responses_ends_with_its_own_last_event()
    {
        string[] events =
        [
            Event("response.created", """ "response":{"id":"r1","model":"m","status":"in_progress"} """),
            Event("response.output_text.delta", """ "delta":"whole" """),
            Event("response.completed", """ "response":{"id":"r1","model":"m","status":"completed","usage":{"input_tokens":3,"output_tokens":1}} """),
        ];
        await using var server = Streaming(events);
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1")));
        using var body = new StringContent("""{"model":"fast","input":"hi","stream":true}""", System.Text.Encoding.UTF8, "application/json");
        using var answer = await house.Caller.PostAsync(new Uri(house.Url, "/v1/responses"), body).Patiently();
        Assert.Equal(string.Concat(events), await answer.Content.ReadAsStringAsync().Patiently());
        var outcome = await house.OutcomeAsync();
        Assert.Equal((OutcomeResult.Succeeded, new ModelUse("m", 3, 1)), (outcome.Result, outcome.Use));

        static string Event(string type, string rest) => $"event: {type}\ndata: {{\"type\":\"{type}\",{rest}}}\n\n";
    }

    [Fact]
    public async Task A_server_gets_its_own_name_of_the_model_and_its_own_key()
    {
        Environment.SetEnvironmentVariable("MODEL_GATEWAY_TEST_KEY", "sk-server");
        await using var server = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1").As(s => s with { Model = "llama-3-8b", KeyEnv = "MODEL_GATEWAY_TEST_KEY" })));
        house.Caller.DefaultRequestHeaders.Add("Authorization", "Bearer of-the-caller");
        using var answer = await house.ChatAsync(stream: false);
        var delivery = await server.NextAsync();
        Assert.Equal(("/chat/completions", "Bearer sk-server"), (delivery.Target, delivery.Header("Authorization")));
        Assert.DoesNotContain("of-the-caller", delivery.Head);
        Assert.Equal(Whole("hello"), await answer.Content.ReadAsStringAsync());
        Assert.Single(answer.Content.Headers.NonValidated["Content-Length"]);
        Assert.Equal(new ModelUse("llama-3-8b", 3, 2), (await house.OutcomeAsync()).Use);
    }

    [Fact]
    public async Task A_server_that_is_cut_before_the_first_token_is_not_noticed()
    {
        await using var bad = CutAfter(Role);
        await using var good = Streaming(Role, Text("whole"), Text("", "stop"), Done);
        await using var house = await GatewayHouse.StartAsync(Fast(bad.In("r1"), good.In("r2")));
        using var answer = await house.ChatAsync(stream: true);
        Assert.Equal(Role + Text("whole") + Text("", "stop") + Done, await answer.Content.ReadAsStringAsync().Patiently());
        Assert.True((await house.OutcomeAsync()).Rescued);
    }

    /// <summary>A server that dies with a thousand answers under way: more than the budget of ten seconds' requests.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_lost_with_its_server_is_taken_up_whatever_the_retry_budget_says(bool afterToken)
    {
        await using var dead = afterToken ? CutAfter(Role, Text("the beginning, ")) : CutAfter(Role);
        await using var good = Streaming(Role, Text(afterToken ? "and the end" : "the beginning, and the end"), Text("", "stop"), Done);
        await using var house = await GatewayHouse.StartAsync(Fast(dead.In("r1"), good.In("r2")));
        Spend(house.Service.Retries);
        using var answer = await house.ChatAsync(stream: true);
        Assert.Equal("the beginning, and the end", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
    }

    [Fact]
    public async Task What_a_server_refuses_is_tried_again_only_within_the_retry_budget()
    {
        await using var busy = Answering(Error("busy", "overloaded", "server_error"), 503);
        await using var good = Streaming(Role, Text("whole"), Text("", "stop"), Done);
        await using var house = await GatewayHouse.StartAsync(Fast(busy.In("r1"), good.In("r2")));
        Spend(house.Service.Retries);
        using var answer = await house.ChatAsync(stream: true);
        Assert.NotEqual(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task An_error_inside_of_a_200_is_no_answer()
    {
        await using var bad = Streaming("data: " + Error("the engine died", "server_error", "server_error") + "\n\n");
        await using var good = Streaming(Role, Text("whole"), Text("", "stop"), Done);
        await using var house = await GatewayHouse.StartAsync(Fast(bad.In("r1"), good.In("r2")));
        using var answer = await house.ChatAsync(stream: true);
        Assert.Equal("whole", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
    }

    [Fact]
    public async Task A_silent_server_costs_the_deadline_of_the_first_token()
    {
        await using var silent = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.SendAsync(StreamHead);
            await delivery.SendChunkAsync(": ping\n\n");
            await delivery.WaitForOtherSideToLeaveAsync();
        });
        await using var good = Streaming(Role, Text("whole"), Text("", "stop"), Done);
        await using var house = await GatewayHouse.StartAsync(Fast(silent.In("r1"), good.In("r2")));
        var asking = house.ChatAsync(stream: true);
        await silent.NextAsync();
        using var answer = await house.WhileTimePassesAsync(asking);
        Assert.Equal("whole", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
    }

    [Fact]
    public async Task A_cut_answer_goes_on_where_it_was_cut_by_prefill()
    {
        await using var cut = CutAfter(Role, Text("The quick "), Text("brown "));
        await using var other = Streaming(Role, Text("fox "), Text("jumps"), Text("", "stop"), Done);
        await using var house = await GatewayHouse.StartAsync(Fast(cut.In("r1"), other.In("r2")));
        using var answer = await house.ChatAsync(stream: true);
        var body = await answer.Content.ReadAsStringAsync().Patiently();
        Assert.Equal("The quick brown fox jumps", TextOf(body));
        Assert.EndsWith(Done, body, StringComparison.Ordinal);
        Assert.Single(DataOf(body), d => d.Contains("\"role\"", StringComparison.Ordinal));
        Assert.Equal(OutcomeResult.Succeeded, (await house.OutcomeAsync()).Result);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_fallback_that_refuses_a_beginning_is_asked_anew()
    {
        await using var cut = CutAfter(Role, Text("The quick "), Text("brown "));
        var asked = 0;
        await using var other = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            if (Interlocked.Increment(ref asked) == 1)
            {
                var error = Error("the last message must be of the user", "invalid_request_error");
                await delivery.SendAsync($"HTTP/1.1 400 Bad\r\nContent-Length: {error.Length}\r\nContent-Type: application/json\r\n\r\n{error}");
                return;
            }
            await delivery.SendAsync(StreamHead);
            foreach (var e in new[] { Role, Text("The qui"), Text("ck brown fox"), Text("", "stop"), Done })
                await delivery.SendChunkAsync(e);
            await delivery.SendChunkAsync("");
        });
        await using var house = await GatewayHouse.StartAsync(Fast(cut.In("r1"), other.In("r2")));
        using var answer = await house.ChatAsync(stream: true);
        Assert.Equal("The quick brown fox", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
    }

    [Theory]
    [InlineData(ContinuePolicy.Never, "")]
    [InlineData(ContinuePolicy.Same, """,  "tools":[{"type":"function","function":{"name":"f"}}]""")]
    public async Task What_cannot_go_on_ends_with_one_error_and_never_as_if_it_were_whole(ContinuePolicy policy, string more)
    {
        await using var cut = CutAfter(Role, Text("The quick "));
        await using var other = Streaming(Role, Text("fox"), Text("", "stop"), Done);
        await using var house = await GatewayHouse.StartAsync(Fast(cut.In("r1"), other.In("r2")) with { Continue = policy });
        using var answer = await house.ChatAsync(stream: true, more);
        var body = await answer.Content.ReadAsStringAsync().Patiently();
        Assert.DoesNotContain("[DONE]", body);
        Assert.Single(DataOf(body), d => d.Contains("\"error\"", StringComparison.Ordinal));
        Assert.Equal(OutcomeResult.Failed, (await house.OutcomeAsync()).Result);
        Assert.Equal(0, other.Received);
    }

    [Fact]
    public async Task A_missing_end_is_written_once_the_answer_said_why_it_ends()
    {
        await using var server = Streaming(Role, Text("whole"), Text("", "stop"));
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1")));
        using var answer = await house.ChatAsync(stream: true);
        Assert.EndsWith(Done, await answer.Content.ReadAsStringAsync().Patiently(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_key_is_served_elsewhere_and_its_server_left_alone()
    {
        await using var refused = Answering(Error("Incorrect API key provided", "invalid_api_key"), 401);
        await using var good = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(refused.In("r1"), good.In("r2")));
        for (var i = 0; i < 5; i++)
        {
            using var answer = await house.ChatAsync(stream: false);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        Assert.Equal(1, refused.Received);
        Assert.NotNull(house.Service.Servers[0].LockedOut);
        Assert.False(house.Service.Servers[0].Breaker.IsOpen);
    }

    [Fact]
    public async Task A_callers_mistake_is_passed_on_as_it_is_and_tried_nowhere_else()
    {
        var error = Error("temperature must be at most 2", "invalid_value");
        await using var server = Answering(error, 400);
        await using var other = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1"), other.In("r2")));
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal((HttpStatusCode.BadRequest, error), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Equal(OutcomeResult.CallerError, (await house.OutcomeAsync()).Result);
        Assert.Equal(0, other.Received);
    }

    [Fact]
    public async Task What_is_too_long_goes_to_a_server_with_more_context()
    {
        await using var small = Answering(Error("This model's maximum context length is 10 tokens", "context_length_exceeded"), 400);
        await using var alike = Answering(Whole("never asked"));
        await using var large = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(
            small.In("r1").As(s => s with { Context = 1000 }), alike.In("r2").As(s => s with { Context = 1000 }),
            large.In("r3").As(s => s with { Context = 100_000 })));
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal((HttpStatusCode.OK, 0), (answer.StatusCode, alike.Received));
    }

    [Fact]
    public async Task When_everyone_is_limited_the_caller_hears_the_soonest_time()
    {
        await using var one = Answering(Error("slow down", "rate_limit_exceeded"), 429, "Retry-After: 20\r\n");
        await using var two = Answering(Error("slow down", "rate_limit_exceeded"), 429, "Retry-After: 7\r\n");
        await using var house = await GatewayHouse.StartAsync(Fast(one.In("r1"), two.In("r2")));
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal((HttpStatusCode.TooManyRequests, "7"), (answer.StatusCode, answer.Headers.GetValues("Retry-After").Single()));
        Assert.Equal((1, 1), (one.Received, two.Received));
    }

    [Fact]
    public async Task A_server_that_fails_once_is_asked_again_when_there_is_no_other()
    {
        var asked = 0;
        await using var server = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.AnswerAsync(Interlocked.Increment(ref asked) == 1 ? 500 : 200, Whole("hello"));
        });
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1")));
        var asking = house.ChatAsync(stream: false);
        await server.NextAsync();
        using var answer = await house.WhileTimePassesAsync(asking);
        Assert.Equal((HttpStatusCode.OK, 2), (answer.StatusCode, server.Received));
    }

    [Theory]
    [InlineData(1 << 20, "longer than 1 MiB")]
    [InlineData(3 << 10, "longer than 3 KiB")]
    public async Task A_body_beyond_the_ceiling_is_refused_with_its_size(int most, string said)
    {
        await using var server = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1")) with { LongestBody = most });
        using (var good = await house.ChatAsync(stream: false, $",\"user\":\"{new string('x', most / 2)}\""))
            Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        using var answer = await house.ChatAsync(stream: false, $",\"user\":\"{new string('x', most)}\"");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.Contains(said, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(1, server.Received);
    }

    [Fact]
    public async Task An_unknown_model_is_told_which_there_are()
    {
        await using var server = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1")));
        using var answer = await house.ChatAsync(stream: false, model: "gpt-9");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("There is: fast.", await answer.Content.ReadAsStringAsync());
        using var list = await house.Caller.GetAsync(new Uri(house.Url, "/v1/models"));
        Assert.Contains("\"id\":\"fast\"", await list.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_caller_that_leaves_ends_the_attempt()
    {
        await using var server = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.SendAsync(StreamHead);
            await delivery.SendChunkAsync(Text("hello"));
            await delivery.WaitForOtherSideToLeaveAsync();
        });
        await using var house = await GatewayHouse.StartAsync(Fast(server.In("r1")));
        using (await house.ChatAsync(stream: true))
            await server.NextAsync();
        Assert.Equal(OutcomeResult.CallerLeft, (await house.OutcomeAsync()).Result);
        Assert.Equal(0, house.Outstanding);
    }

    /// <summary>So that the next request's own share of it is not enough for a retry.</summary>
    private static void Spend(RetryBudget budget)
    {
        for (var i = 0; i < 5; i++)
            budget.NoteRequest();
        while (budget.TrySpend(1))
        {
        }
    }
}
