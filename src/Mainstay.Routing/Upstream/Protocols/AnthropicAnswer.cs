using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads whole answers of servers of the anthropic API.</summary>
internal static class AnthropicAnswer
{
    /// <returns>Null if it is no message: HTML, half a document, another object.</returns>
    public static WholeAnswer? Read(ModelRequest request, ReadOnlySpan<byte> body)
    {
        if (request.Operation != ModelOperation.Chat)
            return new WholeAnswer("", FinishReason.None, null);
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });
            var root = JsonElement.ParseValue(ref reader);
            // Throws if something follows.
            reader.Read();
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            if (Text(root, "type") == "error")
                return OpenAiAnswer.Failed(body);
            return root.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.Array ? Read(root, content) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static WholeAnswer Read(JsonElement root, JsonElement content)
    {
        var text = new StringBuilder();
        var tools = new List<(string, string, string)>();
        foreach (var block in content.EnumerateArray())
            if (Text(block, "type") is "text")
                text.Append(Text(block, "text"));
            else if (Text(block, "type") is "tool_use")
                tools.Add((Text(block, "id"), Text(block, "name"), block.TryGetProperty("input", out var input)
                    ? Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(input)) : "{}"));
        return new WholeAnswer(text.ToString(), AnthropicStream.FinishOf(Text(root, "stop_reason")), Usage(root))
        {
            Id = Text(root, "id"),
            Model = Text(root, "model"),
            Tools = tools,
        };
    }

    private static TokenUsage? Usage(JsonElement root) =>
        root.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object
            ? new TokenUsage(
                Number(usage, "input_tokens") + Number(usage, "cache_read_input_tokens") + Number(usage, "cache_creation_input_tokens"),
                Number(usage, "output_tokens"))
            : null;

    private static long Number(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;

    private static string Text(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? JsonText.Read(value) : "";
}
