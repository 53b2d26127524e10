using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>The API of SageMaker's runtime: <c>InvokeEndpoint</c> and <c>InvokeEndpointWithResponseStream</c>. Bodies are anything, and go on as they come;
/// with <c>body: openai</c> its servers answer callers of openai as well. What callers name as their endpoint is the model.</summary>
internal sealed class SageMaker : Protocol
{
    private const string Before = "/endpoints/";
    private const string Once = "/invocations";
    private const string Streamed = "/invocations-response-stream";

    public override ModelApi Api => ModelApi.SageMaker;

    public override string StreamType => "application/vnd.amazon.eventstream";

    public override IReadOnlyList<string> FieldNames { get; } = ["Content-Type"];

    public override IReadOnlyList<string> ErrorFields => AwsErrors.Fields;

    public override ModelRequest? Read(string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault) =>
        AwsPath.Read(Api, method, path, body, [(Before, Once, false), (Before, Streamed, true)], out fault);

    public override byte[] WriteFault(ModelFault fault) => AwsErrors.Write(TypeOf(fault), "Message", fault);

    public override IReadOnlyList<(string Name, string Value)> FaultFields(ModelFault fault) => [(AwsErrors.TypeField, TypeOf(fault))];

    public override void WriteEvent(IBufferWriter<byte> output, in AnswerPart part, ModelRequest request, StreamNames stream)
    {
        // Only servers of this API answer its callers.
        if (part.Api == Api)
            output.Write(part.Bytes.Span);
    }

    public override void WriteFaultEvent(IBufferWriter<byte> output, ModelFault fault) =>
        EventStreamWriter.WriteException(output, "ModelStreamError", AwsErrors.Write("ModelStreamError", "Message", fault, ("ErrorCode", "StreamBroken")));

    public override byte[] WriteAnswer(WholeAnswer answer, ModelRequest request) =>
        throw new NotSupportedException("Only servers of sagemaker answer its callers, and their answers go on as they came.");

    public override ServerRequest? Compose(ModelRequest request, Server server, string? key, string? begun, out ModelFault? fault)
    {
        if (WrappedOpenAi.Body(Api, request, server, begun, out fault) is not { } body)
            return null;
        var name = server.Ai?.Endpoint ?? (request.Api == Api ? server.Ai?.Model : null) ?? request.Model;
        var composed = new ServerRequest { Method = "POST", Target = AwsPath.Of(Before, name, request.IsStream ? Streamed : Once), Body = body };
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
        429 => "ThrottlingException",
        < 500 => "ValidationError",
        503 => "ServiceUnavailable",
        _ => "InternalFailure",
    };
}
