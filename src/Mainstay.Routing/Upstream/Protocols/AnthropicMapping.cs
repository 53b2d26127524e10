using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// Maps a chat request of the openai API to a message request of the anthropic API: exactly, or not at all. Texts are taken over byte by
/// byte. docs/operate/models.md lists what is mapped, refused and left out.
/// </summary>
internal sealed class AnthropicMapping
{
    /// <summary>Tokens of an answer where the caller does not say: the API wants a number.</summary>
    public const int DefaultMaxTokens = 4096;

    private readonly ArrayBufferWriter<byte> _output;
    private JsonElement _messages;
    private JsonElement _tools;
    private JsonElement _toolChoice;
    private bool _hasOneCall;
    private ModelFault? _fault;

    private AnthropicMapping(int length) => _output = new ArrayBufferWriter<byte>(length + 256);

    /// <param name="request">Of the openai API.</param>
    /// <param name="model">The server's name of the model.</param>
    /// <param name="begun">The beginning of the answer; null: none.</param>
    /// <param name="fault">What cannot be mapped; null if a body is returned.</param>
    public static ReadOnlyMemory<byte>? Body(ModelRequest request, string model, string? begun, out ModelFault? fault)
    {
        if (request.Operation != ModelOperation.Chat || request.Json.ValueKind != JsonValueKind.Object)
        {
            fault = new(400, $"A server of the API anthropic answers chat completions only, not {request.Path}.") { Code = "cannot_be_mapped" };
            return null;
        }
        var mapping = new AnthropicMapping(request.Body.Length);
        try
        {
            mapping.Write(request, model, begun);
        }
        catch (InvalidOperationException)
        {
            mapping.Refuse("messages", "it has a field of another type than the API says.");
        }
        fault = mapping._fault;
        // A bare null would become an empty body: an array converts to one.
        return fault is null ? mapping._output.WrittenMemory : default(ReadOnlyMemory<byte>?);
    }

    private void Write(ModelRequest request, string model, string? begun)
    {
        _output.Write("{\"model\":"u8);
        JsonText.Write(_output, model);
        _output.Write(",\"max_tokens\":"u8);
        JsonText.Write(_output, Math.Max(1, (request.MaxTokens ?? DefaultMaxTokens) - (begun is null ? 0 : request.SentTokens)));
        if (request.IsStream)
            _output.Write(",\"stream\":true"u8);
        foreach (var field in request.Json.EnumerateObject())
            if (field.Value.ValueKind != JsonValueKind.Null && !Take(field.Name, field.Value))
                return;
        if (_tools.ValueKind == JsonValueKind.Array && _tools.GetArrayLength() > 0)
            WriteTools();
        if (_fault is not null)
            return;
        var writer = new AnthropicMessages(_output);
        _fault = writer.Write(_messages, request.IsContinuable, begun);
        _output.Write("}"u8);
    }

    // False: it is refused.
    private bool Take(string name, JsonElement value)
    {
        switch (name)
        {
            case "model" or "stream" or "max_tokens" or "max_completion_tokens":
            // Without meaning for the answer, or told to the provider of the caller's choice alone.
            case "stream_options" or "store" or "metadata" or "service_tier" or "prediction" or "prompt_cache_key" or "prompt_cache_retention"
                or "safety_identifier":
            // What they say stands in ModelRequest.IsContinuable.
            case "continue_final_message" or "add_generation_prompt":
                return true;
            case "messages":
                _messages = value;
                return true;
            case "tools":
                _tools = value;
                return true;
            case "tool_choice":
                _toolChoice = value;
                return true;
            case "parallel_tool_calls":
                _hasOneCall = value.ValueKind == JsonValueKind.False;
                return true;
            case "temperature":
                return value.TryGetDouble(out var heat) && heat is >= 0 and <= 1
                    ? Raw(",\"temperature\":"u8, value)
                    : Refuse(name, "it goes from 0 to 1 there.");
            case "top_p":
                return Raw(",\"top_p\":"u8, value);
            case "user":
                return Raw(",\"metadata\":{\"user_id\":"u8, value) && Raw("}"u8);
            case "stop":
                return value.ValueKind == JsonValueKind.String
                    ? Raw(",\"stop_sequences\":["u8, value) && Raw("]"u8)
                    : Raw(",\"stop_sequences\":"u8, value);
            default:
                return SaysNothing(name, value) || Refuse(name, "there is nothing like it there.");
        }
    }

