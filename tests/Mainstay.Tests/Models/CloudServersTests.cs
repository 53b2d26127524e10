using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Mainstay.Routing;
using Mainstay.Tests.Routing;
using Mainstay.Tests.Routing.Upstream.Protocols;
using static Mainstay.Tests.Models.ModelHouse;

namespace Mainstay.Tests.Models;

/// <summary>What callers of openai get of servers in a cloud that speak its APIs.</summary>
public sealed class CloudServersTests
{
    private const string Converse =
        """{"output":{"message":{"role":"assistant","content":[{"text":"hello"}]}},"stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}""";

    /// <summary>Clients fail over an answer without them, and Converse gives none.</summary>
    [Fact]
    public async Task A_whole_answer_of_Converse_has_an_id_a_model_and_a_time()
    {
        await using var server = Answering(Converse);
        await using var house = await GatewayHouse.StartAsync(Fast(Rock(server)));
        using var answer = await house.ChatAsync(stream: false);
        var json = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        AssertNamed(house, answer, json, "chat.completion");
        Assert.Equal("hello", (string?)json["choices"]![0]!["message"]!["content"]);
    }

    [Fact]
    public async Task Every_chunk_of_a_stream_of_Converse_has_them_and_they_stay()
    {
        byte[] events =
        [
            .. AwsScene.Event("messageStart", """{"role":"assistant"}"""),
            .. AwsScene.Event("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"text":"hel"}}"""),
            .. AwsScene.Event("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"text":"lo"}}"""),
            .. AwsScene.Event("messageStop", """{"stopReason":"end_turn"}"""),
            .. AwsScene.Event("metadata", """{"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"""),
        ];
        await using var server = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nContent-Length: {events.Length}\r\n\r\n");
            await delivery.SendAsync(events);
        });
        await using var house = await GatewayHouse.StartAsync(Fast(Rock(server)));
        using var answer = await house.ChatAsync(stream: true);
        var stream = await answer.Content.ReadAsStringAsync().Patiently();
        Assert.Equal("hello", TextOf(stream));
        List<string> data = [.. DataOf(stream)];
        Assert.Equal("[DONE]", data[^1]);
        Assert.True(data.Count > 3, stream);
        foreach (var chunk in data[..^1])
            AssertNamed(house, answer, JsonNode.Parse(chunk)!, "chat.completion.chunk");
    }

    /// <summary>SageMaker answers 424 whatever its container answered; what concerns the caller is the caller's.</summary>
    [Theory]
    [InlineData(400, "max_tokens is too large", "invalid_request_error")]
    [InlineData(422, "messages: field required", "invalid_request_error")]
    public async Task A_callers_mistake_inside_of_a_424_is_a_400_and_asked_of_no_one_else(int original, string message, string type)
    {
        await using var container = Answering(Framed(original, Error(message, "bad_value", type)), 424);
        await using var other = Answering(Whole("never"));
        await using var house = await GatewayHouse.StartAsync(Fast(Maker(container), other.In("r2")));
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal((message, type), ((string?)error["message"], (string?)error["type"]));
        Assert.Equal((1, 0), (container.Received, other.Received));
        Assert.Equal(OutcomeResult.CallerError, (await house.OutcomeAsync()).Result);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    public async Task A_failure_inside_of_a_424_is_served_elsewhere(int original)
    {
        await using var container = Answering(Framed(original, Error("CUDA out of memory", "server_error", "server_error")), 424);
        await using var other = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(Maker(container), other.In("r2")));
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal(Whole("hello"), await answer.Content.ReadAsStringAsync());
        Assert.True((await house.OutcomeAsync()).Rescued);
    }

    private static Server Rock(ScriptedServer server) =>
        server.In("r1") with { Ai = new ModelServer { Api = ModelApi.Bedrock, Model = "anthropic.claude-v1:0" } };

    private static Server Maker(ScriptedServer server) =>
        server.In("r1") with { Ai = new ModelServer { Api = ModelApi.SageMaker, Body = ModelApi.OpenAi, Endpoint = "chat-prod" } };

    /// <summary>A container's error as SageMaker's runtime frames it.</summary>
    private static string Framed(int original, string body) => new JsonObject
    {
        ["ErrorCode"] = "CLIENT_ERROR_FROM_MODEL",
        ["LogStreamArn"] = "arn:aws:logs:us-west-2:1:log-group:x",
        ["Message"] = $"Received error ({original}) from primary with message.",
        ["OriginalMessage"] = body,
        ["OriginalStatusCode"] = original,
    }.ToJsonString();

    private static void AssertNamed(GatewayHouse house, HttpResponseMessage answer, JsonNode json, string kind) => Assert.Equal(
        ("chatcmpl-" + answer.Headers.GetValues("X-Request-Id").Single(), "anthropic.claude-v1:0", kind, house.Clock.GetUtcNow().ToUnixTimeSeconds()),
        ((string?)json["id"], (string?)json["model"], (string?)json["object"], (long)json["created"]!));
}
