namespace Mainstay.Scenarios;

/// <summary>An endpoint of SageMaker whose container speaks the chat API of OpenAI; its stream is carried in PayloadParts, cut where it happens
/// to be cut.</summary>
internal sealed class SageMakerShape : ProviderApi
{
    private const int Piece = 37;
    private readonly OpenAiShape _container = new();

    public override string StreamType => "application/vnd.amazon.eventstream";

    public override bool IsText => false;

    public override byte[] Done => Parts(_container.Done);

    public override byte[] MalformedEvent => Parts(_container.MalformedEvent);

    public override bool Speaks(string path) =>
        path.EndsWith("/invocations", StringComparison.Ordinal) || path.EndsWith("/invocations-response-stream", StringComparison.Ordinal);

    public override bool IsStream(ProviderRequest request) => request.Path.EndsWith("-response-stream", StringComparison.Ordinal);

    public override string? Begun(ProviderRequest request) => LastAssistant(request.Json);

    public override byte[] Begin(ProviderRequest request) => Parts(_container.Begin(request.Inside()));

    public override byte[] Token(ProviderRequest request, string text, bool ascii = false) => Parts(_container.Token(request.Inside(), text, ascii));

    public override IEnumerable<byte[]> ToolCall(ProviderRequest request) => _container.ToolCall(request.Inside()).Select(Parts);

    public override byte[] End(ProviderRequest request, bool isTool, int tokens, bool usage) =>
        Parts(_container.End(request.Inside(), isTool, tokens, usage));

    public override byte[] ErrorEvent(ProviderError error) =>
        EventFrame.Exception("ModelStreamError", $$"""{"Message":{{Quote(error.Message)}},"ErrorCode":"ModelInvocationTimeExceeded"}""");

    public override byte[] Whole(ProviderRequest request, string text, bool isTool, int tokens, bool usage) =>
        _container.Whole(request.Inside(), text, isTool, tokens, usage);

    public override byte[] ErrorBody(ProviderError error) => Bytes(
        $"{{\"ErrorCode\":{Quote(BedrockShape.Aws(error))},\"Message\":{Quote(error.Message)},\"OriginalMessage\":{Quote(error.Message)},\"OriginalStatusCode\":{error.Status}}}");

    public override IEnumerable<string> ErrorHeaders(ProviderError error) => [$"x-amzn-ErrorType: {BedrockShape.Aws(error)}"];

    private static byte[] Parts(byte[] bytes) => [.. bytes.Chunk(Piece).SelectMany(piece => EventFrame.Part("PayloadPart", piece))];
}
