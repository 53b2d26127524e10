using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Writes inferenceConfig and toolConfig of Bedrock's Converse from a chat request of openai.</summary>
internal static class BedrockTools
{
    public static void WriteInference(Utf8JsonWriter json, JsonElement chat, ref ModelFault? fault)
    {
        var most = Field(chat, "max_completion_tokens") ?? Field(chat, "max_tokens");
        var temperature = Field(chat, "temperature");
        var top = Field(chat, "top_p");
        var stop = Field(chat, "stop");
        if (most is null && temperature is null && top is null && stop is null)
            return;
        json.WriteStartObject("inferenceConfig");
        WriteNumber(json, "maxTokens", most);
        if (temperature is { } warm && warm.GetDouble() is < 0 or > 1)
            fault ??= ChatFields.Fault(ModelApi.Bedrock, "a temperature beyond 0 to 1", "temperature");
        WriteNumber(json, "temperature", temperature);
        WriteNumber(json, "topP", top);
        if (stop is { } words)
        {
            json.WritePropertyName("stopSequences");
            if (words.ValueKind == JsonValueKind.String)
                json.WriteStartArray();
            json.WriteRawValue(words.GetRawText(), skipInputValidation: true);
            if (words.ValueKind == JsonValueKind.String)
                json.WriteEndArray();
            else if (words.ValueKind != JsonValueKind.Array)
                throw new InvalidOperationException("stop must be a text or a list of texts.");
        }
        json.WriteEndObject();
    }

    public static void WriteTools(Utf8JsonWriter json, JsonElement chat, ref ModelFault? fault)
    {
        var choice = Field(chat, "tool_choice");
        if (Field(chat, "tools") is not { } tools || tools.GetArrayLength() == 0)
            return;
        // Without its tools Converse refuses a conversation in which one was used.
        if (choice is { ValueKind: JsonValueKind.String } none && none.ValueEquals("none"))
        {
            if (chat.GetProperty("messages").EnumerateArray().Any(m => m.TryGetProperty("tool_calls", out _) || m.TryGetProperty("tool_call_id", out _)))
                fault ??= ChatFields.Fault(ModelApi.Bedrock, "tool_choice: none after a tool was used", "tool_choice");
            return;
        }
        json.WriteStartObject("toolConfig");
        json.WriteStartArray("tools");
        var index = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            if (!tool.GetProperty("type").ValueEquals("function"))
                fault ??= ChatFields.Fault(ModelApi.Bedrock, $"a tool of the type {tool.GetProperty("type")}", $"tools[{index}]");
            else
                WriteTool(json, tool.GetProperty("function"));
            index++;
        }
        json.WriteEndArray();
        if (choice is { } wanted)
            WriteChoice(json, wanted, ref fault);
        json.WriteEndObject();
    }

    private static void WriteTool(Utf8JsonWriter json, JsonElement function)
    {
        json.WriteStartObject();
        json.WriteStartObject("toolSpec");
        json.WritePropertyName("name");
        json.WriteRawValue(function.GetProperty("name").GetRawText(), skipInputValidation: true);
        if (Field(function, "description") is { } description && !description.ValueEquals(""))
        {
            json.WritePropertyName("description");
            json.WriteRawValue(description.GetRawText(), skipInputValidation: true);
        }
        json.WriteStartObject("inputSchema");
        json.WritePropertyName("json");
        json.WriteRawValue(Field(function, "parameters") is { } schema ? schema.GetRawText() : """{"type":"object","properties":{}}""", skipInputValidation: true);
        json.WriteEndObject();
        if (Field(function, "strict") is { ValueKind: JsonValueKind.True })
            json.WriteBoolean("strict", true);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteChoice(Utf8JsonWriter json, JsonElement choice, ref ModelFault? fault)
    {
        var word = choice.ValueKind == JsonValueKind.String ? choice.GetString() : choice.GetProperty("type").GetString();
        var name = word switch { "auto" => "auto", "required" => "any", "function" => "tool", _ => null };
        if (name is null)
        {
            fault ??= ChatFields.Fault(ModelApi.Bedrock, $"tool_choice: {word}", "tool_choice");
            return;
        }
        json.WriteStartObject("toolChoice");
        json.WriteStartObject(name);
        if (word == "function")
        {
            json.WritePropertyName("name");
            json.WriteRawValue(choice.GetProperty("function").GetProperty("name").GetRawText(), skipInputValidation: true);
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, JsonElement? number)
    {
        if (number is not { } value)
            return;
        if (value.ValueKind != JsonValueKind.Number)
            throw new InvalidOperationException($"{name} must be a number.");
        json.WritePropertyName(name);
        json.WriteRawValue(value.GetRawText(), skipInputValidation: true);
    }

    private static JsonElement? Field(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
