using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Mainstay.Routing;
using Mainstay.Tests.Routing;
using static Mainstay.Tests.Models.ModelHouse;

namespace Mainstay.Tests.Models;

/// <summary>What servers are asked when an answer goes on elsewhere, and what that draws on.</summary>
public sealed class GoingOnTests
{
    [Theory]
    [InlineData(",\"max_tokens\":10,\"max_completion_tokens\": 12", "\"max_tokens\":8,\"max_completion_tokens\": 10")]
    [InlineData(",\"max_tokens\":2", "\"max_tokens\":1")]
    public async Task The_rest_of_an_answer_may_have_as_many_tokens_less_as_were_sent(string asked, string wanted)
    {
        var body = "";
        await using var cut = CutAfter(Role, Text("The quick "), Text("brown "));
        await using var other = new ScriptedServer(async delivery =>
        {
            body = await delivery.ReadBodyAsync();
            await delivery.SendAsync(StreamHead);
            await delivery.SendChunkAsync(Role + Text("fox") + Text("", "stop") + Done);
            await delivery.SendChunkAsync("");
        });
        await using var house = await GatewayHouse.StartAsync(Fast(cut.In("r1"), other.In("r2")));
        using var answer = await house.ChatAsync(stream: true, asked);
        Assert.Equal("The quick brown fox", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
        Assert.Contains(wanted, body, StringComparison.Ordinal);
        Assert.Contains("continue_final_message", body, StringComparison.Ordinal);
    }

    /// <summary>A server of anthropic goes on for callers of its own API and of openai, from a beginning that does not end with white space.</summary>
    [Theory]
    [InlineData(ModelApi.Anthropic, 10, 8)]
    [InlineData(ModelApi.Anthropic, 2, 1)]
    [InlineData(ModelApi.OpenAi, 10, 8)]
    [InlineData(ModelApi.OpenAi, 2, 1)]
    public async Task A_server_of_anthropic_is_asked_for_the_rest_alone(ModelApi callers, int asked, int wanted)
    {
        var bodies = new List<string>();
        await using var cut = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.SendAsync(StreamHead);
            await delivery.SendChunkAsync(Start + Delta("The quick") + Delta(" brown"));
            await delivery.ResetAsync();
        });
        await using var other = new ScriptedServer(async delivery =>
        {
            bodies.Add(await delivery.ReadBodyAsync());
            await delivery.SendAsync(StreamHead);
            await delivery.SendChunkAsync(Start + Delta(" fox") + Stop);
            await delivery.SendChunkAsync("");
        });
        Server[] servers = [cut.In("r1"), other.In("r2")];
        await using var house = await GatewayHouse.StartAsync(
            Fast([.. servers.Select(s => s with { Ai = new ModelServer { Api = ModelApi.Anthropic, Model = "m" } })]) with { Api = callers });
        using var content = new StringContent(
            $$"""{"model":"fast","stream":true,"max_tokens":{{asked}},"messages":[{"role":"user","content":"hi"}]}""", Encoding.UTF8, "application/json");
        using var answer = await house.Caller.PostAsync(new Uri(house.Url, callers == ModelApi.OpenAi ? "/v1/chat/completions" : "/v1/messages"), content).Patiently();
        var text = await answer.Content.ReadAsStringAsync().Patiently();
        Assert.Equal("The quick brown fox", callers == ModelApi.OpenAi ? TextOf(text) : string.Concat(
            DataOf(text).Select(d => JsonNode.Parse(d)!).Where(e => (string?)e["type"] == "content_block_delta").Select(e => (string?)e["delta"]!["text"])));
        var sent = JsonNode.Parse(Assert.Single(bodies))!;
        Assert.Equal((wanted, "assistant"), ((int)sent["max_tokens"]!, (string)sent["messages"]![1]!["role"]!));
    }

    /// <summary>What is deployed behind a name is not known: with continue: same nothing goes on there, unless both say the same model.</summary>
    [Theory]
    [InlineData(null, ContinuePolicy.Same, 0)]
    [InlineData("llama", ContinuePolicy.Same, 1)]
    [InlineData(null, ContinuePolicy.Any, 1)]
    public async Task A_server_without_a_model_of_its_own_has_another_model(string? model, ContinuePolicy policy, int received)
    {
        await using var cut = CutAfter(Role, Text("The quick "), Text("brown "));
        await using var other = Answering(Error("no", "server_error", "server_error"), 500);
        await using var house = await GatewayHouse.StartAsync(Fast(
            cut.In("r1").As(a => a with { Model = "llama" }),
            other.In("r2") with { Ai = new ModelServer { Api = ModelApi.SageMaker, Body = ModelApi.OpenAi, Endpoint = "chat-prod", Model = model } }) with
        {
            Continue = policy,
            Retry = new RetryPolicy { ReplaySafe = true, Attempts = 1 },
        });
        using var answer = await house.ChatAsync(stream: true);
        var reading = answer.Content.ReadAsStringAsync();
        // The clock of the test is quicker than a crowded machine: a server that is asked shall be asked before a deadline has passed.
        await Patience.UntilAsync(() => other.Received == received);
        Assert.Contains("answer_cut", await house.WhileTimePassesAsync(reading), StringComparison.Ordinal);
        Assert.Equal(received, other.Received);
    }

    private const string Start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"
        + "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";

    private const string Stop = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        + "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3}}\n\n"
        + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    private static string Delta(string text) =>
        $"event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n";

    [Fact]
    public async Task A_server_that_is_asked_anew_may_say_all_of_it()
    {
        var body = "";
        await using var cut = CutAfter(Role, Text("The quick "), Text("brown "));
        await using var other = new ScriptedServer(async delivery =>
        {
            body = await delivery.ReadBodyAsync();
            await delivery.SendAsync(StreamHead);
            await delivery.SendChunkAsync(Role + Text("The quick brown fox") + Text("", "stop") + Done);
            await delivery.SendChunkAsync("");
        });
        await using var house = await GatewayHouse.StartAsync(Fast(cut.In("r1"), other.In("r2").As(a => a with { Prefill = false })));
        using var answer = await house.ChatAsync(stream: true, ",\"max_tokens\":10");
        Assert.Equal("The quick brown fox", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
        Assert.Contains("\"max_tokens\":10", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_key_is_said_as_what_it_is_and_draws_on_no_budget()
    {
        await using var never = Answering(Whole("never"));
        await using var server = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(never.In("r1").As(a => a with { KeyEnv = "MAINSTAY_TEST_NO_SUCH_KEY" }), server.In("r2")));
        var service = house.Service;
        while (service.Retries.TrySpend(service.Spec.Retry.Budget))
        {
            // Until nothing is left.
        }
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var outcome = await house.OutcomeAsync();
        Assert.Equal(0, never.Received);
        const string Said = "cannot be asked: the environment variable MAINSTAY_TEST_NO_SUCH_KEY (key_env) is not set: set it where Mainstay starts";
        Assert.Equal((Said, Said), (outcome.Attempts[0].Why, service.Servers[0].LockedOut));
    }
}
