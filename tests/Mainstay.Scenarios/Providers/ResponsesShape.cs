namespace Mainstay.Scenarios;

/// <summary>Responses as OpenAI's reference describes them: every event says its type, and the last one has the whole answer once more.</summary>
internal sealed class ResponsesShape : ProviderApi
{
    private readonly OpenAiShape _chat = new();
    private string _said = "";

    /// <summary>Streams have none: the last event is the whole answer.</summary>
    public override byte[] Done => [];

    public override byte[] MalformedEvent => Bytes("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"del\n\n");

    public override bool Speaks(string path) => path.EndsWith("/responses", StringComparison.Ordinal);

    public override bool IsStream(ProviderRequest request) => Flag(request, "stream");

    public override string? Begun(ProviderRequest request) => null;

    public override byte[] Begin(ProviderRequest request) =>
    [
        .. Event("response.created", $"\"response\":{Answer(request, "in_progress", null, null)}"),
        .. Event("response.in_progress", $"\"response\":{Answer(request, "in_progress", null, null)}"),
        .. Event("response.output_item.added", "\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}"),
        .. Event("response.content_part.added", Part + ",\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}"),
    ];

    public override byte[] Token(ProviderRequest request, string text, bool ascii = false)
    {
        _said += text;
        return Event("response.output_text.delta", $"{Part},\"delta\":{Quote(text, ascii)}");
    }

    public override IEnumerable<byte[]> ToolCall(ProviderRequest request) => throw new InvalidOperationException("No case asks responses for tools.");

    public override byte[] End(ProviderRequest request, bool isTool, int tokens, bool usage) =>
    [
        .. Event("response.output_text.done", $"{Part},\"text\":{Quote(_said)}"),
        .. Event("response.completed", $"\"response\":{Answer(request, "completed", _said, usage ? tokens : null)}"),
    ];

    public override byte[] ErrorEvent(ProviderError error) =>
        Event("error", $"\"code\":{Quote(error.Code ?? error.Type)},\"message\":{Quote(error.Message)},\"param\":null");

    public override byte[] Whole(ProviderRequest request, string text, bool isTool, int tokens, bool usage) =>
        Bytes(Answer(request, "completed", text, usage ? tokens : null));

    public override byte[] ErrorBody(ProviderError error) => _chat.ErrorBody(error);

    private const string Part = "\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0";

    private static byte[] Event(string type, string rest) => Bytes($"event: {type}\ndata: {{\"type\":\"{type}\",{rest},\"sequence_number\":1}}\n\n");

    private static string Answer(ProviderRequest request, string status, string? text, int? tokens)
    {
        var output = text is null ? "" : $"{{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{{\"type\":\"output_text\",\"text\":{Quote(text)},\"annotations\":[]}}]}}";
        var usage = tokens is null ? "null" : $"{{\"input_tokens\":12,\"output_tokens\":{tokens},\"total_tokens\":{12 + tokens}}}";
        return $"{{\"id\":\"resp_{request.Number}\",\"object\":\"response\",\"created_at\":1700000000,\"status\":\"{status}\",\"error\":null,\"model\":{Quote(Model(request))},\"output\":[{output}],\"usage\":{usage}}}";
    }
}
