using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// Maps a chat request of openai to Bedrock's Converse. What Converse has no word for is a fault that names it; texts go over byte by byte.
/// Messages of one role in a row become one, because Converse wants them to alternate.
/// </summary>
internal sealed class BedrockMapping : IDisposable
{
    private readonly ArrayBufferWriter<byte> _output = new(4096);
    private readonly Utf8JsonWriter _json;
    private string? _role;
    private ModelFault? _fault;

    private BedrockMapping() => _json = new Utf8JsonWriter(_output, new JsonWriterOptions { SkipValidation = true });

    /// <param name="chat">The request; an object.</param>
    /// <param name="begun">Text of an answer that is gone on from; null: none.</param>
    /// <returns>The body; null with a fault if it cannot be mapped.</returns>
    public static ReadOnlyMemory<byte>? Map(JsonElement chat, string? begun, out ModelFault? fault)
    {
        using var mapping = new BedrockMapping();
        try
        {
            fault = ChatFields.Unmapped(
                chat, ModelApi.Bedrock, "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "tools", "tool_choice", "continue_final_message",
                "add_generation_prompt");
            if (fault is null)
                mapping.WriteBody(chat, begun);
            fault ??= mapping._fault;
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException)
        {
            // A value of another kind than openai says, one that is missing, or half of a surrogate pair in a name.
            fault = new(400, "A field of this request is missing or of another kind than the API openai says, so that it cannot be mapped to bedrock.") { Code = "invalid_type" };
        }
        mapping._json.Flush();
        return fault is null ? mapping._output.WrittenMemory : (ReadOnlyMemory<byte>?)null;
    }

    public void Dispose() => _json.Dispose();

    private void WriteBody(JsonElement chat, string? begun)
    {
        _json.WriteStartObject();
        var messages = chat.GetProperty("messages");
        var system = WriteSystem(messages);
        _json.WriteStartArray("messages");
        var index = -1;
        foreach (var message in messages.EnumerateArray())
            if (++index >= system)
                WriteMessage(message, $"messages[{index}]");
        EndChat(chat, begun, index);
        if (_role is not null)
            EndMessage();
        _json.WriteEndArray();
        BedrockTools.WriteInference(_json, chat, ref _fault);
        BedrockTools.WriteTools(_json, chat, ref _fault);
        _json.WriteEndObject();
    }

    /// <summary>Writes the messages of the system at the beginning.</summary>
    /// <returns>How many they are.</returns>
    private int WriteSystem(JsonElement messages)
    {
        var count = 0;
        foreach (var message in messages.EnumerateArray())
        {
            if (!IsSystem(Role(message)))
                break;
            if (count++ == 0)
                _json.WriteStartArray("system");
            WriteContent(message, $"messages[{count - 1}]", isSystem: true);
        }
        if (count > 0)
            _json.WriteEndArray();
        return count;
    }

    private void EndChat(JsonElement chat, string? begun, int last)
    {
        var continues = chat.TryGetProperty("continue_final_message", out var flag) && flag.ValueKind == JsonValueKind.True;
        // For openai it is one more message of the past, for Converse the beginning of the answer.
        if (_role == "assistant" && !continues)
            Refuse("a last message of the assistant", $"messages[{last}]");
        if (begun is null)
            return;
        Open("assistant");
        _json.WriteStartObject();
        _json.WritePropertyName("text");
        WriteText(begun);
        _json.WriteEndObject();
    }

    private void WriteMessage(JsonElement message, string where)
    {
        switch (Role(message))
        {
            case "user":
                Open("user");
                WriteContent(message, where);
                break;
            case "assistant":
                Open("assistant");
                WriteContent(message, where);
                foreach (var other in (ReadOnlySpan<string>)["function_call", "audio"])
                    if (message.TryGetProperty(other, out var value) && value.ValueKind != JsonValueKind.Null)
                        Refuse(other, $"{where}.{other}");
                if (message.TryGetProperty("tool_calls", out var calls) && calls.ValueKind != JsonValueKind.Null)
                    foreach (var call in calls.EnumerateArray())
                        WriteCall(call, $"{where}.tool_calls");
                break;
            case "tool":
                Open("user");
                WriteResult(message, where);
                break;
            case var role when IsSystem(role):
                Refuse("a message of the system after the conversation has begun", where);
                break;
            case var role:
                Refuse($"the role {role}", $"{where}.role");
                break;
        }
    }

