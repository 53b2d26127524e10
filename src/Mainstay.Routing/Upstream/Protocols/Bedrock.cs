using System.Buffers;
using System.Text;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>The API of Bedrock's runtime: <c>Converse</c> and <c>ConverseStream</c>, whose servers answer callers of openai's chat as well, and
/// <c>InvokeModel</c> and <c>InvokeModelWithResponseStream</c>, which are passed on. The path names the model.</summary>
internal sealed class Bedrock : Protocol
{
    private const string Before = "/model/";
    private const string Converse = "/converse";
    private const string ConverseStream = "/converse-stream";

    public override ModelApi Api => ModelApi.Bedrock;

    public override string StreamType => "application/vnd.amazon.eventstream";

    public override IReadOnlyList<string> FieldNames { get; } = ["Content-Type"];

    public override IReadOnlyList<string> ErrorFields => AwsErrors.Fields;

    public override ModelRequest? Read(string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault)
    {
        var isStream = path.EndsWith(ConverseStream, StringComparison.Ordinal);
        if (AwsPath.Name(path, Before, isStream ? ConverseStream : Converse) is not { } model)
            return AwsPath.Read(Api, method, path, body, [(Before, "/invoke", false), (Before, "/invoke-with-response-stream", true)], out fault);
        fault = method == "POST" ? null : AwsPath.NotPost(method);
        return fault is null ? BedrockRequest.ReadConverse(model, path, isStream, body, out fault) : null;
    }

    public override byte[] WriteFault(ModelFault fault) => AwsErrors.Write(TypeOf(fault), "message", fault);

    public override IReadOnlyList<(string Name, string Value)> FaultFields(ModelFault fault) => [(AwsErrors.TypeField, TypeOf(fault))];

    public override void WriteEvent(IBufferWriter<byte> output, in AnswerPart part, ModelRequest request, StreamNames stream)
    {
        if (part.Api == Api && !part.Bytes.IsEmpty)
            output.Write(part.Bytes.Span);
        else if (request.Operation == ModelOperation.Chat)
            WriteAnew(output, part);
    }

    public override void WriteFaultEvent(IBufferWriter<byte> output, ModelFault fault) =>
        EventStreamWriter.WriteException(output, "modelStreamErrorException", AwsErrors.Write("ModelStreamErrorException", "message", fault));

    public override byte[] WriteAnswer(WholeAnswer answer, ModelRequest request) =>
        throw new NotSupportedException("Only servers of bedrock answer its callers, and their answers go on as they came.");

    public override ServerRequest? Compose(ModelRequest request, Server server, string? key, string? begun, out ModelFault? fault)
    {
        if (Body(request, begun, out fault) is not { } body)
            return null;
        var behind = request.Api == Api ? request.Path[request.Path.LastIndexOf('/')..] : request.IsStream ? ConverseStream : Converse;
        var composed = new ServerRequest
        {
            Method = "POST",
            Target = AwsPath.Of(Before, server.Ai?.Model ?? request.Model, behind),
            Body = body,
        };
        AwsPath.AddFields(composed, request, server, Api);
        // An API key of Bedrock stands in for a signature.
        if (key is not null)
            composed.Fields.Add(("Authorization", "Bearer " + key));
        return composed;
    }

    public override StreamReader ReadStream(ModelRequest request) =>
        request.Operation == ModelOperation.Invoke ? new PayloadStream(Api, null) : new BedrockStream();

    public override WholeAnswer? ReadAnswer(ModelRequest request, ReadOnlyMemory<byte> body) =>
        request.Operation == ModelOperation.Invoke ? new WholeAnswer("", FinishReason.Stop, null) : BedrockAnswer.Read(body);

    public override ProviderVerdict Judge(int status, ReadOnlySpan<byte> body) => AwsErrors.Judge(status, null, body);

    public override ProviderVerdict Judge(int status, string? error, ReadOnlySpan<byte> body) => AwsErrors.Judge(status, error, body);

    private static ReadOnlyMemory<byte>? Body(ModelRequest request, string? begun, out ModelFault? fault)
    {
        fault = null;
        if (request.Api == ModelApi.OpenAi && request.Operation == ModelOperation.Chat)
            return BedrockMapping.Map(request.Json, begun, out fault);
        if (request.Api != ModelApi.Bedrock)
            fault = new(400, $"{request.Path} of the API {request.Api.ToString().ToLowerInvariant()} cannot be mapped to bedrock: chat completions of openai can.");
        else if (begun is null)
            return request.Body;
        else if (request.Offsets is { Messages.IsThere: true } offsets)
            return WithBeginning(request, offsets, begun);
        else
            fault = new(400, "An answer to this request cannot be gone on from a beginning.");
        return null;
    }

    private static ReadOnlyMemory<byte> WithBeginning(ModelRequest request, RequestOffsets offsets, string begun)
    {
        var message = new ArrayBufferWriter<byte>(begun.Length + 64);
        message.Write(offsets.MessageCount > 0 ? ","u8 : default);
        message.Write("{\"role\":\"assistant\",\"content\":[{\"text\":"u8);
        JsonText.Write(message, begun);
        message.Write("}]}"u8);
        var edits = new Edits();
        edits.Insert(offsets.Messages.End - 1, message.WrittenMemory);
        return edits.Apply(request.Body);
    }

    // Where an answer goes on, what came is cut to what the caller does not have yet.
    private static void WriteAnew(IBufferWriter<byte> output, in AnswerPart part)
    {
        if (part.Text.Length > 0 && part.Kind is PartKind.Text or PartKind.End)
        {
            var delta = new ArrayBufferWriter<byte>(part.Text.Length + 96);
            delta.Write("{\"contentBlockIndex\":"u8);
            JsonText.Write(delta, part.Block);
            delta.Write(",\"delta\":{\"text\":"u8);
            JsonText.Write(delta, part.Text);
            delta.Write("}}"u8);
            EventStreamWriter.WriteEvent(output, "contentBlockDelta", "application/json", delta.WrittenSpan);
        }
        if (part.Finish != FinishReason.None)
            EventStreamWriter.WriteEvent(output, "messageStop", "application/json", Encoding.UTF8.GetBytes(
                $$"""{"stopReason":"{{BedrockAnswer.WordOf(part.Finish)}}"}"""));
        if (part.Usage is { } usage)
            EventStreamWriter.WriteEvent(output, "metadata", "application/json", Encoding.UTF8.GetBytes(string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $$$"""{"metrics":{"latencyMs":0},"usage":{"inputTokens":{{{usage.Prompt}}},"outputTokens":{{{usage.Answer}}},"totalTokens":{{{usage.Prompt + usage.Answer}}}}}""")));
    }

    private static string TypeOf(ModelFault fault) => fault.Status switch
    {
        401 or 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        429 => "ThrottlingException",
        < 500 => "ValidationException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    };
}
