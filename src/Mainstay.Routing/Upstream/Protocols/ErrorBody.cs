using System.Text.Json;
using System.Text.RegularExpressions;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>The body of a provider's error, in any of the shapes that servers of models have.</summary>
/// <param name="IsJson">False: HTML, text, half a document, nothing.</param>
/// <param name="Message">The provider's words, at most 600 characters; empty: none.</param>
/// <param name="Type">Its word for the kind of error; empty: none.</param>
/// <param name="Code">Its word for programs; empty: none.</param>
/// <param name="Status">A status from 400 to 599 that it holds; null: none.</param>
internal readonly partial record struct ErrorBody(bool IsJson, string Message, string Type, string Code, int? Status)
{
    private const int LongestMessage = 600;
    private const int LongestBody = 1 << 16;

    /// <summary>True if the error stands in a place of its own, as the APIs of models have it, and is not just any JSON.</summary>
    public bool IsShaped { get; private init; }

    /// <summary>Reads openai's, anthropic's, Azure's and Google's shape, those of vLLM, SGLang, TGI and FastAPI, and events that say the same.</summary>
    public static ErrorBody Read(ReadOnlySpan<byte> body)
    {
        if (body.Length > LongestBody)
            return default(ErrorBody) with { Message = "", Type = "", Code = "" };
        try
        {
            var reader = new Utf8JsonReader(body);
            var root = JsonElement.ParseValue(ref reader);
            // Google's endpoint answers a list of one.
            if (root.ValueKind == JsonValueKind.Array && root.GetArrayLength() > 0)
                root = root[0];
            return root.ValueKind == JsonValueKind.Object ? Read(root) : new ErrorBody(true, Text(root), "", "", null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            var text = body.TrimStart(" \t\r\n"u8);
            var message = text is [] or [(byte)'<', ..] ? "" : System.Text.Encoding.UTF8.GetString(text);
            return new ErrorBody(false, Short(message), "", "", null);
        }
    }

    /// <summary>The message without what looks like a key: some servers repeat the one they refuse.</summary>
    public string MessageWithoutKeys => KeyLike().Replace(Message, "…");

    private static ErrorBody Read(JsonElement root)
    {
        // response.failed of the responses API.
        if (Field(root, "response") is { ValueKind: JsonValueKind.Object } response)
            root = response;
        var error = Field(root, "error");
        var from = error.ValueKind == JsonValueKind.Object ? error : root;
        var message = error.ValueKind == JsonValueKind.String ? Text(error) : Text(Field(from, "message", "detail", "Message"));
        var code = Text(Field(from, "code"));
        // An event named error says so in its type; what kind of error stands beside it.
        var type = Text(Field(from, "type", "error_type", "status", "__type"));
        if (type == "error")
            type = Text(Field(from, "error_type"));
        if (Field(from, "innererror", "inner_error") is { ValueKind: JsonValueKind.Object } inner && Text(Field(inner, "code")) is { Length: > 0 } reason)
            code = reason;
        var status = int.TryParse(code, out var number) || int.TryParse(Text(Field(root, "statusCode", "status_code", "status")), out number) ? number : 0;
        return new ErrorBody(true, message, type, int.TryParse(code, out _) ? "" : code, status is >= 400 and <= 599 ? status : null)
        {
            IsShaped = error.ValueKind is JsonValueKind.Object or JsonValueKind.String || type.Length > 0 || code.Length > 0,
        };
    }

    private static JsonElement Field(JsonElement of, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (of.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
                return value;
        return default;
    }

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null => "",
        JsonValueKind.String => Short(value.GetString()!),
        _ => Short(value.GetRawText()),
    };

    private static string Short(string text) => text.Length <= LongestMessage ? text : text[..LongestMessage] + "…";

    // The names of models have hyphens, keys without a prefix have none. The message is short: no clock is needed to bound the search.
    [GeneratedRegex(@"\b(sk|pk|rk|xai|gsk|hf|AIza|AKIA|ASIA)[-_]?[\w*.-]{8,}|(?<=Bearer )\S+|[\w-]*\*{3,}[\w-]*|\b(?=\w*\d)(?=\w*[A-Za-z])\w{28,}",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 10_000)]
    private static partial Regex KeyLike();
}