    private void WriteContent(JsonElement message, string where, bool isSystem = false)
    {
        if (!message.TryGetProperty("content", out var content) || content.ValueKind == JsonValueKind.Null)
        {
            if (message.TryGetProperty("refusal", out var refusal) && refusal.ValueKind == JsonValueKind.String)
                WriteTextBlock(refusal);
            return;
        }
        if (content.ValueKind == JsonValueKind.String)
        {
            WriteTextBlock(content);
            return;
        }
        var index = 0;
        foreach (var part in content.EnumerateArray())
        {
            var at = $"{where}.content[{index++}]";
            switch (part.GetProperty("type").GetString())
            {
                case "text":
                    WriteTextBlock(part.GetProperty("text"));
                    break;
                case "refusal":
                    WriteTextBlock(part.GetProperty("refusal"));
                    break;
                case "image_url" when !isSystem:
                    WriteImage(part.GetProperty("image_url"), at);
                    break;
                case var type:
                    Refuse($"content of the type {type}", at);
                    break;
            }
        }
    }

    // Converse refuses an empty text, and an empty text says nothing.
    private void WriteTextBlock(JsonElement text)
    {
        if (text.ValueKind != JsonValueKind.String)
            throw new InvalidOperationException("A text was expected.");
        if (text.ValueEquals(""))
            return;
        _json.WriteStartObject();
        _json.WritePropertyName("text");
        _json.WriteRawValue(text.GetRawText(), skipInputValidation: true);
        _json.WriteEndObject();
    }

    private void WriteImage(JsonElement image, string where)
    {
        var url = (image.ValueKind == JsonValueKind.Object ? image.GetProperty("url") : image).GetString() ?? "";
        const string Before = "data:image/";
        const string Behind = ";base64,";
        var comma = url.IndexOf(Behind, StringComparison.OrdinalIgnoreCase);
        var format = url.StartsWith(Before, StringComparison.OrdinalIgnoreCase) && comma > 0 ? url[Before.Length..comma].ToLowerInvariant() : "";
        format = format == "jpg" ? "jpeg" : format;
        if (format is not ("png" or "jpeg" or "gif" or "webp"))
        {
            Refuse("an image that is no data: URL of png, jpeg, gif or webp", $"{where}.image_url.url");
            return;
        }
        _json.WriteStartObject();
        _json.WriteStartObject("image");
        _json.WriteString("format", format);
        _json.WriteStartObject("source");
        _json.WriteString("bytes", url.AsSpan(comma + Behind.Length));
        _json.WriteEndObject();
        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    private void WriteCall(JsonElement call, string where)
    {
        if (call.TryGetProperty("type", out var type) && !type.ValueEquals("function"))
        {
            Refuse($"a tool call of the type {type}", where);
            return;
        }
        var function = call.GetProperty("function");
        var arguments = function.TryGetProperty("arguments", out var given) ? given.GetString() ?? "" : "";
        try
        {
            using var input = JsonDocument.Parse(arguments.Length == 0 ? "{}" : arguments);
            if (input.RootElement.ValueKind != JsonValueKind.Object)
                throw new JsonException("No object.");
        }
        catch (JsonException)
        {
            Refuse("a tool call whose arguments are no JSON object", $"{where}.function.arguments");
            return;
        }
        _json.WriteStartObject();
        _json.WriteStartObject("toolUse");
        WriteRaw("toolUseId", call.GetProperty("id"));
        WriteRaw("name", function.GetProperty("name"));
        _json.WritePropertyName("input");
        _json.WriteRawValue(arguments.Length == 0 ? "{}" : arguments, skipInputValidation: true);
        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    private void WriteResult(JsonElement message, string where)
    {
        _json.WriteStartObject();
        _json.WriteStartObject("toolResult");
        WriteRaw("toolUseId", message.GetProperty("tool_call_id"));
        _json.WriteStartArray("content");
        WriteContent(message, where);
        _json.WriteEndArray();
        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    private void Open(string role)
    {
        if (_role == role)
            return;
        if (_role is not null)
            EndMessage();
        _role = role;
        _json.WriteStartObject();
        _json.WriteString("role", role);
        _json.WriteStartArray("content");
    }

    private void EndMessage()
    {
        _json.WriteEndArray();
        _json.WriteEndObject();
    }

    private void WriteText(string text)
    {
        var raw = new ArrayBufferWriter<byte>(text.Length + 16);
        JsonText.Write(raw, text);
        _json.WriteRawValue(raw.WrittenSpan, skipInputValidation: true);
    }

    private void WriteRaw(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw new InvalidOperationException($"{name} must be a text.");
        _json.WritePropertyName(name);
        _json.WriteRawValue(value.GetRawText(), skipInputValidation: true);
    }

    private void Refuse(string what, string where) => _fault ??= ChatFields.Fault(ModelApi.Bedrock, what, where);

    private static string Role(JsonElement message) => message.GetProperty("role").GetString() ?? "";

    private static bool IsSystem(string role) => role is "system" or "developer";
}
