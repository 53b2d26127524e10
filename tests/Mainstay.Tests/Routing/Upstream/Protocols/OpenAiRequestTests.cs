using System.Text;
using System.Text.Json;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class OpenAiRequestTests
{
    private const string Hello = """{"model":"fast","messages":[{"role":"user","content":"Hello"}]}""";

    private readonly OpenAi _api = new();

    [Theory]
    [InlineData("/chat/completions", Hello, "Chat")]
    [InlineData("/v1/chat/completions", Hello, "Chat")]
    [InlineData("/completions", """{"model":"fast","prompt":"Once"}""", "Completion")]
    [InlineData("/responses", """{"model":"fast","input":"Hello"}""", "Response")]
    [InlineData("/embeddings", """{"model":"fast","input":["a","b"]}""", "Embedding")]
    [InlineData("/moderations", """{"model":"fast","input":"a"}""", "Other")]
    [InlineData("/audio/transcriptions", "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nfast\r\n--x--\r\n", "Other")]
    public void Reads_model_and_operation_from_path_and_body(string path, string body, string operation)
    {
        var request = _api.Read(path, body);
        Assert.Equal(Enum.Parse<ModelOperation>(operation), request.Operation);
        Assert.Equal("fast", request.Model);
        Assert.Equal(path.Replace("/v1", "", StringComparison.Ordinal), request.Path);
    }

    [Fact]
    public void Models_are_asked_for_by_path()
    {
        Assert.Equal("org/fast one", _api.Read("GET", "/models/org%2Ffast%20one", default, out _)!.Model);
        Assert.Equal(ModelOperation.Models, _api.Read("GET", "/models", default, out _)!.Operation);
        Assert.Equal(ModelOperation.Other, _api.Read("DELETE", "/models/x", default, out _)!.Operation);
    }

    [Fact]
    public void Reads_what_the_gateway_must_know()
    {
        var request = _api.Read("/chat/completions", """
            {"stream":true,"max_tokens":100,"max_completion_tokens":200,"n":1,"tools":[],"unknown":{"deep":[1,{}]},"user":null,
             "stream_options":{"include_usage":true},"response_format":{"type":"text"},"logprobs":false,"mod\u0065l":"fa\u0073t",
             "messages":[{"role":"system","content":"12345678"},{"role":"user","content":[{"type":"text","text":"1234"}]}]}
            """);
        Assert.Equal("fast", request.Model);
        Assert.True(request.IsStream);
        Assert.True(request.WantsUsage);
        Assert.True(request.IsContinuable);
        Assert.Equal(200, request.MaxTokens);
        // Two messages, 8 + 4 bytes of text, 4 of "text" as a type.
        Assert.Equal(8 + ((8 + 4 + 4) / 4), request.PromptTokens);
        Assert.Equal("12345678", request.Json.GetProperty("messages")[0].GetProperty("content").GetString());
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("\"tools\":[{\"type\":\"function\"}]", false)]
    [InlineData("\"functions\":[{}]", false)]
    [InlineData("\"tools\":null", true)]
    [InlineData("\"response_format\":{\"type\":\"json_object\"}", false)]
    [InlineData("\"response_format\":{\"json_schema\":{\"type\":\"text\"},\"type\":\"json_schema\"}", false)]
    [InlineData("\"n\":2", false)]
    [InlineData("\"logprobs\":true", false)]
    [InlineData("\"top_logprobs\":1", false)]
    [InlineData("\"modalities\":[\"text\"]", true)]
    [InlineData("\"modalities\":[\"text\",[\"audio\"],\"audio\"]", false)]
    [InlineData("\"audio\":{\"voice\":\"x\"}", false)]
    [InlineData("\"continue_final_message\":true", false)]
    [InlineData("\"seed\":5,\"temperature\":0.5,\"stop\":[\"x\"]", true)]
    public void Is_gone_on_from_only_if_it_is_one_plain_text(string field, bool isContinuable) => Assert.Equal(isContinuable, _api.Read(
        "/chat/completions", $$"""{"model":"fast",{{(field.Length > 0 ? field + "," : "")}}"messages":[{"role":"user","content":"Hi"}]}""").IsContinuable);

    [Theory]
    [InlineData("""{"model":"m","prompt":"Once"}""", true)]
    [InlineData("""{"model":"m","prompt":["Once"]}""", false)]
    [InlineData("""{"model":"m","prompt":[1,2,3]}""", false)]
    [InlineData("""{"model":"m","prompt":"Once","echo":true}""", false)]
    [InlineData("""{"model":"m","prompt":"Once","suffix":"end"}""", false)]
    [InlineData("""{"model":"m","prompt":"Once","logprobs":0}""", false)]
    [InlineData("""{"model":"m","prompt":"Once","best_of":3}""", false)]
    public void A_completion_is_gone_on_from_after_one_prompt(string body, bool isContinuable) =>
        Assert.Equal(isContinuable, _api.Read("/completions", body).IsContinuable);

    [Fact]
    public void A_last_message_of_the_assistant_is_gone_on_from_only_if_the_caller_does()
    {
        const string Messages = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"content\":\"Well\",\"role\":\"assistant\"}]";
        Assert.False(_api.Read("/chat/completions", $$"""{"model":"m",{{Messages}}}""").IsContinuable);
        Assert.True(_api.Read("/chat/completions", $$"""{"model":"m","continue_final_message":true,{{Messages}}}""").IsContinuable);
    }

    [Theory]
    [InlineData("", "no body", null)]
    [InlineData("nonsense", "no JSON: line 1, byte 2", null)]
    [InlineData("{\"model\":\"m\",\n\"messages\":[", "no JSON: line 2, byte 13", null)]
    [InlineData("{\"model\":\"m\",\"messages\":[]} x", "no JSON", null)]
    [InlineData("[]", "must be a JSON object", null)]
    [InlineData("{}", "no 'model'", "model")]
    [InlineData("""{"model":5}""", "'model' must be a string", "model")]
    [InlineData("""{"model":null}""", "'model' must be a string", "model")]
    [InlineData("""{"model":"a\r\nb"}""", "control characters", "model")]
    [InlineData("""{"model":"m"}""", "no 'messages'", "messages")]
    [InlineData("""{"model":"m","messages":null}""", "no 'messages'", "messages")]
    [InlineData("""{"model":"m","messages":"Hi"}""", "must be a list", "messages")]
    [InlineData("""{"model":"m","messages":[{},"Hi"]}""", "must be an object", "messages[1]")]
    [InlineData("""{"model":"m","messages":[],"stream":"yes"}""", "must be true or false", "stream")]
    [InlineData("""{"model":"m","messages":[],"max_tokens":"5"}""", "must be a number", "max_tokens")]
    [InlineData("""{"model":"m","messages":[],"tools":{}}""", "must be a list", "tools")]
    [InlineData("""{"model":"m","messages":[],"stream_options":[]}""", "must be an object", "stream_options")]
    [InlineData("""{"model":"m","messages":[],"model":"n"}""", "twice", "model")]
    [InlineData("""{"model":"m","messages":[],"stream":false,"stream":true}""", "twice", "stream")]
    public void Says_what_is_wrong_with_a_body(string body, string message, string? param)
    {
        var fault = _api.Refused("/chat/completions", body);
        Assert.Equal(400, fault.Status);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Equal(param, fault.Param);
        Assert.NotNull(fault.Code);
        using var told = JsonDocument.Parse(_api.WriteFault(fault));
        Assert.Equal("invalid_request_error", told.RootElement.GetProperty("error").GetProperty("type").GetString());
        Assert.Equal(fault.Message, told.RootElement.GetProperty("error").GetProperty("message").GetString());
    }

    [Theory]
    [InlineData(63, true)]
    [InlineData(64, false)]
    [InlineData(100_000, false)]
    public void Deep_nesting_is_refused(int depth, bool isRead)
    {
        var body = $$"""{"model":"m","messages":[],"x":{{new string('[', depth)}}{{new string(']', depth)}}}""";
        var request = _api.Read("POST", "/chat/completions", Told.Bytes(body), out var fault);
        Assert.Equal(isRead, request is not null);
        if (fault is not null)
            Assert.Contains("nested deeper than 64 levels", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_million_messages_cost_their_bytes_and_no_more()
    {
        var text = new StringBuilder("""{"model":"m","messages":[{"role":"user","content":"x"}""");
        for (var i = 1; i < 1_000_000; i++)
            text.Append(""",{"role":"user","content":"x"}""");
        var body = Told.Bytes(text.Append("]}").ToString());
        var before = GC.GetAllocatedBytesForCurrentThread();
        var request = _api.Read("POST", "/chat/completions", body, out _)!;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
        Assert.Equal(4_250_000, request.PromptTokens);
    }

    [Theory]
    [InlineData("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:XX\"}}]}]}", 1006)]
    [InlineData("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\\u00e9\\u00e9\\u00e9\\u00e9\"}]}", 7)]
    public void A_picture_counts_a_thousand_tokens_and_an_escape_its_character(string body, int tokens) =>
        Assert.Equal(tokens, _api.Read("/chat/completions", body).PromptTokens);
}
