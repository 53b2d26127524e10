using System.Buffers;
using System.Text.Json;
using FsCheck.Fluent;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class OpenAiStreamTests
{
    private const string Begin = """{"id":"c-1","object":"chat.completion.chunk","created":17,"model":"llama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}""";

    private readonly OpenAi _api = new();

    [Theory]
    [InlineData(Begin, "Empty")]
    [InlineData("""{"choices":[{"delta":{"content":"Hi"}}]}""", "Text Hi")]
    [InlineData("""{"choices":[{"delta":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}""", "Text Hi Stop")]
    [InlineData("""{"choices":[{"delta":{"content":"a\u00e9\n\"\\\ud834\udd1e"}}]}""", "Text aé\n\"\\𝄞")]
    [InlineData("""{"choices":[{"delta":{"content":null}}]}""", "Empty")]
    [InlineData("""{"choices":[{"delta":{}}]}""", "Empty")]
    [InlineData("""{"choices":[],"prompt_filter_results":[{}]}""", "Empty")]
    [InlineData("", "Empty")]
    [InlineData("""{"choices":[{"delta":{"reasoning_content":"hm"}}]}""", "Thought hm")]
    [InlineData("""{"choices":[{"delta":{"reasoning":"hm","content":null}}]}""", "Thought hm")]
    [InlineData("""{"choices":[{"delta":{"refusal":"no"}}]}""", "Tool")]
    [InlineData("""{"choices":[{"delta":{"function_call":{"name":"f","arguments":""}}}]}""", "Tool")]
    [InlineData("""{"choices":[{"delta":{"content":[{"type":"thinking"}]}}]}""", "Tool")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"t","function":{"name":"f","arguments":"{\"a"}}]}}]}""", "Tool {\"a")]
    [InlineData("""{"choices":[{"delta":{},"finish_reason":"length"}]}""", "End Length")]
    [InlineData("""{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}""", "End Tools")]
    [InlineData("""{"choices":[{"delta":{},"finish_reason":"content_filter"}]}""", "End Filter")]
    [InlineData("""{"choices":[{"delta":{},"finish_reason":"eos_token"}]}""", "End Stop")]
    [InlineData("""{"choices":[{"delta":{},"finish_reason":"abort"}]}""", "Error Failed")]
    [InlineData("""{"choices":[{"delta":{},"finish_reason":"error"}]}""", "Error Failed")]
    [InlineData("""{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}""", "End Stop 3+4")]
    [InlineData("""{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":1}}}""", "End 3+4")]
    [InlineData("""{"choices":[{"text":"Hi","finish_reason":null}],"usage":null}""", "Text Hi")]
    [InlineData("[DONE]", "Done")]
    [InlineData(" [DONE] ", "Done")]
    [InlineData("""{"error":{"message":"overloaded","type":"overloaded_error"}}""", "Error Busy")]
    [InlineData("""{"error":{"message":"no","code":429}}""", "Error Limited")]
    [InlineData("""{"error":{"message":"boom","code":500},"choices":[]}""", "Error Failed")]
    [InlineData("""{"error":"Model is overloaded","error_type":"overloaded"}""", "Error Busy")]
    [InlineData("""{"error":null,"choices":[{"delta":{"content":"Hi"}}]}""", "Text Hi")]
    [InlineData("""{"choices":[{"delta":{"content":"Hi"}}]""", "Malformed")]
    [InlineData("""{"choices":[{"delta":{"content":"Hi"}}]} x""", "Malformed")]
    [InlineData("""{"choices":[{"delta":{"content":5}}]}""", "Malformed")]
    [InlineData("""{"choices":["delta"]}""", "Malformed")]
    [InlineData("""{"choices":{}}""", "Malformed")]
    [InlineData("""{"something":"else"}""", "Malformed")]
    [InlineData("nonsense", "Malformed")]
    [InlineData("5", "Malformed")]
    public void Reads_chunks_of_a_chat(string data, string meaning) => Assert.Equal(meaning, Meaning(Assert.Single(Read($"data: {data}\n\n"))));

    [Theory]
    [InlineData("""{"type":"response.created","response":{"id":"r","model":"m"}}""", "Empty")]
    [InlineData("""{"type":"response.output_item.added","item":{}}""", "Empty")]
    [InlineData("""{"type":"response.output_text.delta","delta":"Hi"}""", "Text Hi")]
    [InlineData("""{"type":"response.output_text.done","text":"Hi"}""", "Empty")]
    [InlineData("""{"type":"response.function_call_arguments.delta","delta":"{"}""", "Tool {")]
    [InlineData("""{"type":"response.reasoning_summary_text.delta","delta":"hm"}""", "Thought hm")]
    [InlineData("""{"type":"response.completed","response":{"usage":{"input_tokens":3,"output_tokens":4}}}""", "Done Stop 3+4")]
    [InlineData("""{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}""", "Done Length")]
    [InlineData("""{"type":"response.failed","response":{"error":{"code":"server_error","message":"boom"}}}""", "Error Failed")]
    [InlineData("""{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"slow"}}}""", "Error Limited")]
    [InlineData("""{"type":"error","code":"server_error","message":"boom","param":null}""", "Error Failed")]
    [InlineData("""{"noise":1}""", "Malformed")]
    [InlineData("""{"type":"response.output_text.delta","delta":"Hi" """, "Malformed")]
    public void Reads_events_of_a_response(string data, string meaning)
    {
        var request = _api.Read("/responses", """{"model":"m","stream":true,"input":"x"}""");
        Assert.Equal(meaning, Meaning(Assert.Single(Told.Parts(_api.ReadStream(request), $"event: x\ndata: {data}\n\n"))));
    }

    [Fact]
    public void An_event_named_error_is_one()
    {
        var part = Assert.Single(Read("event: error\ndata: {\"message\":\"The quota\",\"code\":\"insufficient_quota\"}\n\n"));
        Assert.Equal("Error QuotaSpent", Meaning(part));
        Assert.Equal("The quota", part.Verdict!.Reason);
    }

    [Fact]
    public void Of_several_answers_the_last_end_is_the_end()
    {
        var request = _api.Read("/chat/completions", """{"model":"m","n":2,"stream":true,"messages":[]}""");
        const string End = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        Assert.Equal(["End", "End Stop"], Told.Parts(_api.ReadStream(request), End + End).Select(Meaning));
    }

    [Fact]
    public void Halves_of_a_character_in_two_events_make_it_whole()
    {
        var parts = Read("data: {\"choices\":[{\"delta\":{\"content\":\"\\ud834\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"\\udd1e\"}}]}\n\n");
        Assert.Equal("𝄞", string.Concat(parts.Select(p => p.Text)));
        var rewritten = Written(parts.Select(p => p.WithText(p.Text)));
        Assert.Contains("\"content\":\"\\ud834\"", rewritten, StringComparison.Ordinal);
        Assert.Equal("𝄞", string.Concat(Read(rewritten).Select(p => p.Text)));
    }

    [Fact]
    public void Bytes_go_on_as_they_came_wherever_they_are_broken()
    {
        const string Stream = "data: {\"choices\":[ {\"delta\":{\"content\":\"é€𝄞\"},\"x\":1e5}]}\n\nevent: more\ndata: {\"choices\":[],\ndata: \"y\":2}\n\ndata: [DONE]\n\n";
        Property.Holds(Gen.Choose(1, Stream.Length), piece =>
            Told.Written(_api, Told.Parts(_api.ReadStream(Chat()), Stream, piece), Chat(), new StreamNames()) == Stream, cases: 500);
        var crlf = Stream.Replace("\n", "\r\n", StringComparison.Ordinal);
        Assert.Equal(Stream, Written(Read(": hello\r\n\r\n" + crlf + "data: {broken\r\n\r\n")));
    }

    [Fact]
    public void The_last_line_end_may_be_missing() => Assert.Equal(
        ["Text Hi", "Done"], Read("data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]").Select(Meaning));

    [Fact]
    public void Usage_that_the_caller_did_not_ask_for_is_not_passed_on()
    {
        const string Usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n";
        const string Beside = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n";
        Assert.Equal(Beside, Written(Read(Beside + Usage)));
        var asking = _api.Read("/chat/completions", """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}""");
        Assert.Equal(Beside + Usage, Told.Written(_api, Read(Beside + Usage), asking, new StreamNames()));
    }

    [Fact]
    public void A_part_can_be_written_with_other_text()
    {
        var reader = _api.ReadStream(Chat());
        var parts = Told.Parts(reader, $"data: {Begin}\n\ndata: {{\"choices\":[{{\"delta\":{{\"content\":\"Hello\"}}}}]}}\n\n");
        Assert.Equal("c-1", reader.Names.Id);
        Assert.Equal("llama", reader.Names.Model);
        Assert.Equal(17, reader.Names.Created);
        Assert.True(parts[0].IsFrame);
        Assert.Equal(
            "data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"llama\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\\n\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
            Told.Written(_api, [parts[1].WithText("lo\n")], Chat(), reader.Names));
        var completion = _api.Read("/completions", """{"model":"m","prompt":"x"}""");
        Assert.Contains("\"object\":\"text_completion\",\"created\":17,\"model\":\"llama\",\"choices\":[{\"index\":0,\"text\":\"lo\",",
            Told.Written(_api, [parts[1].WithText("lo")], completion, reader.Names), StringComparison.Ordinal);
    }

    [Fact]
    public void An_end_can_bring_the_last_of_the_text()
    {
        var end = Assert.Single(Read("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"));
        Assert.Equal(["Text lo", "End Length"], Read(Written([end.WithText("lo")])).Select(Meaning));
    }

    [Fact]
    public void Parts_of_another_API_become_chunks()
    {
        var asking = _api.Read("/chat/completions", """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}""");
        AnswerPart[] parts =
        [
            new(PartKind.Empty) { Bytes = Told.Bytes("{}") },
            new(PartKind.Text) { Bytes = Told.Bytes("{}"), Text = "Hi" },
            new(PartKind.Tool) { ToolIndex = 0, ToolId = "t1", ToolName = "f" },
            new(PartKind.Tool) { ToolIndex = 0, Text = "{\"a\":1}" },
            new(PartKind.End) { Finish = FinishReason.Tools, Usage = new(3, 4) },
            new(PartKind.Done),
        ];
        var foreign = parts.Select(p => p with { Api = ModelApi.Anthropic });
        var written = Told.Written(_api, foreign, asking, new StreamNames { Id = "x", Model = "claude", Created = 5 });
        var events = written.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => e["data: ".Length..]).ToList();
        Assert.Equal("[DONE]", events[^1]);
        var deltas = events.Take(5).Select(e => JsonDocument.Parse(e).RootElement.GetProperty("choices")[0].GetProperty("delta").GetRawText());
        Assert.Equal(
            [
                "{\"role\":\"assistant\",\"content\":\"\"}", "{\"content\":\"Hi\"}",
                "{\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}",
                "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":1}\"}}]}", "{}",
            ],
            deltas);
        Assert.Contains("\"finish_reason\":\"tool_calls\"", events[4], StringComparison.Ordinal);
        Assert.EndsWith("\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}", events[5], StringComparison.Ordinal);
        Assert.All(events.SkipLast(1), e => Assert.Contains("\"model\":\"claude\"", e, StringComparison.Ordinal));
        Assert.Equal(["Empty", "Text Hi", "Tool", "Tool {\"a\":1}", "End Tools", "End 3+4", "Done"], Read(written).Select(Meaning));
    }

    [Fact]
    public void The_last_event_of_a_stream_that_broke_is_an_error_and_never_DONE()
    {
        var output = new ArrayBufferWriter<byte>();
        _api.WriteFaultEvent(output, new ModelFault(502, "The answer \"broke\".") { Code = "stream_cut" });
        Assert.Equal(
            "data: {\"error\":{\"message\":\"The answer \\\"broke\\\".\",\"type\":\"server_error\",\"param\":null,\"code\":\"stream_cut\"}}\n\n",
            Told.Text(output.WrittenMemory));
    }

    private ModelRequest Chat() => _api.Read("/chat/completions", """{"model":"m","stream":true,"messages":[]}""");

    private List<AnswerPart> Read(string stream) => Told.Parts(_api.ReadStream(Chat()), stream);

    private string Written(IEnumerable<AnswerPart> parts) => Told.Written(_api, parts, Chat(), new StreamNames());

    internal static string Meaning(AnswerPart part) => string.Join(' ', new[]
    {
        part.Kind.ToString(), part.Verdict?.Signal.ToString(), part.Text.Length > 0 ? part.Text : null,
        part.Finish == FinishReason.None ? null : part.Finish.ToString(), part.Usage is { } usage ? $"{usage.Prompt}+{usage.Answer}" : null,
    }.OfType<string>());
}
