namespace Mainstay.Scenarios;

/// <summary>Invoke of Lambda: a function whose answer is the chat API's of OpenAI, or the text alone where no messages are asked with.</summary>
internal sealed class LambdaShape : ProviderApi
{
    private readonly OpenAiShape _function = new();

    public override byte[] Done => throw NoStream();

    public override byte[] MalformedEvent => throw NoStream();

    public override bool Speaks(string path) => path.Contains("/2015-03-31/functions/", StringComparison.Ordinal);

    public override bool IsStream(ProviderRequest request) => false;

    public override string? Begun(ProviderRequest request) => LastAssistant(request.Json);

    public override byte[] Begin(ProviderRequest request) => throw NoStream();

    public override byte[] Token(ProviderRequest request, string text, bool ascii = false) => throw NoStream();

    public override IEnumerable<byte[]> ToolCall(ProviderRequest request) => throw NoStream();

    public override byte[] End(ProviderRequest request, bool isTool, int tokens, bool usage) => throw NoStream();

    public override byte[] ErrorEvent(ProviderError error) => throw NoStream();

    public override byte[] Whole(ProviderRequest request, string text, bool isTool, int tokens, bool usage) =>
        _function.Whole(request.Inside(), text, isTool, tokens, usage);

    public override byte[] ErrorBody(ProviderError error) => Bytes($"{{\"Type\":\"{(error.Status < 500 ? "User" : "Service")}\",\"Message\":{Quote(error.Message)}}}");

    public override IEnumerable<string> ErrorHeaders(ProviderError error) =>
        [$"x-amzn-ErrorType: {(error.Status == 429 ? "TooManyRequestsException" : BedrockShape.Aws(error))}"];

    private static InvalidOperationException NoStream() => new("Invoke of Lambda answers whole.");
}
