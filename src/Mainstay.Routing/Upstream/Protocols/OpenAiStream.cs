using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads the stream of a server of the openai API: chunks of chat and plain completions, events of responses.</summary>
internal sealed class OpenAiStream(ModelRequest request) : StreamReader
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = RequestScan.MostDepth };

    private readonly SseReader _events = new();
    private int _finished;

    public override void Feed(ReadOnlySpan<byte> bytes) => _events.Feed(bytes);

    public override void Finish() => _events.Feed("\n\n"u8);

    public override bool TryRead(out AnswerPart part)
    {
        if (!_events.TryRead(out var came))
        {
            part = default;
            return false;
        }
        part = Read(came) with { Bytes = came.Data, Api = ModelApi.OpenAi, Event = came.Name };
        return true;
    }

    private AnswerPart Read(in SseEvent came)
    {
        var data = came.Data.Span.Trim(" \t\r\n"u8);
        if (data.SequenceEqual("[DONE]"u8))
            return new AnswerPart(PartKind.Done);
        if (data.IsEmpty)
            return new AnswerPart(PartKind.Empty);
        if (came.Name == "error")
            return Error(data);
        try
        {
            return request.Operation == ModelOperation.Response ? OpenAiResponse.Read(data, Names) : ReadChunk(data);
        }
        catch (JsonException)
        {
            return new AnswerPart(PartKind.Malformed);
        }
    }

    /// <summary>A part that says that the provider failed.</summary>
    public static AnswerPart Error(ReadOnlySpan<byte> data) =>
        new(PartKind.Error) { Verdict = Verdicts.Judge(200, ErrorBody.Read(data)) };

    private AnswerPart ReadChunk(ReadOnlySpan<byte> data)
    {
        var reader = new Utf8JsonReader(data, Options);
        var chunk = new Chunk();
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return new AnswerPart(PartKind.Malformed);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            ReadField(ref reader, ref chunk);
        reader.Read();
        if (chunk.IsError)
            return Error(data);
        if (chunk.IsBroken || !(chunk.HasChoices || chunk.Usage is not null))
            return new AnswerPart(PartKind.Malformed);
        return PartOf(chunk);
    }

    private AnswerPart PartOf(in Chunk chunk)
    {
        if (chunk.IsCut)
            return new AnswerPart(PartKind.Error) { Verdict = new(ProviderSignal.Failed, "The server gave up its answer.") { Code = chunk.FinishWord } };
        var ends = chunk.Finish != FinishReason.None;
        // Of several answers the last one's end is the end.
        var finish = ends && ++_finished >= request.Choices ? chunk.Finish : FinishReason.None;
        var isUsageAlone = chunk.Usage is not null && !chunk.HasChoice;
        var kind = chunk switch
        {
            { IsTool: true } => PartKind.Tool,
            { Text.Length: > 0 } => PartKind.Text,
            { Thought.Length: > 0 } => PartKind.Thought,
            _ when ends || isUsageAlone => PartKind.End,
            _ => PartKind.Empty,
        };
        return new AnswerPart(kind)
        {
            Text = kind == PartKind.Thought ? chunk.Thought! : chunk.Text ?? "",
            Finish = finish,
            Usage = chunk.Usage,
            IsUsageAlone = isUsageAlone,
            IsFrame = kind == PartKind.Empty && chunk.HasRole,
            ToolIndex = chunk.ToolIndex,
            ToolId = chunk.ToolId,
            ToolName = chunk.ToolName,
        };
    }

    private void ReadField(ref Utf8JsonReader reader, ref Chunk chunk)
    {
        if (reader.ValueTextEquals("choices"u8))
        {
            reader.Read();
            chunk.HasChoices = true;
            ReadChoices(ref reader, ref chunk);
        }
        else if (reader.ValueTextEquals("usage"u8))
        {
            reader.Read();
            chunk.Usage = ReadUsage(ref reader) ?? chunk.Usage;
        }
        else if (reader.ValueTextEquals("error"u8))
        {
            reader.Read();
            chunk.IsError |= reader.TokenType != JsonTokenType.Null;
            reader.Skip();
        }
        else if (reader.ValueTextEquals("id"u8))
        {
            reader.Read();
            if (Names.Id.Length == 0 && reader.TokenType == JsonTokenType.String)
                Names.Id = JsonText.Read(ref reader);
            reader.Skip();
        }
        else if (reader.ValueTextEquals("model"u8))
        {
            reader.Read();
            if (Names.Model.Length == 0 && reader.TokenType == JsonTokenType.String)
                Names.Model = JsonText.Read(ref reader);
            reader.Skip();
        }
        else if (reader.ValueTextEquals("created"u8))
        {
            reader.Read();
            if (Names.Created == 0 && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var created))
                Names.Created = created;
            reader.Skip();
        }
        else
        {
            reader.Read();
            reader.Skip();
        }
    }

    private static void ReadChoices(ref Utf8JsonReader reader, ref Chunk chunk)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            chunk.IsBroken = true;
            reader.Skip();
            return;
        }
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            chunk.HasChoice = true;
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                chunk.IsBroken = true;
                reader.Skip();
                continue;
            }
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                ReadChoice(ref reader, ref chunk);
        }
    }

    private static void ReadChoice(ref Utf8JsonReader reader, ref Chunk chunk)
    {
        if (reader.ValueTextEquals("delta"u8))
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject)
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                    ReadDelta(ref reader, ref chunk);
            else
                chunk.IsBroken |= reader.TokenType != JsonTokenType.Null;
        }
        else if (reader.ValueTextEquals("text"u8))
        {
            reader.Read();
            chunk.Text = Text(ref reader, ref chunk);
        }
        else if (reader.ValueTextEquals("finish_reason"u8))
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
                TakeFinish(ref reader, ref chunk);
        }
        else
        {
            reader.Read();
        }
        if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            reader.Skip();
    }

    private static void ReadDelta(ref Utf8JsonReader reader, ref Chunk chunk)
    {
        if (reader.ValueTextEquals("content"u8))
        {
            reader.Read();
            // Some servers send a list of parts: no plain text.
            chunk.IsTool |= reader.TokenType == JsonTokenType.StartArray;
            if (reader.TokenType != JsonTokenType.StartArray)
                chunk.Text = Text(ref reader, ref chunk);
        }
        else if (reader.ValueTextEquals("role"u8))
        {
            reader.Read();
            chunk.HasRole = true;
        }
        else if (reader.ValueTextEquals("reasoning_content"u8) || reader.ValueTextEquals("reasoning"u8))
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
                chunk.Thought += JsonText.Read(ref reader);
        }
        else if (reader.ValueTextEquals("tool_calls"u8))
        {
            reader.Read();
            ReadToolCalls(ref reader, ref chunk);
        }
        else if (reader.ValueTextEquals("function_call"u8) || reader.ValueTextEquals("refusal"u8) || reader.ValueTextEquals("audio"u8))
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.Null)
                (chunk.IsTool, chunk.ToolIndex) = (true, -1);
        }
        else
        {
            reader.Read();
        }
        reader.Skip();
    }

    // Only the first call's fields are read: the bytes go on as they came.
    private static void ReadToolCalls(ref Utf8JsonReader reader, ref Chunk chunk)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            return;
        var depth = reader.CurrentDepth;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            chunk.IsTool = true;
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            var isIndex = reader.ValueTextEquals("index"u8);
            var isId = reader.ValueTextEquals("id"u8);
            var isName = reader.ValueTextEquals("name"u8);
            var isArguments = reader.ValueTextEquals("arguments"u8);
            reader.Read();
            if (isIndex && reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var index))
                chunk.ToolIndex = index;
            if (reader.TokenType != JsonTokenType.String)
                continue;
            if (isId)
                chunk.ToolId ??= JsonText.Read(ref reader);
            else if (isName)
                chunk.ToolName ??= JsonText.Read(ref reader);
            else if (isArguments)
                chunk.Text ??= JsonText.Read(ref reader);
        }
    }

    private static string? Text(ref Utf8JsonReader reader, ref Chunk chunk)
    {
        if (reader.TokenType == JsonTokenType.String)
            return reader.ValueSpan.IsEmpty ? chunk.Text : chunk.Text + JsonText.Read(ref reader);
        chunk.IsBroken |= reader.TokenType != JsonTokenType.Null;
        return chunk.Text;
    }

    private static void TakeFinish(ref Utf8JsonReader reader, ref Chunk chunk)
    {
        var word = chunk.FinishWord = JsonText.Read(ref reader);
        chunk.Finish = FinishOf(word);
        // The engine was shut down or broke: an answer that looks whole, and is not.
        chunk.IsCut = word is "abort" or "error" or "insufficient_system_resource";
    }

    /// <summary>What a finish_reason means; other words than openai's own are an end, too.</summary>
    public static FinishReason FinishOf(string word) => word switch
    {
        "" => FinishReason.None,
        "length" or "max_tokens" => FinishReason.Length,
        "tool_calls" or "function_call" => FinishReason.Tools,
        "content_filter" => FinishReason.Filter,
        _ => FinishReason.Stop,
    };

    /// <summary>Reads {"prompt_tokens", "completion_tokens"}, or the responses API's {"input_tokens", "output_tokens"}; null if it is none.</summary>
    public static TokenUsage? ReadUsage(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }
        long prompt = 0, answer = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isPrompt = reader.ValueTextEquals("prompt_tokens"u8) || reader.ValueTextEquals("input_tokens"u8);
            var isAnswer = reader.ValueTextEquals("completion_tokens"u8) || reader.ValueTextEquals("output_tokens"u8);
            reader.Read();
            if ((isPrompt || isAnswer) && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number))
                (prompt, answer) = isPrompt ? (number, answer) : (prompt, number);
            reader.Skip();
        }
        return new TokenUsage(prompt, answer);
    }

    private record struct Chunk
    {
        public bool HasChoices;
        public bool HasChoice;
        public bool HasRole;
        public bool IsError;
        public bool IsBroken;
        public bool IsTool;
        public bool IsCut;
        public int ToolIndex;
        public string? ToolId;
        public string? ToolName;
        public string? Text;
        public string? Thought;
        public string? FinishWord;
        public FinishReason Finish;
        public TokenUsage? Usage;
    }
}
