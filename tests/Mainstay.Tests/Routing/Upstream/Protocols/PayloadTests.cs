using System.Buffers;
using System.Text;
using FsCheck.Fluent;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;
using static Mainstay.Tests.Routing.Upstream.Protocols.AwsScene;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

/// <summary>sagemaker and lambda: anything in, anything out, or openai inside.</summary>
public sealed class PayloadTests
{
    private const string Hello = """{"model":"fast","messages":[{"role":"user","content":"Hi"}]}""";
    private const string HelloStream = """{"model":"fast","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}""";
    private static readonly SageMaker Sage = new();
    private static readonly Lambda Fun = new();

    [Theory]
    [InlineData("/endpoints/chat-prod/invocations", "chat-prod", false)]
    [InlineData("/endpoints/chat-prod/invocations-response-stream", "chat-prod", true)]
    [InlineData("/endpoints/a%2Fb/invocations", "a/b", false)]
    public void The_endpoint_of_SageMaker_is_the_model(string path, string model, bool isStream)
    {
        var request = Read(Sage, path, "a,b\n1,2");
        Assert.Equal((ModelApi.SageMaker, ModelOperation.Invoke, model, isStream, false), (request.Api, request.Operation, request.Model, request.IsStream, request.IsContinuable));
        Assert.Equal("a,b\n1,2", Encoding.UTF8.GetString(request.Body.Span));
    }

    [Theory]
    [InlineData("POST", "/endpoints//invocations", 404)]
    [InlineData("POST", "/endpoints/x%00y/invocations", 404)]
    [InlineData("POST", "/endpoints/x/async-invocations", 404)]
    [InlineData("POST", "/", 404)]
    [InlineData("GET", "/endpoints/x/invocations", 405)]
    public void What_is_no_path_of_SageMaker_is_told_so(string method, string path, int status)
    {
        Assert.Null(Sage.Read(method, path, default, out var fault));
        Assert.Equal(status, fault!.Status);
    }

    [Theory]
    [InlineData("/2015-03-31/functions/answer/invocations", "answer", false)]
    [InlineData("/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Aanswer/invocations", "arn:aws:lambda:us-east-1:1:function:answer", false)]
    [InlineData("/2021-11-15/functions/answer/response-streaming-invocations", "answer", true)]
    public void The_function_of_Lambda_is_the_model(string path, string model, bool isStream)
    {
        var request = Read(Fun, path, "{}");
        Assert.Equal((model, isStream), (request.Model, request.IsStream));
    }

    [Fact]
    public void A_request_of_the_same_API_goes_on_as_it_came()
    {
        var request = Read(Fun, "/2015-03-31/functions/answer/invocations", "anything");
        request.Query = "?Qualifier=live";
        request.Fields = [("Content-Type", "text/plain"), ("X-Amz-Log-Type", "Tail")];
        var composed = Fun.Compose(request, Server(ModelApi.Lambda, endpoint: "arn:x"), null, null, out var fault);
        Assert.Null(fault);
        Assert.Equal("/2015-03-31/functions/arn%3Ax/invocations?Qualifier=live", composed!.Target);
        Assert.Equal("anything", Encoding.UTF8.GetString(composed.Body.Span));
        Assert.Contains(("Content-Type", "text/plain"), composed.Fields);
        Assert.Contains(("X-Amz-Log-Type", "Tail"), composed.Fields);
        Assert.Equal("/endpoints/x/invocations-response-stream", Sage.Compose(
            Read(Sage, "/endpoints/x/invocations-response-stream", ""), Server(ModelApi.SageMaker), null, null, out _)!.Target);
    }

    [Fact]
    public void A_caller_of_openai_is_served_where_openai_is_inside()
    {
        var composed = Sage.Compose(Chat(HelloStream), Server(ModelApi.SageMaker, ModelApi.OpenAi, "chat-prod", "llama"), null, null, out _)!;
        Assert.Equal(("POST", "/endpoints/chat-prod/invocations-response-stream"), (composed.Method, composed.Target));
        AssertJson(HelloStream.Replace("fast", "llama", StringComparison.Ordinal), composed.Body);
        Assert.Contains(("Content-Type", "application/json"), composed.Fields);
        Assert.Equal("/2015-03-31/functions/f/invocations", Fun.Compose(Chat(Hello), Server(ModelApi.Lambda, ModelApi.OpenAi, "f"), null, null, out _)!.Target);
    }

