using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Maps the messages of an openai chat: those of the system to its own field, tool calls and results to blocks.</summary>
internal sealed class AnthropicMessages(ArrayBufferWriter<byte> output)
{
    private bool _isFirst = true;
    private bool _isInResults;

    /// <summary>Writes "system", if there is one, and "messages".</summary>
    /// <param name="messages">Those of the request.</param>
    /// <param name="mayEndBegun">True if a last message of the assistant is the beginning of the answer.</param>
    /// <param name="begun">Text that goes behind the messages as the beginning of the answer; null: none.</param>
    /// <returns>What cannot be mapped; null: nothing.</returns>
    public ModelFault? Write(JsonElement messages, bool mayEndBegun, string? begun)
    {
        var all = messages.EnumerateArray();
        var index = 0;
        var isRead = all.MoveNext();
        for (var first = true; isRead && IsSystem(all.Current); index++, isRead = all.MoveNext())
        {
            output.Write(first ? ",\"system\":["u8 : ","u8);
            first = false;
            if (WriteTexts(Content(all.Current), $"messages[{index}].content") is { } fault)
                return fault;
        }
        output.Write(index > 0 ? "],\"messages\":["u8 : ",\"messages\":["u8);
        var lastIsAssistant = false;
        while (isRead)
        {
            var message = all.Current;
            lastIsAssistant = AnthropicMapping.Is(message, "role", "assistant"u8);
            var isTool = AnthropicMapping.Is(message, "role", "tool"u8);
            var isLast = !(isRead = all.MoveNext());
            if (Refused(message, index) is { } refused)
                return refused;
            if (isLast && lastIsAssistant && !mayEndBegun)
                return AnthropicMapping.Fault($"messages[{index}]", "a last message of the assistant would be gone on from there.");
            var fault = isTool ? WriteResult(message, index, !isLast && AnthropicMapping.Is(all.Current, "role", "tool"u8))
                : lastIsAssistant ? WriteAssistant(message, index, isLast ? begun : null)
                : WriteUser(message, index);
            if (fault is not null)
                return fault;
            index++;
        }
        if (begun is not null && !lastIsAssistant)
        {
            Next("{\"role\":\"assistant\",\"content\":"u8);
            JsonText.Write(output, begun);
            output.Write("}"u8);
        }
        output.Write("]"u8);
        return null;
    }

    private static bool IsSystem(JsonElement message) =>
        AnthropicMapping.Is(message, "role", "system"u8) || AnthropicMapping.Is(message, "role", "developer"u8);

    private static ModelFault? Refused(JsonElement message, int index)
    {
        var at = $"messages[{index}]";
        if (IsSystem(message))
            return AnthropicMapping.Fault(at, "messages of system or developer can stand at the beginning only.");
        if (!AnthropicMapping.Is(message, "role", "user"u8) && !AnthropicMapping.Is(message, "role", "assistant"u8) && !AnthropicMapping.Is(message, "role", "tool"u8))
            return AnthropicMapping.Fault(at + ".role", "it is none of system, developer, user, assistant and tool.");
        foreach (var field in (ReadOnlySpan<string>)["name", "function_call", "audio", "refusal"])
            if (message.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null)
                return AnthropicMapping.Fault($"{at}.{field}", "there is nothing like it there.");
        return null;
    }

    private ModelFault? WriteUser(JsonElement message, int index)
    {
        Next("{\"role\":\"user\",\"content\":"u8);
        var content = Content(message);
        var at = $"messages[{index}].content";
        if (content.ValueKind == JsonValueKind.String)
            Raw(content);
        else if (content.ValueKind == JsonValueKind.Array)
        {
            output.Write("["u8);
            var i = 0;
            foreach (var part in content.EnumerateArray())
            {
                if (i > 0)
                    output.Write(","u8);
                if (WritePart(part, $"{at}[{i++}]") is { } fault)
                    return fault;
            }
            output.Write("]"u8);
        }
        else
        {
            return AnthropicMapping.Fault(at, "it must be text or a list of parts.");
        }
        output.Write("}"u8);
        return null;
    }

    private ModelFault? WritePart(JsonElement part, string at)
    {
        if (AnthropicMapping.Is(part, "type", "text"u8) && part.TryGetProperty("text", out var text))
        {
            output.Write("{\"type\":\"text\",\"text\":"u8);
            Raw(text);
            output.Write("}"u8);
            return null;
        }
        if (!AnthropicMapping.Is(part, "type", "image_url"u8) || !part.TryGetProperty("image_url", out var image)
            || !image.TryGetProperty("url", out var address) || address.GetString() is not { } url)
            return AnthropicMapping.Fault(at, "only parts of the types text and image_url can be.");
        if (url.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || url.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            output.Write("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"u8);
            JsonText.Write(output, url);
            output.Write("}}"u8);
            return null;
        }
        // data:image/png;base64,iVBOR...
        const string Mark = ";base64,";
        var mark = url.IndexOf(Mark, StringComparison.OrdinalIgnoreCase);
        if (!url.StartsWith("data:", StringComparison.OrdinalIgnoreCase) || mark < 0)
            return AnthropicMapping.Fault(at + ".image_url.url", "it must be an http, https or base64 data URL.");
        output.Write("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"u8);
        JsonText.Write(output, url.AsSpan("data:".Length, mark - "data:".Length));
        output.Write(",\"data\":"u8);
        JsonText.Write(output, url.AsSpan(mark + Mark.Length));
        output.Write("}}"u8);
        return null;
    }

