using System.Text;
using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads whole answers of Bedrock's Converse.</summary>
internal static class BedrockAnswer
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = RequestScan.MostDepth };

    /// <returns>Null if it is none.</returns>
    public static WholeAnswer? Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var json = JsonDocument.Parse(body, Options);
            var root = json.RootElement;
            var content = root.GetProperty("output").GetProperty("message").GetProperty("content");
            var text = new StringBuilder();
            var tools = new List<(string, string, string)>();
            foreach (var block in content.EnumerateArray())
            {
                if (block.TryGetProperty("text", out var piece))
                    text.Append(Text(piece));
                else if (block.TryGetProperty("toolUse", out var use))
                    tools.Add((Text(use.GetProperty("toolUseId")), Text(use.GetProperty("name")),
                        use.TryGetProperty("input", out var input) ? input.GetRawText() : "{}"));
            }
            var word = root.TryGetProperty("stopReason", out var reason) ? reason.GetString() : null;
            return new WholeAnswer(text.ToString(), FinishOf(word), root.TryGetProperty("usage", out var usage) ? Usage(usage) : null)
            {
                Tools = tools,
                Verdict = Failure(word),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }

    public static FinishReason FinishOf(string? word) => word switch
    {
        "max_tokens" or "model_context_window_exceeded" => FinishReason.Length,
        "tool_use" => FinishReason.Tools,
        "guardrail_intervened" or "content_filtered" => FinishReason.Filter,
        null => FinishReason.None,
        _ => FinishReason.Stop,
    };

    public static string WordOf(FinishReason finish) => finish switch
    {
        FinishReason.Length => "max_tokens",
        FinishReason.Tools => "tool_use",
        FinishReason.Filter => "content_filtered",
        _ => "end_turn",
    };

    /// <summary>Reasons that are no end of an answer but a failure of the model; null: it is an end.</summary>
    public static ProviderVerdict? Failure(string? word) => word is "malformed_tool_use" or "malformed_model_output"
        ? new(ProviderSignal.Failed, $"The model gave up its answer ({word}).") { Code = word }
        : null;

    private static TokenUsage Usage(JsonElement usage)
    {
        return new(Of("inputTokens") + Of("cacheReadInputTokens") + Of("cacheWriteInputTokens"), Of("outputTokens"));

        long Of(string name) => usage.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var tokens) ? tokens : 0;
    }

    private static string Text(JsonElement text)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text.GetRawText()));
        reader.Read();
        return reader.TokenType == JsonTokenType.String ? JsonText.Read(ref reader) : throw new JsonException("A text was expected.");
    }
}
