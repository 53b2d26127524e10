using System.Text.Json.Nodes;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class AnthropicMappingTests
{
    private const string User = """{"role":"user","content":"Hi"}""";

    private readonly Anthropic _servers = new();
    private readonly OpenAi _callers = new();

    [Theory]
    [InlineData("", "")]
    [InlineData(""" "max_tokens":7, """, """ "max_tokens":7 """)]
    [InlineData(""" "max_tokens":7,"max_completion_tokens":9, """, """ "max_tokens":9 """)]
    [InlineData(""" "stream":true,"stream_options":{"include_usage":true}, """, """ "stream":true """)]
    [InlineData(""" "temperature":1,"top_p":0.9,"user":"u-1","stop":"X", """,
        """ "temperature":1,"top_p":0.9,"metadata":{"user_id":"u-1"},"stop_sequences":["X"] """)]
    [InlineData(""" "stop":["X","Y"],"temperature":null, """, """ "stop_sequences":["X","Y"] """)]
    [InlineData(""" "n":1,"logprobs":false,"presence_penalty":0,"frequency_penalty":0.0,"logit_bias":{},"response_format":{"type":"text"},"modalities":["text"], """, "")]
    [InlineData(""" "store":true,"metadata":{"a":"b"},"service_tier":"auto","prompt_cache_key":"k","seed":null,"tools":[],"tool_choice":"auto", """, "")]
    public void Fields_are_mapped(string fields, string expected)
    {
        var tokens = expected.Contains("max_tokens", StringComparison.Ordinal) ? "" : "\"max_tokens\":4096,";
        Same(
            $$"""{"model":"claude",{{tokens}}"messages":[{{User}}]{{(expected.Length > 0 ? "," + expected : "")}}}""",
            Mapped($$"""{"model":"m",{{fields}}"messages":[{{User}}]}"""));
    }

    [Fact]
    public void Messages_of_the_system_become_its_field() => SameMessages(
        """ "system":[{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"text","text":"c"}],"messages":[{"role":"user","content":"Hi"}] """,
        """{"role":"system","content":"a"},{"role":"developer","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]},{"role":"user","content":"Hi"}""");

    [Fact]
    public void Pictures_are_mapped() => SameMessages(
        """
        "messages":[{"role":"user","content":[{"type":"text","text":"see"},
          {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO+/="}},
          {"type":"image","source":{"type":"url","url":"https://example.test/a.png?x=1"}}]}]
        """,
        """
        {"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO+/=","detail":"low"}},
          {"type":"image_url","image_url":{"url":"https://example.test/a.png?x=1"}}]}
        """);

    [Fact]
    public void Tool_calls_and_their_results_become_blocks() => SameMessages(
        """
        "messages":[{"role":"user","content":"Hi"},
          {"role":"assistant","content":[{"type":"text","text":"Let me see"},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"one"},{"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"two"}]}]},
          {"role":"assistant","content":[{"type":"tool_use","id":"t3","name":"f","input":{}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"t3","content":""}]},
          {"role":"user","content":"Go on"}]
        """,
        """
        {"role":"user","content":"Hi"},
        {"role":"assistant","content":"Let me see","tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"t2","type":"function","function":{"name":"g","arguments":""}}]},
        {"role":"tool","tool_call_id":"t1","content":"one"},{"role":"tool","tool_call_id":"t2","content":[{"type":"text","text":"two"}]},
        {"role":"assistant","content":"","refusal":null,"tool_calls":[{"id":"t3","type":"function","function":{"name":"f","arguments":" {} "}}]},
        {"role":"tool","tool_call_id":"t3","content":""},
        {"role":"user","content":"Go on"}
        """);

    [Fact]
    public void Text_is_taken_over_byte_by_byte()
    {
        const string Text = "\"a\\u00e9é\\ud834 \\\"\\/\\n\"";
        Assert.Contains($$"""{"role":"user","content":{{Text}}}""", Mapped($$"""{"model":"m","messages":[{"role":"user","content":{{Text}}}]}"""), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData(""" "tool_choice":"auto" """, """{"type":"auto"}""")]
    [InlineData(""" "tool_choice":"none" """, """{"type":"none"}""")]
    [InlineData(""" "tool_choice":"required" """, """{"type":"any"}""")]
    [InlineData(""" "tool_choice":{"type":"function","function":{"name":"f"}} """, """{"type":"tool","name":"f"}""")]
    [InlineData(""" "parallel_tool_calls":true """, "")]
    [InlineData(""" "parallel_tool_calls":false """, """{"type":"auto","disable_parallel_tool_use":true}""")]
    [InlineData(""" "tool_choice":"required","parallel_tool_calls":false """, """{"type":"any","disable_parallel_tool_use":true}""")]
    public void Tools_are_mapped(string fields, string choice)
    {
        const string Tools = """
            "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}},{"type":"function","function":{"name":"g","strict":true}}]
            """;
        const string Blocks = """
            "tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}},{"name":"g","input_schema":{"type":"object","properties":{}},"strict":true}]
            """;
        choice = choice.Length > 0 ? ",\"tool_choice\":" + choice : "";
        fields = fields.Length > 0 ? fields + "," : "";
        Same(
            $$"""{"model":"claude","max_tokens":4096,{{Blocks}}{{choice}},"messages":[{{User}}]}""",
            Mapped($$"""{"model":"m",{{Tools}},{{fields}}"messages":[{{User}}]}"""));
    }

    [Theory]
    [InlineData(""" "n":2 """, "n")]
    [InlineData(""" "logprobs":true """, "logprobs")]
    [InlineData(""" "top_logprobs":2 """, "top_logprobs")]
    [InlineData(""" "response_format":{"type":"json_schema","json_schema":{}} """, "response_format")]
    [InlineData(""" "seed":1 """, "seed")]
    [InlineData(""" "temperature":1.5 """, "temperature")]
    [InlineData(""" "presence_penalty":0.5 """, "presence_penalty")]
    [InlineData(""" "logit_bias":{"5":1} """, "logit_bias")]
    [InlineData(""" "modalities":["text","audio"] """, "modalities")]
    [InlineData(""" "audio":{"voice":"x"} """, "audio")]
    [InlineData(""" "functions":[{"name":"f"}] """, "functions")]
    [InlineData(""" "reasoning_effort":"low" """, "reasoning_effort")]
    [InlineData(""" "something_new":1 """, "something_new")]
    [InlineData(""" "tools":[{"type":"custom","custom":{}}] """, "tools[0]")]
    [InlineData(""" "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools"} """, "tool_choice")]
    public void What_cannot_be_mapped_is_named(string field, string param) => Assert.Equal(
        param, Refused($$"""{"model":"m",{{field}},"messages":[{{User}}]}""").Param);

    [Theory]
    [InlineData(User + """,{"role":"system","content":"late"}""", "messages[1]")]
    [InlineData("""{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}""", "messages[0].content[0]")]
    [InlineData("""{"role":"user","content":[{"type":"image_url","image_url":{"url":"ftp://x"}}]}""", "messages[0].content[0].image_url.url")]
    [InlineData("""{"role":"user","content":5}""", "messages[0].content")]
    [InlineData("""{"role":"user"}""", "messages[0].content")]
    [InlineData("""{"role":"user","name":"Ann","content":"Hi"}""", "messages[0].name")]
    [InlineData("""{"role":"function","name":"f","content":"Hi"}""", "messages[0].role")]
    [InlineData("""{"content":"Hi"}""", "messages[0].role")]
    [InlineData(User + """,{"role":"assistant","content":"Well"}""", "messages[1]")]
    [InlineData(User + """,{"role":"assistant","tool_calls":[{"id":"t","function":{"name":"f","arguments":"[1]"}}]},""" + User, "messages[1].tool_calls[0].function.arguments")]
    [InlineData(User + """,{"role":"assistant","tool_calls":[{"id":"t","function":{"name":"f","arguments":"{\"a\""}}]},""" + User, "messages[1].tool_calls[0].function.arguments")]
    [InlineData(User + """,{"role":"assistant","tool_calls":[{"function":{}}]},""" + User, "messages[1].tool_calls[0]")]
    [InlineData(User + """,{"role":"tool","content":"x"}""", "messages[1].tool_call_id")]
    [InlineData("""{"role":"user","content":["Hi"]}""", "messages[0].content[0]")]
    [InlineData("""{"role":"user","content":[{"type":"image_url","image_url":"https://x"}]}""", "messages")]
    [InlineData("""{"role":"system","content":[]}""", "messages[0].content")]
    public void A_message_that_cannot_be_mapped_is_named(string messages, string param) =>
        Assert.Equal(param, Refused($$"""{"model":"m","messages":[{{messages}}]}""").Param);

    [Fact]
    public void Other_operations_are_refused()
    {
        var request = _callers.Read("/embeddings", """{"model":"m","input":"x"}""");
        Assert.Null(_servers.Compose(request, Told.Server(), null, null, out var fault));
        Assert.Equal(400, fault!.Status);
        Assert.Contains("/embeddings", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_beginning_becomes_the_last_message()
    {
        var request = _callers.Read("/chat/completions", $$"""{"model":"m","messages":[{{User}}]}""");
        var body = Told.Text(_servers.Compose(request, Told.Server(), null, "Well,\n\"a", out _)!.Body);
        Assert.EndsWith("""[{"role":"user","content":"Hi"},{"role":"assistant","content":"Well,\n\"a"}]}""", body, StringComparison.Ordinal);
        Assert.Null(_servers.Compose(request, Told.Server(), null, "Well, ", out var fault));
        Assert.NotNull(fault);
        var begun = _callers.Read("/chat/completions",
            $$"""{"model":"m","continue_final_message":true,"messages":[{{User}},{"role":"assistant","content":"We"}]}""");
        Assert.EndsWith("""{"role":"assistant","content":"Well"}]}""", Told.Text(_servers.Compose(begun, Told.Server(), null, "ll", out _)!.Body), StringComparison.Ordinal);
        Assert.EndsWith("""{"role":"assistant","content":"We"}]}""", Told.Text(_servers.Compose(begun, Told.Server(), null, null, out _)!.Body), StringComparison.Ordinal);
    }

    [Fact]
    public void A_streamed_message_becomes_a_chat()
    {
        const string Stream = AnthropicTests.Message;
        var request = _callers.Read("/chat/completions", """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}""");
        var reader = _servers.ReadStream(request);
        var written = Told.Written(_callers, Told.Parts(reader, Stream, 7), request, reader.Names);
        var back = Told.Parts(_callers.ReadStream(request), written);
        Assert.Equal("Hello, é", string.Concat(back.Where(p => p.Kind == PartKind.Text).Select(p => p.Text)));
        Assert.Equal(["f:0", ":0", ":0", "g:1", ":1"], back.Where(p => p.Kind == PartKind.Tool).Select(p => $"{p.ToolName}:{p.ToolIndex}"));
        Assert.Equal(["", "{\"a\":", "1}", "", "{}"], back.Where(p => p.Kind == PartKind.Tool).Select(p => p.Text));
        Assert.Equal(FinishReason.Tools, back.Single(p => p.Finish != FinishReason.None).Finish);
        Assert.Equal(new TokenUsage(125, 15), back.Single(p => p.Usage is not null).Usage);
        Assert.Equal(PartKind.Done, back[^1].Kind);
        Assert.Contains("\"model\":\"claude-x\"", written, StringComparison.Ordinal);
    }

    [Fact]
    public void A_whole_message_becomes_a_chat()
    {
        var request = _callers.Read("/chat/completions", $$"""{"model":"m","messages":[{{User}}]}""");
        var answer = _servers.ReadAnswer(request, Told.Bytes("""
            {"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"thinking","thinking":"hm","signature":"x"},{"type":"text","text":"Hello"},
            {"type":"tool_use","id":"t1","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":5,"output_tokens":7}}
            """))!;
        Same(
            """
            {"id":"msg_1","object":"chat.completion","created":9,"model":"claude-x","choices":[{"index":0,"message":{"role":"assistant","content":"Hello",
            "tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}],"refusal":null},"logprobs":null,"finish_reason":"tool_calls"}],
            "usage":{"prompt_tokens":115,"completion_tokens":7,"total_tokens":122}}
            """,
            Told.Text(_callers.WriteAnswer(answer with { Created = 9 }, request)));
    }

    private string Mapped(string body)
    {
        var composed = _servers.Compose(_callers.Read("/chat/completions", body), Told.Server(new ModelServer { Model = "claude" }), "k", null, out var fault);
        Assert.Null(fault);
        return Told.Text(composed!.Body);
    }

    private ModelFault Refused(string body)
    {
        Assert.Null(_servers.Compose(_callers.Read("/chat/completions", body), Told.Server(), null, null, out var fault));
        Assert.Equal(400, fault!.Status);
        Assert.Equal("cannot_be_mapped", fault.Code);
        return fault;
    }

    private void SameMessages(string expected, string messages) =>
        Same($$"""{"model":"claude","max_tokens":4096,{{expected}}}""", Mapped($$"""{"model":"m","messages":[{{messages}}]}"""));

    // Fields of an object may stand in any order.
    private static void Same(string expected, string actual)
    {
        var (one, other) = (JsonNode.Parse(expected), JsonNode.Parse(actual));
        Assert.True(JsonNode.DeepEquals(one, other), $"Expected {one!.ToJsonString()}\nActual   {other!.ToJsonString()}");
    }
}
