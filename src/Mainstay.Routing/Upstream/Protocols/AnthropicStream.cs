using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads the stream of a server of the anthropic API: a message, its content blocks with their deltas, its end.</summary>
internal sealed class AnthropicStream : StreamReader
{
    private static readonly (byte[] Name, Field Field)[] Fields =
    [
        ("type"u8.ToArray(), Field.Type), ("index"u8.ToArray(), Field.Index), ("delta"u8.ToArray(), Field.Object),
        ("text"u8.ToArray(), Field.Text), ("message"u8.ToArray(), Field.Object), ("content_block"u8.ToArray(), Field.Object),
        ("usage"u8.ToArray(), Field.Usage), ("id"u8.ToArray(), Field.Id), ("name"u8.ToArray(), Field.Name), ("model"u8.ToArray(), Field.Model),
        ("partial_json"u8.ToArray(), Field.Json), ("thinking"u8.ToArray(), Field.Thinking), ("stop_reason"u8.ToArray(), Field.StopReason),
        ("input_tokens"u8.ToArray(), Field.InputTokens), ("output_tokens"u8.ToArray(), Field.OutputTokens),
        ("cache_read_input_tokens"u8.ToArray(), Field.CachedTokens), ("cache_creation_input_tokens"u8.ToArray(), Field.CachedTokens),
    ];

    private readonly SseReader _events = new();
    private TokenUsage _usage;
    private int _tools;
    private int _tool = -1;
    private bool _hasArguments;

    public override void Feed(ReadOnlySpan<byte> bytes) => _events.Feed(bytes);

    public override void Finish() => _events.Feed("\n\n"u8);

    public override bool TryRead(out AnswerPart part)
    {
        if (!_events.TryRead(out var came))
        {
            part = default;
            return false;
        }
        part = Read(came) with { Bytes = came.Data, Api = ModelApi.Anthropic, Event = came.Name };
        return true;
    }

