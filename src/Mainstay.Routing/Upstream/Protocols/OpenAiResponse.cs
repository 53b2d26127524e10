using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads the events of openai's responses API: each says in its "type" what it is.</summary>
internal static class OpenAiResponse
{
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static AnswerPart Read(ReadOnlySpan<byte> data, StreamNames names)
    {
        var reader = new Utf8JsonReader(data, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });
        var type = "";
        string? delta = null;
        var isError = false;
        Final final = default;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return new AnswerPart(PartKind.Malformed);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            var isDelta = reader.ValueTextEquals("delta"u8);
            var isResponse = reader.ValueTextEquals("response"u8);
            isError |= reader.ValueTextEquals("error"u8);
            reader.Read();
            if (isType && reader.TokenType == JsonTokenType.String)
                type = JsonText.Read(ref reader);
            else if (isDelta && reader.TokenType == JsonTokenType.String)
                delta = JsonText.Read(ref reader);
            else if (isResponse && reader.TokenType == JsonTokenType.StartObject)
                final = ReadResponse(ref reader, names);
            reader.Skip();
        }
        reader.Read();
        return type switch
        {
            "" => isError ? OpenAiStream.Error(data) : new AnswerPart(PartKind.Malformed),
            "error" or "response.failed" => OpenAiStream.Error(data),
            "response.output_text.delta" => new AnswerPart(PartKind.Text) { Text = delta ?? "" },
            "response.completed" => new AnswerPart(PartKind.Done) { Finish = FinishReason.Stop, Usage = final.Usage },
            "response.incomplete" => new AnswerPart(PartKind.Done)
            {
                Finish = final.Reason == "content_filter" ? FinishReason.Filter : FinishReason.Length,
                Usage = final.Usage,
            },
            "response.created" or "response.in_progress" or "response.queued" => new AnswerPart(PartKind.Empty) { IsFrame = true },
            _ when !type.EndsWith(".delta", StringComparison.Ordinal) => new AnswerPart(PartKind.Empty),
            _ when type.StartsWith("response.reasoning", StringComparison.Ordinal) => new AnswerPart(PartKind.Thought) { Text = delta ?? "" },
            _ => new AnswerPart(PartKind.Tool) { Text = delta ?? "", ToolIndex = -1 },
        };
    }

    private static Final ReadResponse(ref Utf8JsonReader reader, StreamNames names)
    {
        var final = default(Final);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isId = reader.ValueTextEquals("id"u8);
            var isModel = reader.ValueTextEquals("model"u8);
            var isUsage = reader.ValueTextEquals("usage"u8);
            var isReason = reader.ValueTextEquals("incomplete_details"u8);
            reader.Read();
            if (isId && reader.TokenType == JsonTokenType.String && names.Id.Length == 0)
                names.Id = JsonText.Read(ref reader);
            else if (isModel && reader.TokenType == JsonTokenType.String && names.Model.Length == 0)
                names.Model = JsonText.Read(ref reader);
            else if (isUsage)
                final = final with { Usage = OpenAiStream.ReadUsage(ref reader) };
            else if (isReason && reader.TokenType == JsonTokenType.StartObject)
                final = final with { Reason = ReadReason(ref reader) };
            reader.Skip();
        }
        return final;
    }

    private static string? ReadReason(ref Utf8JsonReader reader)
    {
        string? reason = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isReason = reader.ValueTextEquals("reason"u8);
            reader.Read();
            if (isReason && reader.TokenType == JsonTokenType.String)
                reason = JsonText.Read(ref reader);
            reader.Skip();
        }
        return reason;
    }

    private readonly record struct Final(TokenUsage? Usage, string? Reason);
}