    private ModelFault? WriteAssistant(JsonElement message, int index, string? begun)
    {
        var content = Content(message);
        var at = $"messages[{index}]";
        var hasCalls = message.TryGetProperty("tool_calls", out var calls) && calls.ValueKind == JsonValueKind.Array && calls.GetArrayLength() > 0;
        Next("{\"role\":\"assistant\",\"content\":"u8);
        if (content.ValueKind == JsonValueKind.String && !hasCalls)
        {
            // The caller began the answer itself: its beginning grows.
            var raw = JsonMarshal.GetRawUtf8Value(content);
            output.Write(raw[..^1]);
            JsonText.WriteInner(output, begun);
            output.Write("\"}"u8);
            return null;
        }
        output.Write("["u8);
        // An empty text is no block there.
        var hasText = content.ValueKind == JsonValueKind.Array ? content.GetArrayLength() > 0
            : content.ValueKind == JsonValueKind.String && !content.ValueEquals(""u8);
        if (hasText && WriteTexts(content, at + ".content") is { } fault)
            return fault;
        if (hasCalls)
        {
            if (hasText)
                output.Write(","u8);
            if (WriteCalls(calls, at) is { } refused)
                return refused;
        }
        output.Write("]}"u8);
        return null;
    }

    private ModelFault? WriteCalls(JsonElement calls, string at)
    {
        var i = 0;
        foreach (var call in calls.EnumerateArray())
        {
            if (!call.TryGetProperty("function", out var function) || !call.TryGetProperty("id", out var id)
                || !function.TryGetProperty("name", out var name) || !function.TryGetProperty("arguments", out var arguments))
                return AnthropicMapping.Fault($"{at}.tool_calls[{i}]", "only calls of functions with id, name and arguments can be.");
            if (Object(arguments) is not { } input)
                return AnthropicMapping.Fault($"{at}.tool_calls[{i}].function.arguments", "they must be a JSON object.");
            output.Write(i++ > 0 ? ",{\"type\":\"tool_use\",\"id\":"u8 : "{\"type\":\"tool_use\",\"id\":"u8);
            Raw(id);
            output.Write(",\"name\":"u8);
            Raw(name);
            output.Write(",\"input\":"u8);
            output.Write(input);
            output.Write("}"u8);
        }
        return null;
    }

    // Results that follow each other go into one message, as the API wants them.
    private ModelFault? WriteResult(JsonElement message, int index, bool moreFollow)
    {
        var at = $"messages[{index}]";
        if (!message.TryGetProperty("tool_call_id", out var id) || id.ValueKind != JsonValueKind.String)
            return AnthropicMapping.Fault(at + ".tool_call_id", "the id of the call is missing.");
        if (_isInResults)
            output.Write(","u8);
        else
            Next("{\"role\":\"user\",\"content\":["u8);
        output.Write("{\"type\":\"tool_result\",\"tool_use_id\":"u8);
        Raw(id);
        output.Write(",\"content\":"u8);
        var content = Content(message);
        if (content.ValueKind == JsonValueKind.String)
        {
            Raw(content);
        }
        else
        {
            output.Write("["u8);
            if (WriteTexts(content, at + ".content") is { } fault)
                return fault;
            output.Write("]"u8);
        }
        output.Write("}"u8);
        _isInResults = moreFollow;
        if (!moreFollow)
            output.Write("]}"u8);
        return null;
    }

    // Text, or a list of parts that are text, as blocks.
    private ModelFault? WriteTexts(JsonElement content, string at)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            output.Write("{\"type\":\"text\",\"text\":"u8);
            Raw(content);
            output.Write("}"u8);
            return null;
        }
        if (content.ValueKind != JsonValueKind.Array || content.GetArrayLength() == 0)
            return AnthropicMapping.Fault(at, "it must be text or a list of parts that are text.");
        var i = 0;
        foreach (var part in content.EnumerateArray())
        {
            if (!AnthropicMapping.Is(part, "type", "text"u8) || !part.TryGetProperty("text", out var text))
                return AnthropicMapping.Fault($"{at}[{i}]", "only parts of the type text can be.");
            output.Write(i++ > 0 ? ",{\"type\":\"text\",\"text\":"u8 : "{\"type\":\"text\",\"text\":"u8);
            Raw(text);
            output.Write("}"u8);
        }
        return null;
    }

    // The JSON object in a string; nothing is taken for an empty one, as some clients send it.
    private static byte[]? Object(JsonElement text)
    {
        if (text.ValueKind != JsonValueKind.String)
            return null;
        var bytes = Encoding.UTF8.GetBytes(text.GetString()!);
        if (bytes.AsSpan().Trim(" \t\r\n"u8).IsEmpty)
            return "{}"u8.ToArray();
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return null;
            reader.Skip();
            reader.Read();
            return bytes;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonElement Content(JsonElement message) => message.TryGetProperty("content", out var content) ? content : default;

    private void Next(ReadOnlySpan<byte> opening)
    {
        if (!_isFirst)
            output.Write(","u8);
        _isFirst = false;
        output.Write(opening);
    }

    private void Raw(JsonElement value) => output.Write(JsonMarshal.GetRawUtf8Value(value));
}
