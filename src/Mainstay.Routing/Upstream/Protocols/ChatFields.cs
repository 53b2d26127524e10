using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Fields of openai's chat requests that other APIs have no word for: what may be left out, and what may not.</summary>
internal static class ChatFields
{
    /// <summary>They change nothing of what an answer may be: labels, hints, what concerns openai's own house.</summary>
    private static readonly HashSet<string> Harmless = new(StringComparer.Ordinal)
    {
        "model", "messages", "stream", "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention", "prediction",
    };

    /// <summary>What of a request cannot be mapped; null: all of it can.</summary>
    /// <param name="chat">The body.</param>
    /// <param name="api">To which API.</param>
    /// <param name="mapped">Fields that this API has words for.</param>
    public static ModelFault? Unmapped(JsonElement chat, ModelApi api, params ReadOnlySpan<string> mapped)
    {
        foreach (var field in chat.EnumerateObject())
            if (field.Value.ValueKind != JsonValueKind.Null && !Harmless.Contains(field.Name) && !mapped.Contains(field.Name) && !SaysNothing(field.Name, field.Value))
                return Fault(api, field.Name, field.Name);
        return null;
    }

    /// <param name="what">What cannot be mapped, in words.</param>
    /// <param name="param">Where it stands, such as <c>messages[3].content[0]</c>.</param>
    public static ModelFault Fault(ModelApi api, string what, string param) => new(
        400, $"The server that is left speaks {api.ToString().ToLowerInvariant()}, and '{what}' of this request cannot be mapped to it exactly. Leave it out, or ask for a model that has it.")
    {
        Code = "cannot_be_mapped",
        Param = param,
    };

    // The value that stands for: nothing special.
    private static bool SaysNothing(string name, JsonElement value) => name switch
    {
        "n" or "best_of" => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count == 1,
        "presence_penalty" or "frequency_penalty" or "top_logprobs" => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var weight) && weight == 0,
        "logprobs" or "continue_final_message" => value.ValueKind == JsonValueKind.False,
        "parallel_tool_calls" or "add_generation_prompt" => value.ValueKind == JsonValueKind.True,
        "logit_bias" => value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any(),
        "tools" or "functions" => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0,
        "response_format" => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && type.ValueEquals("text"),
        "modalities" => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(m => m.ValueKind == JsonValueKind.String && m.ValueEquals("text")),
        _ => false,
    };
}