    [Fact]
    public void A_cut_answer_is_gone_on_from_inside()
    {
        var composed = Sage.Compose(Chat(Hello), Server(ModelApi.SageMaker, ModelApi.OpenAi, "e"), null, "Once upon", out _)!;
        Assert.Contains("\"content\":\"Once upon\"", Encoding.UTF8.GetString(composed.Body.Span), StringComparison.Ordinal);
        Assert.Null(Sage.Compose(Read(Sage, "/endpoints/x/invocations", ""), Server(ModelApi.SageMaker), null, "Once upon", out var fault));
        Assert.Equal(400, fault!.Status);
    }

    [Fact]
    public void What_cannot_be_wrapped_is_a_clear_400()
    {
        Assert.Null(Sage.Compose(Chat(Hello), Server(ModelApi.SageMaker), null, null, out var fault));
        Assert.Equal(400, fault!.Status);
        Assert.Contains("body: openai", fault.Message, StringComparison.Ordinal);
        Assert.Null(Sage.Compose(OpenAi("/responses", """{"model":"m","input":"x"}"""), Server(ModelApi.SageMaker, ModelApi.OpenAi), null, null, out fault));
        Assert.Contains("/responses", fault!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ModelApi.SageMaker, "PayloadPart")]
    [InlineData(ModelApi.Lambda, "PayloadChunk")]
    [InlineData(ModelApi.Bedrock, "chunk")]
    public void Events_for_a_caller_of_the_same_API_stay_as_they_came(ModelApi api, string type)
    {
        Protocol protocol = api switch { ModelApi.SageMaker => Sage, ModelApi.Lambda => Fun, _ => new Bedrock() };
        var request = api switch
        {
            ModelApi.SageMaker => Read(Sage, "/endpoints/x/invocations-response-stream", ""),
            ModelApi.Lambda => Read(Fun, "/2021-11-15/functions/x/response-streaming-invocations", ""),
            _ => Read(protocol, "/model/x/invoke-with-response-stream", "{}"),
        };
        byte[] bytes = [.. Event(type, "one"), .. Event(type, "two"), .. api == ModelApi.Lambda ? Event("InvokeComplete", "{}") : []];
        foreach (var size in (int[])[1, 7, 1000])
        {
            var parts = Parts(protocol.ReadStream(request), bytes, size);
            Assert.Equal([PartKind.Tool, PartKind.Tool, PartKind.End], parts.Select(p => p.Kind));
            Assert.Equal(FinishReason.Stop, parts[^1].Finish);
            Assert.Equal(bytes, Bytes(protocol, parts, request));
        }
        // Cut in the middle of a message there is no end.
        Assert.DoesNotContain(Parts(protocol.ReadStream(request), bytes[..^3]), p => p.Finish != FinishReason.None);
    }

    [Fact]
    public void A_stream_of_Lambda_without_its_last_event_has_no_end() => Assert.DoesNotContain(
        Parts(Fun.ReadStream(Read(Fun, "/2021-11-15/functions/x/response-streaming-invocations", "")), Event("PayloadChunk", "x")), p => p.Finish != FinishReason.None);

    [Fact]
    public void Events_of_openai_inside_are_read_wherever_frames_and_parts_break() => Property.Holds(
        from part in Gen.Choose(1, 60)
        from size in Gen.Choose(1, 90)
        from isLines in Gen.Elements(true, false)
        select (part, size, isLines),
        c =>
        {
            string[] chunks =
            [
                """{"id":"c1","model":"llama","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}""",
                """{"id":"c1","model":"llama","choices":[{"index":0,"delta":{"content":"Grüß "}}]}""",
                """{"id":"c1","model":"llama","choices":[{"index":0,"delta":{"content":"Gott 👋"},"finish_reason":"stop"}]}""",
            ];
            var inside = Encoding.UTF8.GetBytes(c.isLines
                ? string.Concat(chunks.Select(x => x + "\n"))
                : string.Concat(chunks.Select(x => $"data: {x}\n\n")) + "data: [DONE]\n\n");
            var frames = inside.Chunk(c.part).SelectMany(p => Event("PayloadPart", p)).ToArray();
            var reader = Sage.ReadStream(Chat(HelloStream));
            var parts = Parts(reader, frames, c.size);
            return string.Concat(parts.Select(p => p.Text)) == "Grüß Gott 👋" && parts.Exists(p => p.Finish == FinishReason.Stop)
                && parts.TrueForAll(p => p.Kind != PartKind.Malformed && p.Api == ModelApi.OpenAi)
                && reader.Names is { Id: "c1", Model: "llama" } && parts.Exists(p => p.Kind == PartKind.Done) != c.isLines;
        },
        cases: 1000);