    // Fields that are often sent with the value that they have anyway.
    private static bool SaysNothing(string name, JsonElement value) => name switch
    {
        "n" => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var n) && n == 1,
        "logprobs" => value.ValueKind == JsonValueKind.False,
        "presence_penalty" or "frequency_penalty" => value.TryGetDouble(out var penalty) && penalty == 0,
        "logit_bias" => value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any(),
        "functions" => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0,
        "response_format" => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && type.ValueEquals("text"u8),
        "modalities" => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(m => m.ValueEquals("text"u8)),
        _ => false,
    };

    private void WriteTools()
    {
        _output.Write(",\"tools\":["u8);
        var i = 0;
        foreach (var tool in _tools.EnumerateArray())
        {
            var param = $"tools[{i}]";
            if (!Is(tool, "type", "function"u8) || !tool.TryGetProperty("function", out var function) || !function.TryGetProperty("name", out var name))
            {
                Refuse(param, "only tools of the type function with a name can be.");
                return;
            }
            Raw(i++ > 0 ? ",{\"name\":"u8 : "{\"name\":"u8, name);
            if (function.TryGetProperty("description", out var description) && description.ValueKind == JsonValueKind.String)
                Raw(",\"description\":"u8, description);
            if (function.TryGetProperty("parameters", out var parameters) && parameters.ValueKind == JsonValueKind.Object)
                Raw(",\"input_schema\":"u8, parameters);
            else
                Raw(",\"input_schema\":{\"type\":\"object\",\"properties\":{}}"u8);
            if (function.TryGetProperty("strict", out var strict) && strict.ValueKind == JsonValueKind.True)
                Raw(",\"strict\":true"u8);
            Raw("}"u8);
        }
        _output.Write("]"u8);
        WriteToolChoice();
    }

    private void WriteToolChoice()
    {
        var only = _hasOneCall ? ",\"disable_parallel_tool_use\":true}"u8 : "}"u8;
        if (_toolChoice.ValueKind == JsonValueKind.Undefined)
        {
            if (_hasOneCall)
                _output.Write(",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"u8);
        }
        else if (_toolChoice.ValueKind == JsonValueKind.String && _toolChoice.ValueEquals("none"u8))
        {
            _output.Write(",\"tool_choice\":{\"type\":\"none\"}"u8);
        }
        else if (_toolChoice.ValueKind == JsonValueKind.String && (_toolChoice.ValueEquals("auto"u8) || _toolChoice.ValueEquals("required"u8)))
        {
            _output.Write(_toolChoice.ValueEquals("auto"u8) ? ",\"tool_choice\":{\"type\":\"auto\""u8 : ",\"tool_choice\":{\"type\":\"any\""u8);
            _output.Write(only);
        }
        else if (Is(_toolChoice, "type", "function"u8) && _toolChoice.TryGetProperty("function", out var function)
            && function.TryGetProperty("name", out var name))
        {
            Raw(",\"tool_choice\":{\"type\":\"tool\",\"name\":"u8, name);
            _output.Write(only);
        }
        else
        {
            Refuse("tool_choice", "it is none of none, auto, required and one function.");
        }
    }

    private bool Raw(ReadOnlySpan<byte> before, JsonElement value)
    {
        _output.Write(before);
        _output.Write(JsonMarshal.GetRawUtf8Value(value));
        return true;
    }

    private bool Raw(ReadOnlySpan<byte> bytes)
    {
        _output.Write(bytes);
        return true;
    }

    private bool Refuse(string field, string why)
    {
        _fault ??= Fault(field, why);
        return false;
    }

    /// <summary>What is said of a field that cannot be mapped.</summary>
    public static ModelFault Fault(string field, string why) =>
        new(400, $"'{field}' cannot be mapped to the server that is left, which speaks the API anthropic: {why}") { Param = field, Code = "cannot_be_mapped" };

    /// <summary>True if a field of an object is this string.</summary>
    public static bool Is(JsonElement of, string name, ReadOnlySpan<byte> text) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.ValueEquals(text);
}
