using System.Text;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>How a provider's answers look in one API. What they say is decided elsewhere.</summary>
internal abstract class ProviderApi
{
    public static readonly (string Id, string Name, string[] Arguments) Tool = ("call_é1", "get_weather", ["{\"ci", "ty\":\"Zür", "ich\",\"days\"", ":3}"]);

    private static readonly ProviderApi[] All = [new OpenAiShape(), new ResponsesShape(), new AnthropicShape(), new BedrockShape(), new SageMakerShape(), new LambdaShape()];

    public virtual string StreamType => "text/event-stream; charset=utf-8";

    /// <summary>True if events are lines of text, which may end in CRLF and have comments between them.</summary>
    public virtual bool IsText => true;

    /// <summary>The API of a path, for one answer; null: none.</summary>
    public static ProviderApi? Of(string path) => All.FirstOrDefault(api => api.Speaks(path)) is var found and not ResponsesShape ? found : new ResponsesShape();

    public abstract bool Speaks(string path);

    public abstract bool IsStream(ProviderRequest request);

    /// <summary>The beginning of the answer that the request gives; null: none.</summary>
    public abstract string? Begun(ProviderRequest request);

    public virtual bool WantsTool(ProviderRequest request) =>
        request.Json.ValueKind == JsonValueKind.Object && (request.Json.TryGetProperty("tools", out _) || request.Json.TryGetProperty("toolConfig", out _))
        && !Encoding.UTF8.GetString(request.Body).Contains("tool_call_id", StringComparison.Ordinal)
        && !Encoding.UTF8.GetString(request.Body).Contains("tool_result", StringComparison.Ordinal);

    /// <summary>What stands before the first token.</summary>
    public abstract byte[] Begin(ProviderRequest request);

    public abstract byte[] Token(ProviderRequest request, string text, bool ascii = false);

    public abstract IEnumerable<byte[]> ToolCall(ProviderRequest request);

    /// <summary>The reason why it ended, and what was used.</summary>
    public abstract byte[] End(ProviderRequest request, bool isTool, int tokens, bool usage);

    /// <summary>The last mark of a stream.</summary>
    public abstract byte[] Done { get; }

    public abstract byte[] ErrorEvent(ProviderError error);

    public abstract byte[] MalformedEvent { get; }

    public abstract byte[] Whole(ProviderRequest request, string text, bool isTool, int tokens, bool usage);

    public abstract byte[] ErrorBody(ProviderError error);

    /// <summary>Header lines of an error beside its own.</summary>
    public virtual IEnumerable<string> ErrorHeaders(ProviderError error) => [];

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Quote(string text, bool ascii = false) => FakeText.Quote(text, ascii);

    /// <summary>The last message's text if it is an assistant's; content may be a string or a list of blocks with text.</summary>
    protected static string? LastAssistant(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty("messages", out var messages) || messages.GetArrayLength() == 0)
            return null;
        var last = messages[messages.GetArrayLength() - 1];
        if (last.GetProperty("role").GetString() != "assistant" || !last.TryGetProperty("content", out var content))
            return null;
        return content.ValueKind == JsonValueKind.String
            ? content.GetString()
            : string.Concat(content.EnumerateArray().Select(block => block.GetProperty("text").GetString()));
    }

    protected static bool Flag(ProviderRequest request, string name) =>
        request.Json.ValueKind == JsonValueKind.Object && request.Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    protected static string Model(ProviderRequest request) =>
        request.Json.ValueKind == JsonValueKind.Object && request.Json.TryGetProperty("model", out var model) ? model.ToString() : "";
}
