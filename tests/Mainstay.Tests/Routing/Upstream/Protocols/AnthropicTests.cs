using System.Buffers;
using System.Text.Json;
using FsCheck.Fluent;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class AnthropicTests
{
    /// <summary>A stream with text, thought and two tool calls.</summary>
    public const string Message = """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":1}}}

        event: content_block_start
        data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

        event: ping
        data: {"type": "ping"}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":", \u00e9"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":0}

        event: content_block_start
        data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"1}"}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":1}

        event: content_block_start
        data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{}}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":2}

        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":15}}

        event: message_stop
        data: {"type":"message_stop"}


        """;

    private const string Hello = """{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}""";

    private readonly Anthropic _api = new();

    [Fact]
    public void Reads_a_stream_and_passes_its_bytes_on_as_they_came()
    {
        Property.Holds(Gen.Choose(1, Message.Length), piece =>
            Told.Written(_api, Told.Parts(_api.ReadStream(Ask()), Message, piece), Ask(), new StreamNames()) == Message, cases: 300);
        var reader = _api.ReadStream(Ask());
        var parts = Told.Parts(reader, Message);
        Assert.Equal(
            [
                "Empty 125+1", "Empty", "Empty", "Text Hello", "Text , é", "Empty", "Tool", "Tool {\"a\":", "Tool 1}", "Empty", "Tool", "Tool {}",
                "End Tools 125+15", "Done",
            ],
            parts.Select(OpenAiStreamTests.Meaning));
        Assert.Equal([true, true, false], parts.Take(3).Select(p => p.IsFrame));
        Assert.Equal([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2], parts.Take(12).Select(p => p.Block));
        Assert.Equal([0, 0, 0, 1, 1], parts.Where(p => p.Kind == PartKind.Tool).Select(p => p.ToolIndex));
        Assert.Equal(("msg_1", "claude-x"), (reader.Names.Id, reader.Names.Model));
    }

    [Theory]
    [InlineData("""{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}""", "Empty")]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}""", "Thought hm")]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}""", "Empty")]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"y","text":"z"}}}""", "Tool")]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}""", "Empty")]
    [InlineData("""{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search"}}""", "Tool")]
    [InlineData("""{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}""", "End Stop 0+3")]
    [InlineData("""{"type":"message_delta","delta":{"stop_reason":"stop_sequence"},"usage":{"input_tokens":7,"output_tokens":3}}""", "End Stop 7+3")]
    [InlineData("""{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":3}}""", "End Length 0+3")]
    [InlineData("""{"type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":3}}""", "End Filter 0+3")]
    [InlineData("""{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""", "Error Busy")]
    [InlineData("""{"type":"error","error":{"type":"api_error","message":"Internal server error"}}""", "Error Failed")]
    [InlineData("""{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}""", "Error Limited")]
    [InlineData("""{"type":"something_new","x":1}""", "Empty")]
    [InlineData("""{"x":1}""", "Malformed")]
    [InlineData("""{"type":"ping" """, "Malformed")]
    [InlineData("nonsense", "Malformed")]
    [InlineData("", "Malformed")]
    public void Reads_events(string data, string meaning) =>
        Assert.Equal(meaning, OpenAiStreamTests.Meaning(Assert.Single(Told.Parts(_api.ReadStream(Ask()), $"data: {data}\n\n"))));

    [Fact]
    public void A_part_can_be_written_with_other_text()
    {
        var text = Told.Parts(_api.ReadStream(Ask()), Message).First(p => p.Kind == PartKind.Text);
        Assert.Equal(
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"lo\\n\"}}\n\n",
            Told.Written(_api, [text.WithText("lo\n")], Ask(), new StreamNames()));
    }

    [Fact]
    public void An_answer_that_went_on_elsewhere_is_ended_whole()
    {
        var end = Told.Parts(_api.ReadStream(Ask()), Message).Single(p => p.Kind == PartKind.End) with { Finish = FinishReason.Stop };
        var written = Told.Written(_api, [end.WithText("lo"), new AnswerPart(PartKind.Done) { Api = ModelApi.Anthropic }], Ask(), new StreamNames());
        Assert.Equal(
            """
            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":0}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}

            event: message_stop
            data: {"type":"message_stop"}


            """, written);
    }

    [Theory]
    [InlineData("http://10.0.0.1", "/messages", "/v1/messages")]
    [InlineData("http://10.0.0.1/v1", "/v1/messages", "/messages")]
    [InlineData("http://10.0.0.1/anthropic/", "/v1/messages", "/v1/messages")]
    public void The_own_body_goes_on_with_key_and_version(string url, string path, string target)
    {
        var request = _api.Read(path, Hello);
        request.Query = "?beta=true";
        var composed = _api.Compose(request, Told.Server(new ModelServer { Model = "claude" }, url), "secret", null, out _)!;
        Assert.Equal(Hello.Replace("fast", "claude", StringComparison.Ordinal), Told.Text(composed.Body));
        Assert.Equal(target + "?beta=true", composed.Target);
        Assert.Contains(("x-api-key", "secret"), composed.Fields);
        Assert.Contains(("anthropic-version", "2023-06-01"), composed.Fields);
        request.Fields = [("Anthropic-Version", "2024-01-01")];
        Assert.DoesNotContain(_api.Compose(request, Told.Server(), null, null, out _)!.Fields, f => f.Name == "anthropic-version");
    }

    [Fact]
    public void A_beginning_becomes_the_last_message_or_the_end_of_the_callers_own()
    {
        var asked = _api.Compose(_api.Read("/messages", Hello), Told.Server(), null, "We\n\"ll", out _)!;
        Assert.EndsWith("""{"role":"user","content":"Hello"},{"role":"assistant","content":"We\n\"ll"}]}""", Told.Text(asked.Body), StringComparison.Ordinal);
        var begun = _api.Read("/messages", """{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"We"}]}""");
        Assert.EndsWith("""{"role":"assistant","content":"Well"}]}""", Told.Text(_api.Compose(begun, Told.Server(), null, "ll", out _)!.Body), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ends in a space ")]
    [InlineData("ends in a line\n")]
    [InlineData("")]
    public void A_beginning_that_the_API_refuses_is_not_sent(string begun)
    {
        Assert.Null(_api.Compose(_api.Read("/messages", Hello), Told.Server(), null, begun, out var fault));
        Assert.NotNull(fault);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("\"tools\":[{\"name\":\"f\"}],", false)]
    [InlineData("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},", false)]
    [InlineData("\"thinking\":{\"type\":\"disabled\"},", true)]
    [InlineData("\"output_config\":{\"format\":{\"type\":\"json_schema\"}},", false)]
    [InlineData("\"system\":\"Be brief\",\"stop_sequences\":[\"x\"],\"top_k\":5,", true)]
    public void Is_gone_on_from_only_if_it_is_plain_text(string fields, bool isContinuable) => Assert.Equal(
        isContinuable, _api.Read("/messages", $$"""{{{fields}}"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}""").IsContinuable);

    [Theory]
    [InlineData("{}", "model")]
    [InlineData("""{"model":"m"}""", "messages")]
    [InlineData("""{"model":"m","messages":[]}""", "max_tokens")]
    [InlineData("""{"model":"m","messages":{},"max_tokens":5}""", "messages")]
    [InlineData("nonsense", null)]
    public void Says_what_is_wrong_in_its_own_shape(string body, string? param)
    {
        var fault = _api.Refused("/v1/messages", body);
        Assert.Equal((400, param), (fault.Status, fault.Param));
        using var told = JsonDocument.Parse(_api.WriteFault(fault));
        Assert.Equal("error", told.RootElement.GetProperty("type").GetString());
        Assert.Equal("invalid_request_error", told.RootElement.GetProperty("error").GetProperty("type").GetString());
        Assert.Equal(fault.Message, told.RootElement.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public void Counting_goes_on_to_the_servers_of_its_model()
    {
        var request = _api.Read("/v1/messages/count_tokens", """{"model":"fast","messages":[]}""");
        Assert.Equal((ModelOperation.Other, "fast"), (request.Operation, request.Model));
        Assert.Equal("/v1/messages/count_tokens", _api.Compose(request, Told.Server(url: "http://10.0.0.1"), null, null, out _)!.Target);
    }

    [Fact]
    public void The_list_of_models_is_asked_for_with_the_key()
    {
        var request = new OpenAi().Read("GET", "/models", default, out _)!;
        var composed = _api.Compose(request, Told.Server(url: "https://10.0.0.1"), "secret", null, out _)!;
        Assert.Equal(("GET", "/v1/models", 0), (composed.Method, composed.Target, composed.Body.Length));
        Assert.Contains(("x-api-key", "secret"), composed.Fields);
    }

    [Fact]
    public void A_stream_that_broke_ends_with_an_error()
    {
        var output = new ArrayBufferWriter<byte>();
        _api.WriteFaultEvent(output, new ModelFault(529, "Everything is busy."));
        Assert.Equal(
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Everything is busy.\"}}\n\n", Told.Text(output.WrittenMemory));
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("""{"type":"message","content":[{"type":"text","text":"Hel""")]
    [InlineData("""{"completion":"x"}""")]
    [InlineData("[]")]
    public void What_is_no_message_is_no_answer(string body) => Assert.Null(_api.ReadAnswer(Ask(), Told.Bytes(body)));

    [Fact]
    public void An_error_inside_a_200_is_one() => Assert.Equal(
        ProviderSignal.Busy,
        _api.ReadAnswer(Ask(), Told.Bytes("""{"type":"error","error":{"type":"overloaded_error","message":"x"}}"""))!.Verdict!.Signal);

    [Fact]
    public void A_whole_answer_written_is_read_again()
    {
        var answer = new WholeAnswer("Hello \"é\"", FinishReason.Length, new TokenUsage(3, 4)) { Id = "i", Model = "m", Tools = [("t", "f", "{\"a\":1}")] };
        var again = _api.ReadAnswer(Ask(), _api.WriteAnswer(answer, Ask()))!;
        Assert.Equal(answer.Tools, again.Tools);
        Assert.Equal(answer with { Tools = [] }, again with { Tools = [] });
    }

    private ModelRequest Ask() => _api.Read("/messages", Hello);
}
