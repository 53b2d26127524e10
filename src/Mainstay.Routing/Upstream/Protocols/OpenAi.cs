using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// The API openai: chat completions, completions, responses, embeddings, and other paths that name a model. Its own path is what
/// stands behind <c>/v1</c>.
/// </summary>
internal sealed class OpenAi : Protocol
{
    public override ModelApi Api => ModelApi.OpenAi;

    public override ModelRequest? Read(string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault) =>
        OpenAiRequest.Read(method, path, body, out fault);

    public override byte[] WriteFault(ModelFault fault)
    {
        var output = new ArrayBufferWriter<byte>(256);
        OpenAiWriter.WriteFault(output, fault);
        return output.WrittenSpan.ToArray();
    }

    public override void WriteEvent(IBufferWriter<byte> output, in AnswerPart part, ModelRequest request, StreamNames stream)
    {
        if (part.Api != ModelApi.OpenAi || part.Bytes.IsEmpty)
            OpenAiWriter.WriteChunks(output, part, request, stream);
        else if (part.Kind != PartKind.Malformed && (!part.IsUsageAlone || request.WantsUsage))
            SseWriter.Write(output, part.Event, part.Bytes.Span);
    }

    public override void WriteFaultEvent(IBufferWriter<byte> output, ModelFault fault)
    {
        SseWriter.Begin(output);
        OpenAiWriter.WriteFault(output, fault);
        SseWriter.End(output);
    }

    public override byte[] WriteAnswer(WholeAnswer answer, ModelRequest request) => OpenAiWriter.WriteAnswer(answer, request);

    public override ServerRequest? Compose(ModelRequest request, Server server, string? key, string? begun, out ModelFault? fault)
    {
        fault = request.Api != ModelApi.OpenAi
            ? new(400, $"A server of the API openai cannot answer a request of the API {request.Api.ToString().ToLowerInvariant()}.")
            : begun is not null && !request.IsContinuable
                ? new(400, "An answer to this request cannot be gone on from a beginning.")
                : null;
        return fault is null ? OpenAiCompose.Write(request, server, key, begun) : null;
    }

    public override StreamReader ReadStream(ModelRequest request) => new OpenAiStream(request);

    public override WholeAnswer? ReadAnswer(ModelRequest request, ReadOnlyMemory<byte> body) => OpenAiAnswer.Read(request, body.Span);

    public override ProviderVerdict Judge(int status, ReadOnlySpan<byte> body) => Verdicts.Judge(status, ErrorBody.Read(body));
}
