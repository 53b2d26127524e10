using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// The API anthropic: messages, their counting, and other paths. Its servers also answer callers of openai's chat, where that can be mapped
/// exactly.
/// </summary>
internal sealed class Anthropic : Protocol
{
    private const string VersionField = "anthropic-version";
    private const string Version = "2023-06-01";

    public override ModelApi Api => ModelApi.Anthropic;

    public override IReadOnlyList<string> FieldNames { get; } = [VersionField];

    public override ModelRequest? Read(string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault) =>
        AnthropicRequest.Read(method, path, body, out fault);

    public override byte[] WriteFault(ModelFault fault)
    {
        var output = new ArrayBufferWriter<byte>(256);
        AnthropicWriter.WriteFault(output, fault);
        return output.WrittenSpan.ToArray();
    }

    public override void WriteEvent(IBufferWriter<byte> output, in AnswerPart part, ModelRequest request, StreamNames stream)
    {
        if (part.Kind == PartKind.Malformed)
            return;
        if (part.Api == ModelApi.Anthropic && !part.Bytes.IsEmpty)
            SseWriter.Write(output, part.Event, part.Bytes.Span);
        else
            AnthropicWriter.WritePart(output, part);
    }

    public override void WriteFaultEvent(IBufferWriter<byte> output, ModelFault fault)
    {
        SseWriter.Begin(output, "error");
        AnthropicWriter.WriteFault(output, fault);
        SseWriter.End(output);
    }

    public override byte[] WriteAnswer(WholeAnswer answer, ModelRequest request) => AnthropicWriter.WriteAnswer(answer);

    /// <inheritdoc/>
    /// <remarks>The API refuses a beginning that ends in white space: there is a fault then, and the request is to be run again instead.</remarks>
    public override ServerRequest? Compose(ModelRequest request, Server server, string? key, string? begun, out ModelFault? fault)
    {
        fault = null;
        if (begun is not null && (!request.IsContinuable || begun.Length == 0 || char.IsWhiteSpace(begun[^1])))
            fault = new(400, "An answer to this request cannot be gone on from this beginning.");
        else if (request.Api is not (ModelApi.Anthropic or ModelApi.OpenAi))
            fault = new(400, $"A server of the API anthropic cannot answer a request of the API {request.Api.ToString().ToLowerInvariant()}.");
        if (fault is not null)
            return null;
        // The list of models is asked for alike in both, for health checks.
        var isOwn = request.Api == ModelApi.Anthropic || request.Operation == ModelOperation.Models;
        var model = server.Ai?.Model ?? request.Model;
        if ((isOwn ? OwnBody(request, model, begun) : AnthropicMapping.Body(request, model, begun, out fault)) is not { } body)
            return null;
        var path = isOwn ? request.Path : "/messages";
        // The provider's own url has no path; a url that ends in /v1 is taken as well. A template says all itself.
        if (server.Ai?.Path is null && !server.Url.AbsolutePath.TrimEnd('/').EndsWith("/v1", StringComparison.Ordinal))
            path = "/v1" + path;
        var composed = new ServerRequest
        {
            Method = request.Method,
            Target = ServerTemplates.Target(server.Ai, path, model, isOwn ? request.Query : ""),
            Body = body,
        };
        if (!ServerTemplates.AddFields(composed, server.Ai, model, key) && key is not null)
            composed.Fields.Add(("x-api-key", key));
        if (!isOwn || !request.Fields.Any(f => f.Name.Equals(VersionField, StringComparison.OrdinalIgnoreCase)))
            composed.Fields.Add((VersionField, Version));
        composed.Fields.Add(("Accept-Encoding", "identity"));
        if (request.Operation is ModelOperation.Chat)
            composed.Fields.Add(("Content-Type", "application/json"));
        return composed;
    }

    public override StreamReader ReadStream(ModelRequest request) => new AnthropicStream();

    public override WholeAnswer? ReadAnswer(ModelRequest request, ReadOnlyMemory<byte> body) => AnthropicAnswer.Read(request, body.Span);

    public override ProviderVerdict Judge(int status, ReadOnlySpan<byte> body) => Verdicts.Judge(status, ErrorBody.Read(body));

    // The caller's body with the model's name and the beginning of the answer put in.
    private static ReadOnlyMemory<byte>? OwnBody(ModelRequest request, string model, string? begun)
    {
        if (request.Offsets is not { } offsets)
            return request.Body;
        var edits = new Edits();
        if (offsets.Model.IsThere && model != request.Model)
            edits.Replace(offsets.Model, JsonText.Bytes(model));
        if (begun is null)
            return edits.Apply(request.Body);
        edits.LowerMaxTokens(offsets, request.SentTokens);
        if (offsets.Begun.IsThere)
        {
            edits.Insert(offsets.Begun.End - 1, JsonText.Bytes(begun)[1..^1]);
            return edits.Apply(request.Body);
        }
        var message = new ArrayBufferWriter<byte>(begun.Length + 64);
        message.Write(offsets.MessageCount > 0 ? ",{\"role\":\"assistant\",\"content\":"u8 : "{\"role\":\"assistant\",\"content\":"u8);
        JsonText.Write(message, begun);
        message.Write("}"u8);
        edits.Insert(offsets.Messages.End - 1, message.WrittenMemory);
        return edits.Apply(request.Body);
    }
}
