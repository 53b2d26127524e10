using System.Globalization;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>Chat completions, completions and embeddings as OpenAI's reference describes them.</summary>
internal sealed class OpenAiShape : ProviderApi
{
    /// <summary>Behind it a prompt of `completions` may have the beginning of its answer.</summary>
    public const string PromptEnd = "Answer:";

    private static readonly float[] Vector = [0.25f, -0.5f, 1, 0.125f];

    public override byte[] Done => Bytes("data: [DONE]\n\n");

    public override byte[] MalformedEvent => Bytes("data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"del\n\n");

    public override bool Speaks(string path) =>
        path.EndsWith("/completions", StringComparison.Ordinal) || path.EndsWith("/embeddings", StringComparison.Ordinal);

    public override bool IsStream(ProviderRequest request) => Flag(request, "stream");

    public override string? Begun(ProviderRequest request)
    {
        if (IsChat(request))
            return LastAssistant(request.Json);
        if (request.Json.ValueKind != JsonValueKind.Object || !request.Json.TryGetProperty("prompt", out var prompt))
            return null;
        var text = prompt.ToString();
        var at = text.IndexOf(PromptEnd, StringComparison.Ordinal);
        return at < 0 || at + PromptEnd.Length == text.Length ? null : text[(at + PromptEnd.Length)..];
    }

    public override byte[] Begin(ProviderRequest request) =>
        IsChat(request) ? Event(request, """{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}""") : [];

    public override byte[] Token(ProviderRequest request, string text, bool ascii = false) => Event(request, IsChat(request)
        ? $$"""{"index":0,"delta":{"content":{{Quote(text, ascii)}}},"logprobs":null,"finish_reason":null}"""
        : $$"""{"index":0,"text":{{Quote(text, ascii)}},"logprobs":null,"finish_reason":null}""");

    public override IEnumerable<byte[]> ToolCall(ProviderRequest request)
    {
        yield return Event(request,
            $$$"""{"index":0,"delta":{"tool_calls":[{"index":0,"id":{{{Quote(Tool.Id)}}},"type":"function","function":{"name":{{{Quote(Tool.Name)}}},"arguments":""}}]},"finish_reason":null}""");
        foreach (var part in Tool.Arguments)
            yield return Event(request, $$$"""{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":{{{Quote(part)}}}}}]},"finish_reason":null}""");
    }

    public override byte[] End(ProviderRequest request, bool isTool, int tokens, bool usage)
    {
        var reason = isTool ? "tool_calls" : "stop";
        byte[] end = Event(request, IsChat(request)
            ? $$"""{"index":0,"delta":{},"logprobs":null,"finish_reason":"{{reason}}"}"""
            : $$"""{"index":0,"text":"","logprobs":null,"finish_reason":"{{reason}}"}""");
        var wanted = request.Json.TryGetProperty("stream_options", out var options)
            && options.TryGetProperty("include_usage", out var include) && include.ValueKind == JsonValueKind.True;
        return usage && wanted ? [.. end, .. Bytes($"data: {{{Head(request)},\"choices\":[],\"usage\":{Usage(tokens)}}}\n\n")] : end;
    }

    public override byte[] ErrorEvent(ProviderError error) => [.. Bytes("data: "), .. ErrorBody(error), .. Bytes("\n\n")];

    public override byte[] Whole(ProviderRequest request, string text, bool isTool, int tokens, bool usage)
    {
        if (request.Path.EndsWith("/embeddings", StringComparison.Ordinal))
            return Embeddings(request);
        var choice = !IsChat(request) ? $"\"text\":{Quote(text)},\"finish_reason\":\"stop\""
            : isTool ? $"\"message\":{{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{{\"id\":{Quote(Tool.Id)},\"type\":\"function\",\"function\":"
                + $"{{\"name\":{Quote(Tool.Name)},\"arguments\":{Quote(string.Concat(Tool.Arguments))}}}}}]}},\"finish_reason\":\"tool_calls\""
            : $"\"message\":{{\"role\":\"assistant\",\"content\":{Quote(text)},\"refusal\":null}},\"finish_reason\":\"stop\"";
        var head = Head(request).Replace(".chunk\"", "\"", StringComparison.Ordinal);
        return Bytes($"{{{head},\"choices\":[{{\"index\":0,{choice},\"logprobs\":null}}]{(usage ? $",\"usage\":{Usage(tokens)}" : "")}}}");
    }

    public override byte[] ErrorBody(ProviderError error) => Bytes(
        $"{{\"error\":{{\"message\":{Quote(error.Message)},\"type\":{Quote(error.Type)},"
        + $"\"param\":{(error.Param is null ? "null" : Quote(error.Param))},\"code\":{(error.Code is null ? "null" : Quote(error.Code))}}}}}");

    /// <summary>Base64 if that is asked for, as the official clients do.</summary>
    private static byte[] Embeddings(ProviderRequest request)
    {
        var input = request.Json.GetProperty("input");
        var count = input.ValueKind == JsonValueKind.Array ? input.GetArrayLength() : 1;
        var vector = request.Json.TryGetProperty("encoding_format", out var format) && format.GetString() == "base64"
            ? Quote(Convert.ToBase64String([.. Vector.SelectMany(BitConverter.GetBytes)]))
            : $"[{string.Join(',', Vector.Select(v => v.ToString(CultureInfo.InvariantCulture)))}]";
        var rows = Enumerable.Range(0, count).Select(i => $"{{\"object\":\"embedding\",\"index\":{i},\"embedding\":{vector}}}");
        return Bytes($"{{\"object\":\"list\",\"data\":[{string.Join(',', rows)}],\"model\":{Quote(Model(request))},\"usage\":{{\"prompt_tokens\":{count},\"total_tokens\":{count}}}}}");
    }

    private static bool IsChat(ProviderRequest request) => request.Path.EndsWith("/chat/completions", StringComparison.Ordinal);

    private static byte[] Event(ProviderRequest request, string choice) => Bytes($"data: {{{Head(request)},\"choices\":[{choice}]}}\n\n");

    private static string Head(ProviderRequest request) =>
        $"\"id\":\"{(IsChat(request) ? "chatcmpl" : "cmpl")}-{request.Number}\",\"object\":\"{(IsChat(request) ? "chat.completion.chunk" : "text_completion")}\","
        + $"\"created\":1700000000,\"model\":{Quote(Model(request))},\"system_fingerprint\":\"fp_1\"";

    private static string Usage(int tokens) => $"{{\"prompt_tokens\":12,\"completion_tokens\":{tokens},\"total_tokens\":{12 + tokens}}}";
}
