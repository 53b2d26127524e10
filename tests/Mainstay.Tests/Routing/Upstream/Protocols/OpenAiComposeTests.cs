using System.Text.Json;
using Mainstay.Routing;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class OpenAiComposeTests
{
    private readonly OpenAi _api = new();

    [Fact]
    public void The_body_goes_on_as_it_is_if_the_server_has_no_name_of_its_own()
    {
        const string Body = """{ "model" : "fast",  "messages":[ ], "é":1e5 }""";
        var composed = _api.Compose(_api.Read("/chat/completions", Body), Told.Server(), null, null, out _)!;
        Assert.Equal(Body, Told.Text(composed.Body));
        Assert.Equal("/chat/completions", composed.Target);
        Assert.Equal("POST", composed.Method);
        Assert.DoesNotContain(composed.Fields, f => f.Name == "Authorization");
    }

    [Fact]
    public void Only_the_name_of_the_model_is_changed()
    {
        const string Body = """{ "x":{"model":"fast"}, "model" : "f\u0061st",  "messages":[ {"model":"fast"} ], "é":1e5 }""";
        var server = Told.Server(new ModelServer { Model = "org/\"llama\"" });
        var composed = _api.Compose(_api.Read("/chat/completions", Body), server, "secret", null, out _)!;
        Assert.Equal(Body.Replace("\"f\\u0061st\"", "\"org/\\\"llama\\\"\"", StringComparison.Ordinal), Told.Text(composed.Body));
        Assert.Contains(("Authorization", "Bearer secret"), composed.Fields);
        Assert.Contains(("Accept-Encoding", "identity"), composed.Fields);
    }

    [Theory]
    [InlineData("\"messages\":[]", "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"stream\":true,\"messages\":[]}")]
    [InlineData("\"messages\":[],\"stream_options\":null",
        "{\"model\":\"m\",\"stream\":true,\"messages\":[],\"stream_options\":{\"include_usage\":true}}")]
    [InlineData("\"messages\":[],\"stream_options\":{ }",
        "{\"model\":\"m\",\"stream\":true,\"messages\":[],\"stream_options\":{\"include_usage\":true}}")]
    [InlineData("\"messages\":[],\"stream_options\":{\"x\":1}",
        "{\"model\":\"m\",\"stream\":true,\"messages\":[],\"stream_options\":{\"include_usage\":true,\"x\":1}}")]
    [InlineData("\"messages\":[],\"stream_options\":{\"x\":1,\"include_usage\":false}",
        "{\"model\":\"m\",\"stream\":true,\"messages\":[],\"stream_options\":{\"x\":1,\"include_usage\":true}}")]
    [InlineData("\"messages\":[],\"stream_options\":{\"include_usage\":true}",
        "{\"model\":\"m\",\"stream\":true,\"messages\":[],\"stream_options\":{\"include_usage\":true}}")]
    public void Usage_is_asked_for_on_the_way(string fields, string expected)
    {
        var body = "{\"model\":\"m\",\"stream\":true," + fields + "}";
        var request = _api.Read("/chat/completions", body);
        Assert.Equal(expected, Told.Text(_api.Compose(request, Told.Server(), null, null, out _)!.Body));
        request.AsksUsage = false;
        Assert.Equal(body, Told.Text(_api.Compose(request, Told.Server(), null, null, out _)!.Body));
    }

    [Theory]
    [InlineData("/chat/completions", """{"model":"m","messages":[]}""")]
    [InlineData("/responses", """{"model":"m","stream":true,"input":"x"}""")]
    [InlineData("/embeddings", """{"model":"m","stream":true,"input":"x"}""")]
    public void Usage_is_asked_for_only_where_it_would_not_come_anyway(string path, string body) =>
        Assert.Equal(body, Told.Text(_api.Compose(_api.Read(path, body), Told.Server(), null, null, out _)!.Body));

    [Fact]
    public void A_beginning_becomes_the_last_message()
    {
        var request = _api.Read("/chat/completions", """{"model":"m","messages":[{"role":"user","content":"Hi"} ]}""");
        var composed = _api.Compose(request, Told.Server(new ModelServer { Model = "own" }), null, "He said \"é\n", out _)!;
        Assert.Equal("""
            {"continue_final_message":true,"add_generation_prompt":false,"model":"own","messages":[{"role":"user","content":"Hi"} ,{"role":"assistant","content":"He said \"é\n"}]}
            """.Trim(), Told.Text(composed.Body));
        using var json = JsonDocument.Parse(composed.Body);
    }

    [Fact]
    public void A_beginning_goes_behind_the_one_of_the_caller()
    {
        var request = _api.Read("/chat/completions",
            """{"model":"m","continue_final_message":true,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"We"}]}""");
        Assert.Equal(
            """{"model":"m","continue_final_message":true,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Well"}]}""",
            Told.Text(_api.Compose(request, Told.Server(), null, "ll", out _)!.Body));
    }

    [Fact]
    public void A_beginning_goes_behind_the_prompt()
    {
        var request = _api.Read("/completions", """{"prompt":"Once","model":"m"}""");
        Assert.Equal("""{"prompt":"Once upon\ta","model":"m"}""", Told.Text(_api.Compose(request, Told.Server(), null, " upon\ta", out _)!.Body));
    }

    [Fact]
    public void What_cannot_be_gone_on_from_is_not()
    {
        var request = _api.Read("/chat/completions", """{"model":"m","messages":[],"tools":[{}]}""");
        Assert.Null(_api.Compose(request, Told.Server(), null, "Be", out var fault));
        Assert.Equal(400, fault!.Status);
    }

    [Fact]
    public void Templates_make_path_and_fields()
    {
        var server = Told.Server(new ModelServer
        {
            Model = "gpt 4",
            Path = "/openai/deployments/{model}{path}?api-version=2024-10-21",
            Headers = [new("api-key", "{key}"), new("x-model", "{model}")],
        });
        var request = _api.Read("/v1/chat/completions", """{"model":"m","messages":[]}""");
        var composed = _api.Compose(request, server, "secret", null, out _)!;
        Assert.Equal("/openai/deployments/gpt%204/chat/completions?api-version=2024-10-21", composed.Target);
        Assert.Contains(("api-key", "secret"), composed.Fields);
        Assert.Contains(("x-model", "gpt 4"), composed.Fields);
        Assert.DoesNotContain(composed.Fields, f => f.Name == "Authorization");
        request.Query = "?a=1";
        Assert.EndsWith("?api-version=2024-10-21&a=1", _api.Compose(request, server, null, null, out _)!.Target, StringComparison.Ordinal);
        Assert.DoesNotContain(_api.Compose(request, server, null, null, out _)!.Fields, f => f.Name == "api-key");
    }

    [Fact]
    public void A_form_is_changed_in_its_part()
    {
        const string Form = "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nfast\r\n--x--\r\n";
        var composed = _api.Compose(_api.Read("/audio/transcriptions", Form), Told.Server(new ModelServer { Model = "whisper" }), null, null, out _)!;
        Assert.Equal(Form.Replace("fast", "whisper", StringComparison.Ordinal), Told.Text(composed.Body));
        Assert.DoesNotContain(composed.Fields, f => f.Name == "Content-Type");
    }
}
