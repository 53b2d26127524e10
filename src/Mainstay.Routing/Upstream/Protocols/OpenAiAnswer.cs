using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads whole answers of servers of the openai API.</summary>
internal static class OpenAiAnswer
{
    /// <returns>Null if it is no answer to such a request: HTML, half a document, another object.</returns>
    public static WholeAnswer? Read(ModelRequest request, ReadOnlySpan<byte> body)
    {
        try
        {
            return request.Operation switch
            {
                // Sound, files, anything.
                ModelOperation.Other or ModelOperation.Invoke => new WholeAnswer("", FinishReason.None, null),
                // Long lists of numbers: only passed over.
                ModelOperation.Embedding => ReadFlat(body, "data"u8),
                ModelOperation.Models => ReadFlat(body, "object"u8),
                _ => ReadTree(request, body),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>An answer that is an error of the provider in truth.</summary>
    public static WholeAnswer Failed(ReadOnlySpan<byte> body) =>
        new("", FinishReason.None, null) { Verdict = Verdicts.Judge(200, ErrorBody.Read(body)) };

    private static WholeAnswer? ReadFlat(ReadOnlySpan<byte> body, ReadOnlySpan<byte> needed)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });
        var model = "";
        TokenUsage? usage = null;
        var (isAnswer, isError) = (false, false);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            isAnswer |= reader.ValueTextEquals(needed);
            var isUsage = reader.ValueTextEquals("usage"u8);
            var isModel = reader.ValueTextEquals("model"u8);
            var mayBeError = reader.ValueTextEquals("error"u8);
            reader.Read();
            isError |= mayBeError && reader.TokenType != JsonTokenType.Null;
            if (isUsage)
                usage = OpenAiStream.ReadUsage(ref reader);
            else if (isModel && reader.TokenType == JsonTokenType.String)
                model = JsonText.Read(ref reader);
            reader.Skip();
        }
        reader.Read();
        return isError ? Failed(body) : isAnswer ? new WholeAnswer("", FinishReason.None, usage) { Model = model } : null;
    }

    private static WholeAnswer? ReadTree(ModelRequest request, ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });
        var root = JsonElement.ParseValue(ref reader);
        // Throws if something follows.
        reader.Read();
        if (root.ValueKind != JsonValueKind.Object)
            return null;
        if (root.TryGetProperty("error", out var error) && error.ValueKind != JsonValueKind.Null)
            return Failed(body);
        var answer = request.Operation == ModelOperation.Response ? ReadResponse(root) : ReadChoices(root);
        return answer is null ? null : answer with
        {
            Id = Text(root, "id"),
            Model = Text(root, "model"),
            Created = root.TryGetProperty("created", out var created) && created.TryGetInt64(out var seconds) ? seconds : 0,
            Usage = ReadUsage(root),
        };
    }

    private static WholeAnswer? ReadChoices(JsonElement root)
    {
        if (!root.TryGetProperty("choices", out var choices) || choices.ValueKind != JsonValueKind.Array || choices.GetArrayLength() == 0)
            return null;
        var choice = choices[0];
        var finish = OpenAiStream.FinishOf(Text(choice, "finish_reason"));
        if (Text(choice, "finish_reason") is "abort" or "error" or "insufficient_system_resource")
            return new WholeAnswer("", finish, null) { Verdict = new(ProviderSignal.Failed, "The server gave up its answer.") };
        if (!choice.TryGetProperty("message", out var message) || message.ValueKind != JsonValueKind.Object)
            return choice.TryGetProperty("text", out _) ? new WholeAnswer(Text(choice, "text"), finish, null) : null;
        var tools = new List<(string, string, string)>();
        if (message.TryGetProperty("tool_calls", out var calls) && calls.ValueKind == JsonValueKind.Array)
            foreach (var call in calls.EnumerateArray())
                if (call.TryGetProperty("function", out var function))
                    tools.Add((Text(call, "id"), Text(function, "name"), Text(function, "arguments")));
        return new WholeAnswer(Text(message, "content"), finish, null) { Tools = tools };
    }

    private static WholeAnswer? ReadResponse(JsonElement root)
    {
        if (!root.TryGetProperty("output", out var output) || output.ValueKind != JsonValueKind.Array)
            return null;
        var text = new System.Text.StringBuilder();
        foreach (var item in output.EnumerateArray())
            if (item.TryGetProperty("content", out var parts) && parts.ValueKind == JsonValueKind.Array)
                foreach (var part in parts.EnumerateArray())
                    if (Text(part, "type") == "output_text")
                        text.Append(Text(part, "text"));
        var isCut = Text(root, "status") == "incomplete";
        return new WholeAnswer(text.ToString(), isCut ? FinishReason.Length : FinishReason.Stop, null);
    }

    private static TokenUsage? ReadUsage(JsonElement root)
    {
        if (!root.TryGetProperty("usage", out var usage) || usage.ValueKind != JsonValueKind.Object)
            return null;
        return new TokenUsage(Number(usage, "prompt_tokens", "input_tokens"), Number(usage, "completion_tokens", "output_tokens"));
    }

    private static long Number(JsonElement of, string name, string other) =>
        (of.TryGetProperty(name, out var value) || of.TryGetProperty(other, out value))
            && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;

    // A string that is no Unicode (half a surrogate pair) makes no answer broken.
    private static string Text(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? JsonText.Read(value) : "";
}