    private AnswerPart Read(in SseEvent came)
    {
        var data = came.Data.Span;
        if (came.Name == "error")
            return OpenAiStream.Error(data);
        try
        {
            var reader = new Utf8JsonReader(data, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return new AnswerPart(PartKind.Malformed);
            var message = new Message { Prompt = _usage.Prompt, Answer = _usage.Answer };
            ReadObject(ref reader, Inside.Event, ref message);
            reader.Read();
            return PartOf(message, data) with { Block = message.Index };
        }
        catch (JsonException)
        {
            return new AnswerPart(PartKind.Malformed);
        }
    }

    private AnswerPart PartOf(in Message message, ReadOnlySpan<byte> data)
    {
        switch (message.Type)
        {
            case null:
                return new AnswerPart(PartKind.Malformed);
            case "error":
                return OpenAiStream.Error(data);
            case "message_start":
                _usage = new TokenUsage(message.Prompt, message.Answer);
                Names.Id = message.Id ?? "";
                Names.Model = message.Model ?? "";
                return new AnswerPart(PartKind.Empty) { IsFrame = true, Usage = _usage };
            case "content_block_start":
                return BlockStart(message);
            case "content_block_delta":
                return Delta(message);
            case "content_block_stop":
                // A call without arguments brings none of them: it has an empty object.
                var isBare = _tool >= 0 && !_hasArguments;
                var tool = _tool;
                _tool = -1;
                return isBare ? new AnswerPart(PartKind.Tool) { ToolIndex = tool, Text = "{}" } : new AnswerPart(PartKind.Empty);
            case "message_delta":
                _usage = new TokenUsage(message.Prompt, message.Answer);
                return new AnswerPart(PartKind.End) { Finish = FinishOf(message.StopReason), Usage = _usage };
            case "message_stop":
                return new AnswerPart(PartKind.Done);
            default:
                // ping, and what may be added to the API.
                return new AnswerPart(PartKind.Empty);
        }
    }

    private AnswerPart BlockStart(in Message message)
    {
        _tool = -1;
        switch (message.InnerType)
        {
            case "text":
                return message.Text is { Length: > 0 } text
                    ? new AnswerPart(PartKind.Text) { Text = text }
                    : new AnswerPart(PartKind.Empty) { IsFrame = true };
            case "tool_use":
                _tool = _tools++;
                _hasArguments = false;
                return new AnswerPart(PartKind.Tool) { ToolIndex = _tool, ToolId = message.Id, ToolName = message.Name };
            case "thinking" or "redacted_thinking":
                return new AnswerPart(PartKind.Empty) { IsFrame = true };
            default:
                return new AnswerPart(PartKind.Tool) { ToolIndex = -1 };
        }
    }

    private AnswerPart Delta(in Message message)
    {
        switch (message.InnerType)
        {
            case "text_delta":
                return new AnswerPart(string.IsNullOrEmpty(message.Text) ? PartKind.Empty : PartKind.Text) { Text = message.Text ?? "" };
            case "input_json_delta":
                _hasArguments |= !string.IsNullOrEmpty(message.Json);
                return new AnswerPart(PartKind.Tool) { ToolIndex = _tool, Text = message.Json ?? "" };
            case "thinking_delta":
                return new AnswerPart(PartKind.Thought) { Text = message.Thinking ?? "" };
            case "signature_delta":
                return new AnswerPart(PartKind.Empty);
            default:
                return new AnswerPart(PartKind.Tool) { ToolIndex = -1 };
        }
    }

    /// <summary>What a stop_reason means; a word that is not known is an end, too.</summary>
    public static FinishReason FinishOf(string? word) => word switch
    {
        null or "" => FinishReason.None,
        "max_tokens" or "model_context_window_exceeded" => FinishReason.Length,
        "tool_use" => FinishReason.Tools,
        "refusal" => FinishReason.Filter,
        _ => FinishReason.Stop,
    };

    private static void ReadObject(ref Utf8JsonReader reader, Inside inside, ref Message message)
    {
        long input = 0, cached = 0;
        var hasInput = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = Known(ref reader);
            reader.Read();
            switch (field)
            {
                case Field.Object when reader.TokenType == JsonTokenType.StartObject:
                    ReadObject(ref reader, Inside.Part, ref message);
                    break;
                case Field.Usage when reader.TokenType == JsonTokenType.StartObject:
                    ReadObject(ref reader, Inside.Usage, ref message);
                    break;
                case Field.Type when inside == Inside.Event:
                    message.Type = Text(ref reader);
                    break;
                case Field.Type:
                    message.InnerType ??= Text(ref reader);
                    break;
                case Field.Id:
                    message.Id ??= Text(ref reader);
                    break;
                case Field.Name:
                    message.Name ??= Text(ref reader);
                    break;
                case Field.Model:
                    message.Model ??= Text(ref reader);
                    break;
                case Field.Text:
                    message.Text ??= Text(ref reader);
                    break;
                case Field.Json:
                    message.Json ??= Text(ref reader);
                    break;
                case Field.Thinking:
                    message.Thinking ??= Text(ref reader);
                    break;
                case Field.StopReason:
                    message.StopReason ??= Text(ref reader);
                    break;
                case Field.Index:
                    message.Index = (int)Math.Min(Number(ref reader), int.MaxValue);
                    break;
                case Field.InputTokens when inside == Inside.Usage:
                    (input, hasInput) = (Number(ref reader), true);
                    break;
                case Field.CachedTokens when inside == Inside.Usage:
                    cached += Number(ref reader);
                    break;
                case Field.OutputTokens when inside == Inside.Usage:
                    message.Answer = Number(ref reader);
                    break;
            }
            reader.Skip();
        }
        // The last event tells the prompt again in newer versions only.
        if (hasInput && input + cached > 0)
            message.Prompt = input + cached;
    }

    private static Field Known(ref Utf8JsonReader reader)
    {
        foreach (var (name, field) in Fields)
            if (reader.ValueTextEquals(name))
                return field;
        return Field.Other;
    }

    private static string? Text(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.String ? JsonText.Read(ref reader) : null;

    private static long Number(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number) ? Math.Max(0, number) : 0;

    private enum Inside
    {
        Event,
        Part,
        Usage,
    }

    private enum Field
    {
        Other,
        Object,
        Usage,
        Type,
        Index,
        Id,
        Name,
        Model,
        Text,
        Json,
        Thinking,
        StopReason,
        InputTokens,
        CachedTokens,
        OutputTokens,
    }

    private record struct Message
    {
        public string? Type;
        public string? InnerType;
        public string? Id;
        public string? Name;
        public string? Model;
        public string? Text;
        public string? Json;
        public string? Thinking;
        public string? StopReason;
        public int Index;
        public long Prompt;
        public long Answer;
    }
}
