using System.Text;
using System.Text.Json;

namespace Mainstay.Engine;

/// <summary>What a caller of the openai API asks of the engine.</summary>
internal sealed record EngineRequest
{
    /// <summary>Bytes of text that count as one token, for want of a tokeniser.</summary>
    public const int BytesPerToken = 4;

    private const int MostTokens = 1_000_000;

    public required bool IsChat { get; init; }

    public required bool IsStream { get; init; }

    public required bool WantsUsage { get; init; }

    /// <summary>What the answer is to: all messages but a last one of the assistant; of a completion all to its last line break.</summary>
    public required string Prompt { get; init; }

    /// <summary>The beginning of the answer that the caller has already; empty: none.</summary>
    public required string Begun { get; init; }

    /// <summary>How many tokens the answer has from its first on; null: as the engine likes.</summary>
    public int? AnswerTokens { get; init; }

    /// <summary>How many new tokens the caller wants at most; null: all.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Estimated.</summary>
    public int PromptTokens => Math.Max(1, (Encoding.UTF8.GetByteCount(Prompt) + Encoding.UTF8.GetByteCount(Begun) + BytesPerToken - 1) / BytesPerToken);

    /// <summary>Reads a body.</summary>
    /// <param name="body">As it came.</param>
    /// <param name="isChat">Chat or plain completion.</param>
    /// <param name="fault">What is wrong with it; empty: nothing.</param>
    public static EngineRequest? Read(ReadOnlyMemory<byte> body, bool isChat, out string fault)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            fault = document.RootElement.ValueKind == JsonValueKind.Object ? "" : "The body must be a JSON object.";
            return fault.Length == 0 ? Read(document.RootElement, isChat, out fault) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            fault = $"The body is no request of this API: {e.Message}";
            return null;
        }
    }

    private static EngineRequest? Read(JsonElement root, bool isChat, out string fault)
    {
        var (prompt, begun) = ("", "");
        fault = "";
        if (isChat && !TryMessages(root, out prompt, out begun))
            fault = "`messages` must be a list of messages, each with a role and content.";
        if (!isChat && !TryPrompt(root, out prompt, out begun))
            fault = "`prompt` must be a string.";
        if (!TryCount(root, "answer_tokens", out var answer) || !TryCount(root, "max_tokens", out var most) || !TryCount(root, "max_completion_tokens", out var mostChat))
        {
            fault = $"`answer_tokens`, `max_tokens` and `max_completion_tokens` must be whole numbers from 0 to {MostTokens}.";
            return null;
        }
        return fault.Length > 0 ? null : new()
        {
            IsChat = isChat,
            IsStream = root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True,
            WantsUsage = root.TryGetProperty("stream_options", out var options) && options.ValueKind == JsonValueKind.Object
                && options.TryGetProperty("include_usage", out var usage) && usage.ValueKind == JsonValueKind.True,
            Prompt = prompt,
            Begun = begun,
            AnswerTokens = answer,
            MaxTokens = mostChat ?? most,
        };
    }

    private static bool TryMessages(JsonElement root, out string prompt, out string begun)
    {
        (prompt, begun) = ("", "");
        if (!root.TryGetProperty("messages", out var messages) || messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
            return false;
        var text = new StringBuilder();
        var left = messages.GetArrayLength();
        foreach (var message in messages.EnumerateArray())
        {
            if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("role", out var role))
                return false;
            var content = message.TryGetProperty("content", out var said) ? TextOf(said) : "";
            if (--left == 0 && role.GetString() == "assistant")
                begun = content;
            else
                text.Append(role.GetString()).Append(": ").Append(content).Append('\n');
        }
        prompt = text.ToString();
        return true;
    }

    private static string TextOf(JsonElement content) => content.ValueKind switch
    {
        JsonValueKind.String => content.GetString()!,
        JsonValueKind.Array => string.Concat(content.EnumerateArray().Select(part =>
            part.ValueKind == JsonValueKind.Object && part.TryGetProperty("text", out var text) ? text.GetString() : "")),
        _ => "",
    };

    /// <summary>Where a prompt of one string ends and its answer begins nobody can know; a line break is taken for it.</summary>
    private static bool TryPrompt(JsonElement root, out string prompt, out string begun)
    {
        (prompt, begun) = ("", "");
        if (!root.TryGetProperty("prompt", out var text) || text.ValueKind != JsonValueKind.String)
            return false;
        var whole = text.GetString()!;
        var end = whole.LastIndexOf('\n') + 1;
        (prompt, begun) = end > 0 ? (whole[..end], whole[end..]) : (whole, "");
        return true;
    }

    private static bool TryCount(JsonElement root, string name, out int? count)
    {
        count = null;
        if (!root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return true;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var number) || number is < 0 or > MostTokens)
            return false;
        count = number;
        return true;
    }
}
