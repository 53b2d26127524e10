using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// Reads the streams of sagemaker (<c>PayloadPart</c>), of Bedrock's InvokeModel (<c>chunk</c>) and lambda (<c>PayloadChunk</c>, at the end <c>InvokeComplete</c>): bytes of anything in the messages of
/// an AWS event stream. Those for a caller of the same API stay as they came; where openai is inside, its events are read.
/// </summary>
/// <param name="api">Whose.</param>
/// <param name="inner">Reads what is inside; null: nobody does.</param>
internal sealed class PayloadStream(ModelApi api, StreamReader? inner) : StreamReader
{
    private readonly EventStreamReader _messages = new();
    private bool _hasBegun;
    private bool _hasLines;
    private bool _isInLine;
    private bool _ends;

    public override void Feed(ReadOnlySpan<byte> bytes) => _messages.Feed(bytes);

    public override void Finish()
    {
        inner?.Finish();
        // SageMaker and InvokeModel have no word for the end: it is one where nothing is missing.
        _ends = inner is null && api != ModelApi.Lambda && _hasBegun && _messages.IsAtBorder;
    }

    public override bool TryRead(out AnswerPart part)
    {
        while (!TryReadInner(out part))
        {
            if (_ends)
            {
                _ends = false;
                part = new AnswerPart(PartKind.End) { Api = api, Finish = FinishReason.Stop };
                return true;
            }
            if (!_messages.TryRead(out var message))
                return false;
            if (TryTake(message, out part))
                return true;
        }
        return true;
    }

    private bool TryReadInner(out AnswerPart part)
    {
        part = default;
        if (inner is null || !inner.TryRead(out part))
            return false;
        (Names.Id, Names.Model, Names.Created) = (inner.Names.Id, inner.Names.Model, inner.Names.Created);
        return true;
    }

    /// <summary>False: it is only there for what is inside.</summary>
    private bool TryTake(in EventMessage message, out AnswerPart part)
    {
        part = default;
        if (AwsErrors.InMessage(message) is { } verdict)
        {
            part = new AnswerPart(PartKind.Error) { Api = api, Bytes = message.Frame, Verdict = verdict };
            return true;
        }
        var type = message.TextOf(":event-type"u8);
        if (type.SequenceEqual("InvokeComplete"u8))
        {
            inner?.Finish();
            part = Complete(message);
            return inner is null || part.Kind == PartKind.Error;
        }
        if (!type.SequenceEqual("PayloadPart"u8) && !type.SequenceEqual("PayloadChunk"u8) && !type.SequenceEqual("chunk"u8))
        {
            part = new AnswerPart(PartKind.Empty) { Api = api, Bytes = message.Frame };
            return inner is null;
        }
        if (inner is not null)
            FeedInner(message.Payload.Span);
        _hasBegun = true;
        // Nobody knows what it is; so it is a token for every deadline, and nothing to go on from.
        part = new AnswerPart(PartKind.Tool) { Api = api, Bytes = message.Frame, ToolIndex = -1 };
        return inner is null;
    }

    private void FeedInner(ReadOnlySpan<byte> payload)
    {
        if (!_hasBegun && payload.TrimStart(" \r\n\t"u8) is [var first, ..])
            _hasLines = first == '{';
        if (!_hasLines)
        {
            inner!.Feed(payload);
            return;
        }
        var events = new ArrayBufferWriter<byte>(payload.Length + 64);
        WrappedOpenAi.WriteEvents(events, payload, ref _isInLine);
        inner!.Feed(events.WrittenSpan);
    }

    private AnswerPart Complete(in EventMessage message)
    {
        try
        {
            using var json = JsonDocument.Parse(message.Payload);
            if (Text(json.RootElement, "ErrorCode") is { Length: > 0 } code)
                return new AnswerPart(PartKind.Error)
                {
                    Api = api,
                    Bytes = message.Frame,
                    Verdict = AwsErrors.Judge(200, code, Encoding.UTF8.GetBytes($$"""{"message":{{JsonSerializer.Serialize(Text(json.RootElement, "ErrorDetails") ?? code)}}}""")),
                };
        }
        catch (JsonException)
        {
            // What it says beside the end is for people.
        }
        return new AnswerPart(PartKind.End) { Api = api, Bytes = message.Frame, Finish = FinishReason.Stop };
    }

    private static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