    [Theory]
    [InlineData("ModelStreamError", """{"Message":"The TCP connection was reset.","ErrorCode":"StreamBroken"}""")]
    [InlineData("InternalStreamFailure", """{"Message":"Oh."}""")]
    public void An_exception_inside_of_a_stream_is_an_error_of_the_server(string type, string json)
    {
        foreach (var request in (ModelRequest[])[Chat(HelloStream), Read(Sage, "/endpoints/x/invocations-response-stream", "")])
        {
            var part = Assert.Single(Parts(Sage.ReadStream(request), Exception(type, json)), p => p.Kind == PartKind.Error);
            Assert.Equal((ProviderSignal.Failed, type), (part.Verdict!.Signal, part.Verdict.Code));
        }
    }

    [Fact]
    public void A_function_that_fails_in_its_stream_says_so_at_the_end()
    {
        byte[] bytes = [.. Event("PayloadChunk", "half"), .. Event("InvokeComplete", """{"ErrorCode":"Unhandled","ErrorDetails":"RequestId: 1 Error: \"boom\""}""")];
        var part = Parts(Fun.ReadStream(Read(Fun, "/2021-11-15/functions/x/response-streaming-invocations", "")), bytes)[^1];
        Assert.Equal((PartKind.Error, ProviderSignal.Failed, "RequestId: 1 Error: \"boom\""), (part.Kind, part.Verdict!.Signal, part.Verdict.Reason));
        // As told at the head of a whole answer: its status is 200.
        Assert.Equal("X-Amz-Function-Error", Fun.ErrorFields[0]);
        var verdict = Fun.Judge(200, "Unhandled", """{"errorMessage":"boom","errorType":"Error"}"""u8);
        Assert.Equal((ProviderSignal.Failed, "boom"), (verdict.Signal, verdict.Reason));
    }

    [Fact]
    public void Faults_are_in_the_shape_that_the_clients_read()
    {
        AssertJson("""{"__type":"ValidationError","Message":"Oh."}""", Sage.WriteFault(new(404, "Oh.")));
        Assert.Equal(("x-amzn-ErrorType", "ThrottlingException"), Assert.Single(Sage.FaultFields(new(429, "Oh."))));
        AssertJson("""{"__type":"TooManyRequestsException","Message":"Oh.","Type":"User"}""", Fun.WriteFault(new(429, "Oh.")));
        Assert.Equal(("x-amzn-ErrorType", "ServiceException"), Assert.Single(Fun.FaultFields(new(502, "Oh."))));

        var output = new ArrayBufferWriter<byte>();
        Sage.WriteFaultEvent(output, new(502, "Cut."));
        Assert.Equal(PartKind.Error, Assert.Single(Parts(Sage.ReadStream(Chat(HelloStream)), output.WrittenSpan.ToArray())).Kind);
        output.Clear();
        Fun.WriteFaultEvent(output, new(502, "Cut \"off\"."));
        Assert.Equal("Cut \"off\".", Assert.Single(Parts(Fun.ReadStream(Chat(HelloStream)), output.WrittenSpan.ToArray())).Verdict!.Reason);
    }

    [Fact]
    public void A_whole_answer_inside_is_openais()
    {
        var answer = Sage.ReadAnswer(Chat(Hello), """{"id":"1","model":"llama","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"""u8.ToArray());
        Assert.Equal(("Hi", FinishReason.Stop), (answer!.Text, answer.Finish));
        Assert.Null(Sage.ReadAnswer(Chat(Hello), "<html>"u8.ToArray()));
        Assert.NotNull(Sage.ReadAnswer(Read(Sage, "/endpoints/x/invocations", ""), "<html>"u8.ToArray()));
        Assert.Equal((ModelApi.OpenAi, ModelApi.SageMaker), (Sage.AnswersIn(Chat(Hello)), Sage.AnswersIn(Read(Sage, "/endpoints/x/invocations", ""))));
    }

    private static byte[] Event(string type, byte[] payload)
    {
        var output = new ArrayBufferWriter<byte>();
        EventStreamWriter.WriteEvent(output, type, "application/octet-stream", payload);
        return output.WrittenSpan.ToArray();
    }

    private static byte[] Event(string type, string payload) => Event(type, Encoding.UTF8.GetBytes(payload));
}
