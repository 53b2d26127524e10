using System.Text;
using System.Text.Json;
using Mainstay.Engine;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Mainstay.Tests.Engine;

public sealed class EngineEndpointsTests : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly EngineEndpoints _endpoints;
    private readonly EngineEndpoints _strict;
    private readonly Task _running;

    public EngineEndpointsTests()
    {
        var options = new EngineOptions { Step = TimeSpan.FromMilliseconds(1), Name = "east/1" };
        var (engine, strict) = (new SimulatedEngine(options, TimeProvider.System), new SimulatedEngine(options with { AcceptsPrefill = false }, TimeProvider.System));
        (_endpoints, _strict) = (new(engine, TimeProvider.System), new(strict, TimeProvider.System));
        _running = Task.WhenAll(engine.RunAsync(_stop.Token), strict.RunAsync(_stop.Token));
    }

    [Fact]
    public async Task A_stream_and_a_whole_answer_say_the_same()
    {
        var (_, whole) = await Ask(_endpoints, "/v1/chat/completions", """{"messages":[{"role":"user","content":"Hi"}],"answer_tokens":30}""");
        var (_, stream) = await Ask(_endpoints, "/v1/chat/completions", """{"messages":[{"role":"user","content":"Hi"}],"answer_tokens":30,"stream":true,"stream_options":{"include_usage":true}}""");
        using var json = JsonDocument.Parse(whole);
        var text = json.RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
        Assert.Equal(SimulatedText.Whole("user: Hi\n", 30), text);
        Assert.Equal(30, json.RootElement.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        var events = stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", events[^1]);
        Assert.Contains("\"completion_tokens\":30", events[^2], StringComparison.Ordinal);
        Assert.Contains("\"finish_reason\":\"stop\"", events[^3], StringComparison.Ordinal);
        Assert.Equal(text, string.Concat(events[1..^3].Select(Delta)));
        Assert.All(events[..^1], e => Assert.Contains("\"system_fingerprint\":\"east/1\"", e, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"BEGUN"}],"answer_tokens":30}""", "user: Hi\n")]
    [InlineData("/v1/completions", """{"prompt":"Say it.\nBEGUN","answer_tokens":30}""", "Say it.\n")]
    public async Task It_goes_on_after_a_beginning(string path, string body, string prompt)
    {
        var whole = SimulatedText.Whole(prompt, 30);
        var (_, answer) = await Ask(_endpoints, path, body.Replace("BEGUN", whole[..50], StringComparison.Ordinal));
        using var json = JsonDocument.Parse(answer);
        var choice = json.RootElement.GetProperty("choices")[0];
        var rest = choice.TryGetProperty("text", out var text) ? text : choice.GetProperty("message").GetProperty("content");
        Assert.Equal(whole[50..], rest.GetString());
    }

    [Fact]
    public async Task One_that_refuses_beginnings_says_so()
    {
        var (code, answer) = await Ask(_strict, "/v1/chat/completions", """{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"The"}]}""");
        Assert.Equal(400, code);
        Assert.Contains("prefill", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_tokens_than_the_caller_wants_are_not_made()
    {
        var (_, answer) = await Ask(_endpoints, "/v1/completions", """{"prompt":"Hi","answer_tokens":30,"max_tokens":7}""");
        Assert.Contains("\"finish_reason\":\"length\"", answer, StringComparison.Ordinal);
        Assert.Contains("\"completion_tokens\":7", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/chat/completions", "")]
    [InlineData("/v1/chat/completions", "[]")]
    [InlineData("/v1/chat/completions", "{}")]
    [InlineData("/v1/chat/completions", """{"messages":[5]}""")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"\ud800"}]}""")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"max_tokens":-1}""")]
    [InlineData("/v1/completions", """{"prompt":["a"]}""")]
    public async Task A_bad_body_is_refused_in_the_shape_of_the_API(string path, string body)
    {
        var (code, answer) = await Ask(_endpoints, path, body);
        Assert.Equal(400, code);
        using var json = JsonDocument.Parse(answer);
        Assert.True(json.RootElement.GetProperty("error").GetProperty("message").GetString()!.Length > 10);
    }

    [Fact]
    public void A_stamp_is_a_number_of_JSON()
    {
        var body = new System.Buffers.ArrayBufferWriter<byte>();
        new EngineWriter(new EngineOptions(), isChat: true, isStream: true, 1, 0).Token(body, "a", 42);
        using var json = JsonDocument.Parse(body.WrittenMemory["data: ".Length..]);
        Assert.Equal(42, json.RootElement.GetProperty("sent_at").GetInt64());
    }

    [Fact]
    public async Task Metrics_have_the_names_of_vLLM()
    {
        var (_, metrics) = await Ask(_endpoints, "/metrics", "", "GET");
        foreach (var name in (string[])["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "gpu_cache_usage_perc"])
            Assert.Contains($"\nvllm:{name}{{model_name=\"sim\"}} 0\n", metrics, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private static string Delta(string chunk)
    {
        using var json = JsonDocument.Parse(chunk["data: ".Length..]);
        return json.RootElement.GetProperty("choices")[0].GetProperty("delta").GetProperty("content").GetString()!;
    }

    private static async Task<(int Code, string Body)> Ask(EngineEndpoints endpoints, string path, string body, string method = "POST")
    {
        var context = new DefaultHttpContext();
        (context.Request.Method, context.Request.Path) = (method, path);
        context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        using var answer = new MemoryStream();
        context.Response.Body = answer;
        await endpoints.Answer(context);
        return (context.Response.StatusCode, Encoding.UTF8.GetString(answer.ToArray()));
    }
}
