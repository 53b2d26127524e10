using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>Converse and ConverseStream of Amazon Bedrock's runtime.</summary>
internal sealed class BedrockShape : ProviderApi
{
    public override string StreamType => "application/vnd.amazon.eventstream";

    public override bool IsText => false;

    /// <summary>Streams have none: the last event is the metadata.</summary>
    public override byte[] Done => [];

    public override byte[] MalformedEvent => EventFrame.Event("contentBlockDelta", """{"contentBlockIndex":0,"del""");

    public override bool Speaks(string path) =>
        path.EndsWith("/converse", StringComparison.Ordinal) || path.EndsWith("/converse-stream", StringComparison.Ordinal);

    public override bool IsStream(ProviderRequest request) => request.Path.EndsWith("-stream", StringComparison.Ordinal);

    public override string? Begun(ProviderRequest request) => LastAssistant(request.Json);

    public override byte[] Begin(ProviderRequest request) => EventFrame.Event("messageStart", """{"role":"assistant"}""");

    public override byte[] Token(ProviderRequest request, string text, bool ascii = false) =>
        EventFrame.Event("contentBlockDelta", $$$"""{"contentBlockIndex":0,"delta":{"text":{{{Quote(text, ascii)}}}},"p":"abc"}""");

    public override IEnumerable<byte[]> ToolCall(ProviderRequest request)
    {
        yield return EventFrame.Event("contentBlockStart",
            $$$$"""{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":{{{{Quote("tooluse_1")}}}},"name":{{{{Quote(Tool.Name)}}}}}}}""");
        foreach (var part in Tool.Arguments)
            yield return EventFrame.Event("contentBlockDelta", $$$$"""{"contentBlockIndex":0,"delta":{"toolUse":{"input":{{{{Quote(part)}}}}}}}""");
    }

    public override byte[] End(ProviderRequest request, bool isTool, int tokens, bool usage) =>
    [
        .. EventFrame.Event("contentBlockStop", """{"contentBlockIndex":0}"""),
        .. EventFrame.Event("messageStop", $$"""{"stopReason":"{{(isTool ? "tool_use" : "end_turn")}}"}"""),
        .. usage ? EventFrame.Event("metadata", $$$"""{"usage":{{{Usage(tokens)}}},"metrics":{"latencyMs":5}}""") : [],
    ];

    public override byte[] ErrorEvent(ProviderError error) =>
        EventFrame.Exception("modelStreamErrorException", $$"""{"message":{{Quote(error.Message)}},"originalStatusCode":{{error.Status}}}""");

    public override byte[] Whole(ProviderRequest request, string text, bool isTool, int tokens, bool usage)
    {
        var content = isTool
            ? $"{{\"toolUse\":{{\"toolUseId\":\"tooluse_1\",\"name\":{Quote(Tool.Name)},\"input\":{string.Concat(Tool.Arguments)}}}}}"
            : $"{{\"text\":{Quote(text)}}}";
        return Bytes(
            $"{{\"output\":{{\"message\":{{\"role\":\"assistant\",\"content\":[{content}]}}}},\"stopReason\":\"{(isTool ? "tool_use" : "end_turn")}\""
            + $"{(usage ? $",\"usage\":{Usage(tokens)}" : "")},\"metrics\":{{\"latencyMs\":5}}}}");
    }

    public override byte[] ErrorBody(ProviderError error) => Bytes($"{{\"message\":{Quote(error.Message)}}}");

    public override IEnumerable<string> ErrorHeaders(ProviderError error) => [$"x-amzn-ErrorType: {Aws(error)}"];

    /// <summary>The name that AWS gives to such an error.</summary>
    internal static string Aws(ProviderError error) => error.Status switch
    {
        400 => "ValidationException",
        401 or 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    };

    private static string Usage(int tokens) => $"{{\"inputTokens\":12,\"outputTokens\":{tokens},\"totalTokens\":{12 + tokens}}}";
}
