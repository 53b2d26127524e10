using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads the stream of Bedrock's ConverseStream.</summary>
internal sealed class BedrockStream : StreamReader
{
    private const int MostTools = 256;

    // In the order of Field.
    private static readonly byte[][] FieldNames =
    [
        "contentBlockIndex"u8.ToArray(), "delta"u8.ToArray(), "start"u8.ToArray(), "text"u8.ToArray(), "toolUse"u8.ToArray(), "input"u8.ToArray(),
        "toolUseId"u8.ToArray(), "name"u8.ToArray(), "reasoningContent"u8.ToArray(), "stopReason"u8.ToArray(), "usage"u8.ToArray(),
        "inputTokens"u8.ToArray(), "outputTokens"u8.ToArray(), "cacheReadInputTokens"u8.ToArray(), "cacheWriteInputTokens"u8.ToArray(),
    ];

    private readonly EventStreamReader _messages = new();

    // Content blocks that are tool calls, in their order.
    private readonly List<int> _tools = [];
    private bool _isDone;

    private enum Field
    {
        Unknown = -1,
        Index,
        Delta,
        Start,
        Text,
        ToolUse,
        Input,
        ToolId,
        Name,
        Reasoning,
        StopReason,
        Usage,
        InputTokens,
        OutputTokens,
        CacheRead,
        CacheWrite,
    }

    public override void Feed(ReadOnlySpan<byte> bytes) => _messages.Feed(bytes);

    public override bool TryRead(out AnswerPart part)
    {
        if (_isDone)
        {
            _isDone = false;
            part = new AnswerPart(PartKind.Done) { Api = ModelApi.Bedrock };
            return true;
        }
        part = default;
        if (!_messages.TryRead(out var message))
            return false;
        part = Read(message) with { Api = ModelApi.Bedrock, Bytes = message.Frame };
        return true;
    }

    private AnswerPart Read(in EventMessage message)
    {
        if (AwsErrors.InMessage(message) is { } verdict)
            return new AnswerPart(PartKind.Error) { Verdict = verdict };
        try
        {
            var came = new Event();
            var type = message.TextOf(":event-type"u8);
            came.Read(message.Payload.Span);
            if (type.SequenceEqual("contentBlockDelta"u8))
                return Delta(came);
            if (type.SequenceEqual("contentBlockStart"u8))
                return Start(came);
            if (type.SequenceEqual("messageStop"u8))
                return BedrockAnswer.Failure(came.StopReason) is { } failure
                    ? new AnswerPart(PartKind.Error) { Verdict = failure }
                    : new AnswerPart(PartKind.End) { Finish = BedrockAnswer.FinishOf(came.StopReason ?? "") };
            if (type.SequenceEqual("metadata"u8))
            {
                // The last event there is.
                _isDone = true;
                return new AnswerPart(PartKind.End) { IsUsageAlone = true, Usage = came.HasUsage ? new TokenUsage(came.Prompt, came.Answer) : null };
            }
            return new AnswerPart(PartKind.Empty) { IsFrame = type.SequenceEqual("messageStart"u8) };
        }
        catch (JsonException)
        {
            return new AnswerPart(PartKind.Malformed);
        }
    }

    private AnswerPart Start(in Event came)
    {
        if (came.ToolId is null && came.ToolName is null)
            return new AnswerPart(PartKind.Empty) { IsFrame = true, Block = came.Index };
        if (_tools.Count < MostTools)
            _tools.Add(came.Index);
        return new AnswerPart(PartKind.Tool)
        {
            Block = came.Index,
            ToolIndex = _tools.Count - 1,
            ToolId = came.ToolId,
            ToolName = came.ToolName,
        };
    }

    private AnswerPart Delta(in Event came) => came switch
    {
        { Input: { } input } => new AnswerPart(PartKind.Tool) { Block = came.Index, ToolIndex = _tools.LastIndexOf(came.Index), Text = input },
        { Text: { Length: > 0 } text } => new AnswerPart(PartKind.Text) { Block = came.Index, Text = text },
        { Text: not null } => new AnswerPart(PartKind.Empty) { Block = came.Index },
        { IsThought: true } => new AnswerPart(PartKind.Thought) { Block = came.Index, Text = came.Thought ?? "" },
        // Citations, images: no plain text.
        _ => new AnswerPart(PartKind.Tool) { Block = came.Index, ToolIndex = -1 },
    };

    /// <summary>What is wanted of an event, read without a tree: halves of a surrogate pair in two events stay what they are.</summary>
    private struct Event
    {
        public int Index;
        public string? Text;
        public string? Input;
        public string? Thought;
        public bool IsThought;
        public string? ToolId;
        public string? ToolName;
        public string? StopReason;
        public bool HasUsage;
        public long Prompt;
        public long Answer;

        public void Read(ReadOnlySpan<byte> payload)
        {
            var reader = new Utf8JsonReader(payload, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });
            Span<Field> path = [Field.Unknown, Field.Unknown, Field.Unknown];
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                    continue;
                var depth = reader.CurrentDepth;
                if (depth > path.Length)
                {
                    reader.Skip();
                    continue;
                }
                path[depth - 1] = Known(ref reader);
                path[depth..].Fill(Field.Unknown);
                IsThought |= path is [Field.Delta, Field.Reasoning, _];
                reader.Read();
                if (reader.TokenType is JsonTokenType.String)
                    TakeText(ref reader, path);
                else if (reader.TokenType is JsonTokenType.Number && reader.TryGetInt64(out var number))
                    TakeNumber(number, path);
                else if (reader.TokenType is JsonTokenType.StartArray)
                    reader.Skip();
            }
        }

        private void TakeText(ref Utf8JsonReader reader, scoped ReadOnlySpan<Field> path)
        {
            switch (path)
            {
                case [Field.Delta, Field.Text, _]: Text = JsonText.Read(ref reader); break;
                case [Field.Delta, Field.ToolUse, Field.Input]: Input = JsonText.Read(ref reader); break;
                case [Field.Delta, Field.Reasoning, Field.Text]: Thought = JsonText.Read(ref reader); break;
                case [Field.Start, Field.ToolUse, Field.ToolId]: ToolId = JsonText.Read(ref reader); break;
                case [Field.Start, Field.ToolUse, Field.Name]: ToolName = JsonText.Read(ref reader); break;
                case [Field.StopReason, _, _]: StopReason = JsonText.Read(ref reader); break;
            }
        }

        private void TakeNumber(long number, ReadOnlySpan<Field> path)
        {
            switch (path)
            {
                case [Field.Index, _, _]: Index = (int)Math.Clamp(number, 0, int.MaxValue); break;
                case [Field.Usage, Field.InputTokens or Field.CacheRead or Field.CacheWrite, _]: (Prompt, HasUsage) = (Prompt + number, true); break;
                case [Field.Usage, Field.OutputTokens, _]: (Answer, HasUsage) = (number, true); break;
            }
        }

        private static Field Known(ref Utf8JsonReader reader)
        {
            for (var i = 0; i < FieldNames.Length; i++)
                if (reader.ValueTextEquals(FieldNames[i]))
                    return (Field)i;
            return Field.Unknown;
        }
    }
}
