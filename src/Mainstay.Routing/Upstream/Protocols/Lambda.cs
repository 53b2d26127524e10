using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>The API of Lambda: <c>Invoke</c> and <c>InvokeWithResponseStream</c>. Bodies are anything, and go on as they come; with <c>body: openai</c> its
/// servers answer callers of openai as well. What callers name as their function is the model.</summary>
internal sealed class Lambda : Protocol
{
    private const string Before = "/2015-03-31/functions/";
    private const string BeforeStreamed = "/2021-11-15/functions/";
    private const string Once = "/invocations";
    private const string Streamed = "/response-streaming-invocations";

    public override ModelApi Api => ModelApi.Lambda;

    public override string StreamType => "application/vnd.amazon.eventstream";

    public override IReadOnlyList<string> FieldNames { get; } =
        ["Content-Type", "X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amz-Client-Context", "X-Amz-Tenant-Id", "X-Amz-Durable-Execution-Name"];

    /// <summary>The function failed (its status is 200), or Lambda did.</summary>
    public override IReadOnlyList<string> ErrorFields { get; } = ["X-Amz-Function-Error", .. AwsErrors.Fields];

    public override ModelRequest? Read(string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault) =>
        AwsPath.Read(Api, method, path, body, [(Before, Once, false), (BeforeStreamed, Streamed, true)], out fault);

    public override byte[] WriteFault(ModelFault fault) =>
        AwsErrors.Write(TypeOf(fault), "Message", fault, ("Type", fault.Status < 500 ? "User" : "Service"));

    public override IReadOnlyList<(string Name, string Value)> FaultFields(ModelFault fault) => [(AwsErrors.TypeField, TypeOf(fault))];

    public override void WriteEvent(IBufferWriter<byte> output, in AnswerPart part, ModelRequest request, StreamNames stream)
    {
        // Only servers of this API answer its callers.
        if (part.Api == Api)
            output.Write(part.Bytes.Span);
    }

    public override void WriteFaultEvent(IBufferWriter<byte> output, ModelFault fault) => EventStreamWriter.WriteEvent(
        output, "InvokeComplete", "application/json", Encoding.UTF8.GetBytes(
            $$"""{"ErrorCode":"StreamBroken","ErrorDetails":{{JsonSerializer.Serialize(fault.Message)}}}"""));

    public override byte[] WriteAnswer(WholeAnswer answer, ModelRequest request) =>
        throw new NotSupportedException("Only servers of lambda answer its callers, and their answers go on as they came.");

    public override ServerRequest? Compose(ModelRequest request, Server server, string? key, string? begun, out ModelFault? fault)
    {
        if (WrappedOpenAi.Body(Api, request, server, begun, out fault) is not { } body)
            return null;
        var name = server.Ai?.Endpoint ?? (request.Api == Api ? server.Ai?.Model : null) ?? request.Model;
        var target = request.IsStream ? AwsPath.Of(BeforeStreamed, name, Streamed) : AwsPath.Of(Before, name, Once);
        var composed = new ServerRequest { Method = "POST", Target = request.Api == Api ? target + request.Query : target, Body = body };
        AwsPath.AddFields(composed, request, server, Api);
        return composed;
    }

    public override ModelApi AnswersIn(ModelRequest request) => request.Api;

    public override StreamReader ReadStream(ModelRequest request) =>
        new PayloadStream(Api, request.Api == Api ? null : WrappedOpenAi.Inner.ReadStream(request));

    public override WholeAnswer? ReadAnswer(ModelRequest request, ReadOnlyMemory<byte> body) =>
        request.Api == Api ? new WholeAnswer("", FinishReason.Stop, null) : WrappedOpenAi.Inner.ReadAnswer(request, body);

    public override ProviderVerdict Judge(int status, ReadOnlySpan<byte> body) => AwsErrors.Judge(status, null, body);

    public override ProviderVerdict Judge(int status, string? error, ReadOnlySpan<byte> body) => AwsErrors.Judge(status, error, body);

    private static string TypeOf(ModelFault fault) => fault.Status switch
    {
        401 or 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        413 => "RequestTooLargeException",
        429 => "TooManyRequestsException",
        < 500 => "InvalidRequestContentException",
        _ => "ServiceException",
    };
}
