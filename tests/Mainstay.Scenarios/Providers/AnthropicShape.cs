using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>Messages as Anthropic's reference describes them.</summary>
internal sealed class AnthropicShape : ProviderApi
{
    public override byte[] Done => Event("message_stop", "");

    public override byte[] MalformedEvent => Bytes("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"del\n\n");

    public override bool Speaks(string path) => path.EndsWith("/messages", StringComparison.Ordinal);

    public override bool IsStream(ProviderRequest request) => Flag(request, "stream");

    public override string? Begun(ProviderRequest request) => LastAssistant(request.Json);

    public override byte[] Begin(ProviderRequest request) =>
    [
        .. Event("message_start",
            $",\"message\":{{\"id\":\"msg_{request.Number}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":{Quote(Model(request))},\"content\":[],"
            + "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}"),
        .. WantsTool(request) ? [] : Event("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}"),
        .. Event("ping", ""),
    ];

    public override byte[] Token(ProviderRequest request, string text, bool ascii = false) =>
        Event("content_block_delta", $",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":{Quote(text, ascii)}}}");

    public override IEnumerable<byte[]> ToolCall(ProviderRequest request)
    {
        yield return Event("content_block_start",
            $",\"index\":0,\"content_block\":{{\"type\":\"tool_use\",\"id\":{Quote(Tool.Id)},\"name\":{Quote(Tool.Name)},\"input\":{{}}}}");
        foreach (var part in Tool.Arguments)
            yield return Event("content_block_delta", $",\"index\":0,\"delta\":{{\"type\":\"input_json_delta\",\"partial_json\":{Quote(part)}}}");
    }

    public override byte[] End(ProviderRequest request, bool isTool, int tokens, bool usage) =>
    [
        .. Event("content_block_stop", ",\"index\":0"),
        .. Event("message_delta",
            $",\"delta\":{{\"stop_reason\":\"{(isTool ? "tool_use" : "end_turn")}\",\"stop_sequence\":null}}{(usage ? $",\"usage\":{{\"output_tokens\":{tokens}}}" : "")}"),
    ];

    public override byte[] ErrorEvent(ProviderError error) => [.. Bytes("event: error\ndata: "), .. ErrorBody(error), .. Bytes("\n\n")];

    public override byte[] Whole(ProviderRequest request, string text, bool isTool, int tokens, bool usage)
    {
        var content = isTool
            ? $"{{\"type\":\"tool_use\",\"id\":{Quote(Tool.Id)},\"name\":{Quote(Tool.Name)},\"input\":{string.Concat(Tool.Arguments)}}}"
            : $"{{\"type\":\"text\",\"text\":{Quote(text)}}}";
        return Bytes(
            $"{{\"id\":\"msg_{request.Number}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":{Quote(Model(request))},\"content\":[{content}],"
            + $"\"stop_reason\":\"{(isTool ? "tool_use" : "end_turn")}\",\"stop_sequence\":null"
            + $"{(usage ? $",\"usage\":{{\"input_tokens\":12,\"output_tokens\":{tokens}}}" : "")}}}");
    }

    public override byte[] ErrorBody(ProviderError error) =>
        Bytes($"{{\"type\":\"error\",\"error\":{{\"type\":{Quote(error.Type)},\"message\":{Quote(error.Message)}}},\"request_id\":\"req_1\"}}");

    private static byte[] Event(string name, string rest) => Bytes($"event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
}
