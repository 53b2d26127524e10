using System.Text;
using System.Text.Json;
using Mainstay.Routing;
using Mainstay.Tests.Routing;

namespace Mainstay.Tests.Models;

/// <summary>Short ways to ask a gateway for models and to let scripted servers answer.</summary>
internal static class ModelHouse
{
    public const string StreamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// <summary>A service of the model "fast" whose callers speak openai.</summary>
    public static Service Fast(params Server[] servers) => Tables.Service([.. servers.Select(s => s.Ai is null ? s with { Ai = new ModelServer { Api = ModelApi.OpenAi, Model = "m" } } : s)]) with
    {
        Name = "chat/fast",
        PathPrefix = "/v1",
        Strip = true,
        Api = ModelApi.OpenAi,
        Model = "fast",
        Retry = new RetryPolicy { ReplaySafe = true, Attempts = 4 },
        Timeouts = new Timeouts { FirstToken = TimeSpan.FromSeconds(5) },
    };

    public static Server As(this Server server, Func<ModelServer, ModelServer> change) =>
        server with { Ai = change(server.Ai ?? new ModelServer { Api = ModelApi.OpenAi, Model = "m" }) };

    public static Task<HttpResponseMessage> ChatAsync(this GatewayHouse house, bool stream, string more = "", string model = "fast") =>
        house.Caller.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, new Uri(house.Url, "/v1/chat/completions"))
            {
                Content = new StringContent($$"""{"model":"{{model}}","stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":"hi"}]{{more}}}""", Encoding.UTF8, "application/json"),
            },
            stream ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead).Patiently();

    /// <summary>A chunk that brings text.</summary>
    public static string Text(string text, string? finish = null) =>
        """data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"content":""" + JsonSerializer.Serialize(text)
        + """},"finish_reason":""" + (finish is null ? "null" : $"\"{finish}\"") + "}]}\n\n";

    public static string Role => """data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}""" + "\n\n";

    public const string Done = "data: [DONE]\n\n";

    public static string Whole(string text) =>
        $$$"""{"id":"c1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":{{{JsonSerializer.Serialize(text)}}}},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}""";

    public static string Error(string message, string code, string type = "invalid_request_error") =>
        $$$"""{"error":{"message":"{{{message}}}","type":"{{{type}}}","code":"{{{code}}}"}}""";

    /// <summary>Streams these events and ends well.</summary>
    public static ScriptedServer Streaming(params string[] events) => new(async delivery =>
    {
        await delivery.ReadBodyAsync();
        await delivery.SendAsync(StreamHead);
        foreach (var e in events)
            await delivery.SendChunkAsync(e);
        await delivery.SendChunkAsync("");
    });

    /// <summary>Streams these events and is cut off.</summary>
    public static ScriptedServer CutAfter(params string[] events) => new(async delivery =>
    {
        await delivery.ReadBodyAsync();
        await delivery.SendAsync(StreamHead);
        foreach (var e in events)
            await delivery.SendChunkAsync(e);
        await delivery.ResetAsync();
    });

    public static ScriptedServer Answering(string json, int status = 200, string more = "") => new(async delivery =>
    {
        await delivery.ReadBodyAsync();
        await delivery.SendAsync($"HTTP/1.1 {status} Scripted\r\n{more}Content-Length: {Encoding.UTF8.GetByteCount(json)}\r\nContent-Type: application/json\r\n\r\n{json}");
    });

    /// <summary>The text that the chunks of a stream bring, put together.</summary>
    public static string TextOf(string stream) => string.Concat(DataOf(stream).Where(d => d != "[DONE]").Select(data =>
    {
        using var json = JsonDocument.Parse(data);
        return json.RootElement.TryGetProperty("choices", out var choices) && choices.GetArrayLength() > 0
            && choices[0].GetProperty("delta").TryGetProperty("content", out var content) ? content.GetString() : "";
    }));

    public static IEnumerable<string> DataOf(string stream) =>
        stream.Split('\n').Where(l => l.StartsWith("data: ", StringComparison.Ordinal)).Select(l => l["data: ".Length..]);
}
