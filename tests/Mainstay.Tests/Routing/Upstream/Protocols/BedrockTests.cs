using System.Buffers;
using System.Text;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;
using static Mainstay.Tests.Routing.Upstream.Protocols.AwsScene;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class BedrockTests
{
    private const string Converse = """{"system":[{"text":"Be brief."}],"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":50}}""";
    private static readonly Bedrock Rock = new();
    private static readonly ModelRequest ChatStream = Chat("""{"model":"fast","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}""");

    private static byte[] Stream { get; } =
    [
        .. Event("messageStart", """{"p":"abc","role":"assistant"}"""),
        .. Event("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Hm."}},"p":"ab"}"""),
        .. Event("contentBlockDelta", """{"contentBlockIndex":1,"delta":{"text":"Grüß "}}"""),
        .. Event("contentBlockDelta", """{"contentBlockIndex":1,"delta":{"text":"\ud83d"}}"""),
        .. Event("contentBlockDelta", """{"contentBlockIndex":1,"delta":{"text":"\udc4b"}}"""),
        .. Event("contentBlockStop", """{"contentBlockIndex":1}"""),
        .. Event("contentBlockStart", """{"contentBlockIndex":2,"start":{"toolUse":{"name":"look","toolUseId":"t1"}}}"""),
        .. Event("contentBlockDelta", """{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"at\""}}}"""),
        .. Event("contentBlockDelta", """{"contentBlockIndex":2,"delta":{"toolUse":{"input":":1}"}}}"""),
        .. Event("contentBlockStop", """{"contentBlockIndex":2}"""),
        .. Event("messageStop", """{"stopReason":"tool_use"}"""),
        .. Event("metadata", """{"metrics":{"latencyMs":10},"usage":{"inputTokens":5,"outputTokens":7,"totalTokens":12,"cacheReadInputTokens":3}}"""),
    ];

    [Theory]
    [InlineData("/model/anthropic.claude-v1%3A0/converse", "anthropic.claude-v1:0", false)]
    [InlineData("/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A1%3Ainference-profile%2Fus.x/converse-stream", "arn:aws:bedrock:us-west-2:1:inference-profile/us.x", true)]
    [InlineData("/model/arn:aws:bedrock:us-west-2:1:inference-profile/us.x/converse-stream", "arn:aws:bedrock:us-west-2:1:inference-profile/us.x", true)]
    public void What_a_caller_of_Converse_asks(string path, string model, bool isStream)
    {
        var request = Read(Rock, path, Converse);
        Assert.Equal((ModelOperation.Chat, model, isStream, 50, true), (request.Operation, request.Model, request.IsStream, request.MaxTokens, request.IsContinuable));
        Assert.InRange(request.PromptTokens, 4, 20);
        // ARNs are one segment, wherever they go.
        var composed = Rock.Compose(request, Server(ModelApi.Bedrock), null, null, out _)!;
        Assert.Equal(path[path.LastIndexOf('/')..], composed.Target[composed.Target.LastIndexOf('/')..]);
        Assert.Equal(3, composed.Target.Count(c => c == '/'));
        Assert.Equal(Converse, Encoding.UTF8.GetString(composed.Body.Span));
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"toolConfig":{"tools":[]}}""")]
    [InlineData("""{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Ho"}]}]}""")]
    [InlineData("""{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"additionalModelRequestFields":{"thinking":{"type":"enabled"}}}""")]
    [InlineData("{}")]
    public void Not_every_answer_may_be_gone_on_from(string body) => Assert.False(Read(Rock, "/model/m/converse", body).IsContinuable);

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"messages\":")]
    [InlineData("{\"messages\":7}")]
    [InlineData("{\"messages\":[7]}")]
    [InlineData("{} {}")]
    public void A_body_that_is_no_request_is_refused(string body)
    {
        Assert.Null(Rock.Read("POST", "/model/m/converse", Encoding.UTF8.GetBytes(body), out var fault));
        Assert.Equal(400, fault!.Status);
    }

    [Fact]
    public void A_body_nested_too_deep_is_refused()
    {
        Assert.Null(Rock.Read("POST", "/model/m/converse", Encoding.UTF8.GetBytes("{\"messages\":" + new string('[', 1000)), out var fault));
        Assert.Equal(400, fault!.Status);
    }

    [Fact]
    public void Pictures_count_as_what_they_are_worth() => Assert.InRange(
        Read(Rock, "/model/m/converse", $$$"""{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"{{{new string('A', 100_000)}}}"} } }]}]}""").PromptTokens,
        1000, 1020);

    [Fact]
    public void A_cut_answer_of_Converse_is_the_beginning_of_the_next() => AssertJson(
        """{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Once"}]}],"inferenceConfig":{"maxTokens":50},"system":[{"text":"Be brief."}]}""",
        Rock.Compose(Read(Rock, "/model/m/converse", Converse), Server(ModelApi.Bedrock), null, "Once", out _)!.Body);

    [Theory]
    [InlineData(1)]
    [InlineData(13)]
    [InlineData(100_000)]
    public void What_the_events_of_a_stream_mean(int size)
    {
        var parts = Parts(Rock.ReadStream(ChatStream), Stream, size);
        Assert.Equal(
            [
                PartKind.Empty, PartKind.Thought, PartKind.Text, PartKind.Text, PartKind.Text, PartKind.Empty, PartKind.Tool, PartKind.Tool, PartKind.Tool,
                PartKind.Empty, PartKind.End, PartKind.End, PartKind.Done,
            ],
            parts.Select(p => p.Kind));
        Assert.True(parts[0].IsFrame);
        Assert.Equal("Grüß 👋", string.Concat(parts.Where(p => p.Kind == PartKind.Text).Select(p => p.Text)));
        Assert.Equal(("t1", "look", 0), (parts[6].ToolId, parts[6].ToolName, parts[6].ToolIndex));
        Assert.Equal("{\"at\":1}", string.Concat(parts.Where(p => p.Kind == PartKind.Tool).Select(p => p.Text)));
        Assert.Equal(FinishReason.Tools, parts[10].Finish);
        Assert.Equal(new TokenUsage(8, 7), parts[11].Usage);
        // For callers of the same API every byte stays.
        Assert.Equal(Stream, Bytes(Rock, parts, Read(Rock, "/model/m/converse-stream", Converse)));
    }

    [Fact]
    public void A_caller_of_openai_reads_chunks()
    {
        var text = Written(new OpenAi(), Parts(Rock.ReadStream(ChatStream), Stream), ChatStream);
        Assert.Contains("\"content\":\"Grüß \"", text, StringComparison.Ordinal);
        Assert.Contains("\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"\"}", text, StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"tool_calls\"", text, StringComparison.Ordinal);
        Assert.Contains("\"prompt_tokens\":8", text, StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("throttlingException", nameof(ProviderSignal.Limited))]
    [InlineData("modelStreamErrorException", nameof(ProviderSignal.Failed))]
    [InlineData("internalServerException", nameof(ProviderSignal.Failed))]
    [InlineData("validationException", nameof(ProviderSignal.CallerError))]
    [InlineData("serviceUnavailableException", nameof(ProviderSignal.Busy))]
    public void Exceptions_inside_of_a_stream(string type, string signal)
    {
        var part = Assert.Single(Parts(Rock.ReadStream(ChatStream), Exception(type, """{"message":"Oh."}""")));
        Assert.Equal((PartKind.Error, signal, "Oh."), (part.Kind, part.Verdict!.Signal.ToString(), part.Verdict.Reason));
    }

    [Theory]
    [InlineData("contentBlockDelta", "no JSON", nameof(PartKind.Malformed))]
    [InlineData("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"text":""}}""", nameof(PartKind.Empty))]
    [InlineData("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"citation":{"title":"x","location":{"web":{"url":"y"}}}}}""", nameof(PartKind.Tool))]
    [InlineData("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"x"}}}""", nameof(PartKind.Thought))]
    [InlineData("somethingNew", """{"a":[{"text":"x"}]}""", nameof(PartKind.Empty))]
    [InlineData("messageStop", """{"stopReason":"malformed_tool_use"}""", nameof(PartKind.Error))]
    public void Events_out_of_the_ordinary(string type, string json, string kind) =>
        Assert.Equal(kind, Assert.Single(Parts(Rock.ReadStream(ChatStream), Event(type, json))).Kind.ToString());

    [Theory]
    [InlineData("end_turn", FinishReason.Stop)]
    [InlineData("stop_sequence", FinishReason.Stop)]
    [InlineData("max_tokens", FinishReason.Length)]
    [InlineData("model_context_window_exceeded", FinishReason.Length)]
    [InlineData("tool_use", FinishReason.Tools)]
    [InlineData("guardrail_intervened", FinishReason.Filter)]
    [InlineData("content_filtered", FinishReason.Filter)]
    [InlineData("new_reason", FinishReason.Stop)]
    internal void Why_an_answer_ends(string word, FinishReason finish)
    {
        Assert.Equal(finish, Assert.Single(Parts(Rock.ReadStream(ChatStream), Event("messageStop", $$"""{"stopReason":"{{word}}"}"""))).Finish);
        Assert.Equal(finish, BedrockAnswer.FinishOf(word));
    }

    [Fact]
    public void An_answer_that_goes_on_is_written_anew()
    {
        var request = Read(Rock, "/model/m/converse-stream", Converse);
        AnswerPart[] parts = [new(PartKind.Text) { Text = "und \"weg\" \ud83d" }, new(PartKind.Text) { Text = "\udc4b" }, new(PartKind.End) { Finish = FinishReason.Length, Usage = new(5, 7) }, new(PartKind.Done)];
        var read = Parts(Rock.ReadStream(request), Bytes(Rock, parts, request));
        Assert.Equal("und \"weg\" 👋", string.Concat(read.Select(p => p.Text)));
        Assert.Equal([FinishReason.Length], read.Select(p => p.Finish).Where(f => f != FinishReason.None));
        Assert.Equal(new TokenUsage(5, 7), read.Single(p => p.Usage is not null).Usage);
    }

    [Fact]
    public void A_whole_answer()
    {
        var answer = Rock.ReadAnswer(Chat("""{"model":"m","messages":[]}"""), """
            {"metrics":{"latencyMs":1},"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"Hm."}}},{"text":"Grüß "},{"text":"Gott\ud83d"},
              {"toolUse":{"toolUseId":"t1","name":"look","input":{"at": 1}}}]}},"stopReason":"tool_use","usage":{"inputTokens":5,"outputTokens":7,"totalTokens":12}}
            """u8.ToArray())!;
        Assert.Equal(("Grüß Gott\ud83d", FinishReason.Tools, new TokenUsage(5, 7)), (answer.Text, answer.Finish, answer.Usage));
        Assert.Equal(("t1", "look", "{\"at\": 1}"), Assert.Single(answer.Tools));
        Assert.Null(answer.Verdict);
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"output":{"message":{"content":[{"text":5}]}}}""")]
    [InlineData("""{"output":{"message":{"content":[{"te""")]
    public void What_is_no_answer(string body) => Assert.Null(Rock.ReadAnswer(ChatStream, Encoding.UTF8.GetBytes(body)));

    [Fact]
    public void Faults_are_in_the_shape_that_the_clients_read()
    {
        AssertJson("""{"__type":"ValidationException","message":"Oh."}""", Rock.WriteFault(new(400, "Oh.")));
        Assert.Equal(("x-amzn-ErrorType", "ResourceNotFoundException"), Assert.Single(Rock.FaultFields(new(404, "Oh."))));
        var output = new ArrayBufferWriter<byte>();
        Rock.WriteFaultEvent(output, new(502, "Cut."));
        Assert.Equal("Cut.", Assert.Single(Parts(Rock.ReadStream(ChatStream), output.WrittenSpan.ToArray())).Verdict!.Reason);
    }
}
