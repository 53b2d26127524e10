using System.Net.Http.Headers;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>Asks for answers of models as a program does that reads every byte it gets.</summary>
internal sealed class ModelCaller(Uri traffic) : IDisposable
{
    public const string OpenAiPrefix = "/v1";
    public const string AnthropicPrefix = "/anthropic/v1";
    public const string Key = "sk-caller-of-mainstay";

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false }) { Timeout = Timeout.InfiniteTimeSpan };

    public void Dispose() => _http.Dispose();

    /// <summary>Asks as a mode says and reads to the end, whatever that is.</summary>
    /// <param name="mode">API, and whether a stream is wanted.</param>
    /// <param name="model">The name asked for.</param>
    /// <param name="more">Further members of the body, such as <c>,"temperature":7</c>.</param>
    /// <param name="cancel">Ends the caller's interest.</param>
    public Task<CallerAnswer> AskAsync(CallerMode mode, string model, string more = "", CancellationToken cancel = default) =>
        PostAsync(mode.Path, mode.Body(model, more), cancel);

    public async Task<CallerAnswer> PostAsync(string path, string body, CancellationToken cancel = default)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await PostAsync(path, content, cancel);
    }

    public async Task<CallerAnswer> PostAsync(string path, HttpContent content, CancellationToken cancel = default)
    {
        var answer = new CallerAnswer();
        var start = Patience.Clock.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(traffic, path)) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        request.Headers.Add("anthropic-version", "2023-06-01");
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
            answer.Status = (int)response.StatusCode;
            foreach (var (name, values) in response.Headers.Concat(response.Content.Headers))
                answer.Headers[name] = string.Join(", ", values);
            await ReadAsync(response, answer, start, cancel);
            foreach (var (name, values) in response.TrailingHeaders)
                answer.Headers[name] = string.Join(", ", values);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && cancel.IsCancellationRequested))
        {
            answer.Broken = e.Message;
        }
        answer.Took = Patience.Clock.GetElapsedTime(start);
        return answer;
    }

    private static async Task ReadAsync(HttpResponseMessage response, CallerAnswer answer, long start, CancellationToken cancel)
    {
        var isStream = response.Content.Headers.ContentType?.MediaType == "text/event-stream";
        await using var stream = await response.Content.ReadAsStreamAsync(cancel);
        var (decoder, events) = (new UTF8Encoding(false, throwOnInvalidBytes: true).GetDecoder(), new EventLines());
        var (bytes, chars, body) = (new byte[16 * 1024], new char[16 * 1024], new StringBuilder());
        try
        {
            int read;
            while ((read = await stream.ReadAsync(bytes, cancel)) > 0)
            {
                var text = new string(chars, 0, decoder.GetChars(bytes.AsSpan(0, read), chars, flush: false));
                body.Append(text);
                if (isStream)
                    foreach (var data in events.Feed(text))
                        answer.Take(data, Patience.Clock.GetElapsedTime(start));
            }
        }
        finally
        {
            answer.Body = body.ToString();
        }
        if (!isStream && response.Content.Headers.ContentType?.MediaType == "application/json")
            answer.TakeWhole();
    }
}

/// <summary>An API, and whether the answer is wanted as a stream.</summary>
internal sealed record CallerMode(string Api, bool IsStream)
{
    public static readonly CallerMode OpenAiStream = new("openai", true);
    public static readonly CallerMode OpenAiWhole = new("openai", false);
    public static readonly CallerMode AnthropicStream = new("anthropic", true);
    public static readonly CallerMode AnthropicWhole = new("anthropic", false);
    public static readonly CallerMode[] All = [OpenAiStream, OpenAiWhole, AnthropicStream, AnthropicWhole];
    public static readonly CallerMode[] Streams = [OpenAiStream, AnthropicStream];

    /// <summary>APIs of servers, in turn, that callers of openai are served by.</summary>
    private static readonly string[][] Others = [["anthropic"], ["bedrock"], ["sagemaker"], ["openai", "anthropic", "bedrock"], ["sagemaker", "openai", "anthropic"]];

    /// <summary>Callers of openai and servers of other APIs.</summary>
    public static readonly CallerMode[] Mapped =
        [.. Others.SelectMany(apis => new[] { true, false }.Select(isStream => new CallerMode("openai", isStream) { Servers = apis }))];

    /// <summary>openai's responses, as a stream and whole.</summary>
    public static readonly CallerMode[] Responses = [new("openai", true) { IsResponses = true }, new("openai", false) { IsResponses = true }];

    public bool IsResponses { get; private init; }

    /// <summary>What the servers speak, in turn, if it is not what callers do.</summary>
    public IReadOnlyList<string> Servers { get; private init; } = [Api];

    public bool IsOpenAi => Api == "openai";

    public string Path => IsResponses ? ModelCaller.OpenAiPrefix + "/responses" : IsOpenAi ? ModelCaller.OpenAiPrefix + "/chat/completions" : ModelCaller.AnthropicPrefix + "/messages";

    /// <summary>How a good answer ends.</summary>
    public string Finish => IsResponses ? "completed" : IsOpenAi ? "stop" : "end_turn";

    /// <summary>How an answer ends that calls a tool.</summary>
    public string ToolFinish => IsOpenAi ? "tool_calls" : "tool_use";

    public string Tools => IsOpenAi
        ? """,  "tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]"""
        : """,  "tools":[{"name":"get_weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]""";

    public string Body(string model, string more = "")
    {
        if (IsResponses)
            return $$"""{"model":{{FakeText.Quote(model)}},"input":"Tell me a story – ein Märchen.","stream":{{(IsStream ? "true" : "false")}}{{more}}}""";
        var limit = IsOpenAi ? (IsStream ? """,  "stream_options":{"include_usage":true}""" : "") : ""","max_tokens":1000""";
        return $$"""{"model":{{FakeText.Quote(model)}},"messages":[{"role":"user","content":"Tell me a story – ein Märchen."}],"stream":{{(IsStream ? "true" : "false")}}{{limit}}{{more}}}""";
    }

    public string ServerApi(int at) => Servers[at % Servers.Count];

    public bool Equals(CallerMode? other) => other is not null && ToString() == other.ToString();

    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    public override string ToString() =>
        $"{Api}{(IsResponses ? " responses" : "")} {(IsStream ? "stream" : "whole")}{(Servers is [var only] && only == Api ? "" : " on " + string.Join(", ", Servers))}";
}
