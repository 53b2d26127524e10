using System.Text;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>An answer as a caller of a model got it, read by the rules of its API and nothing more.</summary>
internal sealed class CallerAnswer
{
    public int Status { get; set; }

    public Dictionary<string, string> Headers { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>All bytes of the body.</summary>
    public string Body { get; set; } = "";

    /// <summary>Text of the answer.</summary>
    public string Text { get; set; } = "";

    /// <summary>Arguments of its first tool call.</summary>
    public string ToolArguments { get; set; } = "";

    public string? ToolName { get; set; }

    /// <summary>Why it ended, in the API's word; null: it does not say.</summary>
    public string? Finish { get; set; }

    /// <summary>True after [DONE] or message_stop.</summary>
    public bool IsDone { get; set; }

    /// <summary>The error that it says; null: none.</summary>
    public string? Error { get; set; }

    /// <summary>Errors that a stream said.</summary>
    public int Errors { get; set; }

    /// <summary>Tokens of the answer as it says; null: not said.</summary>
    public long? Tokens { get; set; }

    public string? Model { get; set; }

    /// <summary>How the connection broke; null: the body ended in good order.</summary>
    public string? Broken { get; set; }

    public TimeSpan Took { get; set; }

    /// <summary>Until the first piece of text; null: none came.</summary>
    public TimeSpan? FirstToken { get; set; }

    public bool HasEvent { get; set; }

    public override string ToString() =>
        $"{Status} after {Took.TotalSeconds:0.00} s, done {IsDone}, finish {Finish}, error {Error}, broken {Broken}\ntext {Text}\nbody …{Body[Math.Max(0, Body.Length - 1500)..]}";

    /// <summary>Takes one event of a stream.</summary>
    /// <exception cref="JsonException">It is no JSON, which no client would take.</exception>
    public void Take(string data, TimeSpan at)
    {
        HasEvent = true;
        if (data == "[DONE]")
        {
            IsDone = true;
            return;
        }
        var before = Text.Length;
        Read(JsonSerializer.Deserialize<JsonElement>(data));
        if (Text.Length > before)
            FirstToken ??= at;
    }

    /// <summary>Takes the body of a whole answer.</summary>
    public void TakeWhole()
    {
        if (Body.Length > 0)
            Read(JsonSerializer.Deserialize<JsonElement>(Body));
    }

    private void Read(JsonElement json)
    {
        if (json.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
        {
            Error = error.GetProperty("message").GetString();
            Errors++;
            return;
        }
        if (json.TryGetProperty("model", out var model))
            Model = model.GetString();
        if (json.TryGetProperty("object", out var kind) && kind.GetString() == "response")
            ReadResponse(json);
        else if (json.TryGetProperty("type", out var type) && type.GetString()!.StartsWith("response.", StringComparison.Ordinal))
            ReadResponseEvent(json, type.GetString()!);
        else if (json.TryGetProperty("type", out type) && type.GetString() == "error")
            (Error, Errors) = (json.GetProperty("message").GetString(), Errors + 1);
        else if (json.TryGetProperty("type", out type))
            ReadMessages(json, type.GetString()!);
        else
            ReadCompletion(json);
    }

    private void ReadCompletion(JsonElement json)
    {
        if (json.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object && usage.TryGetProperty("completion_tokens", out var tokens))
            Tokens = tokens.GetInt64();
        if (!json.TryGetProperty("choices", out var choices) || choices.GetArrayLength() == 0)
            return;
        var choice = choices[0];
        if (choice.TryGetProperty("finish_reason", out var reason) && reason.ValueKind == JsonValueKind.String)
            Finish = reason.GetString();
        if (choice.TryGetProperty("text", out var text))
            Text += text.GetString();
        if ((choice.TryGetProperty("delta", out var delta) || choice.TryGetProperty("message", out delta)) && delta.ValueKind == JsonValueKind.Object)
        {
            if (delta.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String)
                Text += content.GetString();
            if (delta.TryGetProperty("tool_calls", out var calls))
            {
                var function = calls[0].GetProperty("function");
                if (function.TryGetProperty("name", out var name))
                    ToolName = name.GetString();
                ToolArguments += function.GetProperty("arguments").GetString();
            }
        }
    }

    private void ReadResponseEvent(JsonElement json, string type)
    {
        if (type == "response.output_text.delta")
            Text += json.GetProperty("delta").GetString();
        if (type == "response.failed")
            (Error, Errors) = (json.GetProperty("response").GetProperty("error").GetProperty("message").GetString(), Errors + 1);
        if (type != "response.completed")
            return;
        var text = Text;
        ReadResponse(json.GetProperty("response"));
        if (Text != text)
            throw new JsonException($"The deltas said {text}, the end {Text}.");
        IsDone = true;
    }

    private void ReadResponse(JsonElement json)
    {
        (Model, Finish) = (json.GetProperty("model").GetString(), json.GetProperty("status").GetString());
        Text = string.Concat(json.GetProperty("output").EnumerateArray().SelectMany(item => item.GetProperty("content").EnumerateArray()).Select(part => part.GetProperty("text").GetString()));
        if (json.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
            Tokens = usage.GetProperty("output_tokens").GetInt64();
    }

    private void ReadMessages(JsonElement json, string type)
    {
        switch (type)
        {
            case "message_start":
                Model = json.GetProperty("message").GetProperty("model").GetString();
                break;
            case "content_block_start" when json.GetProperty("content_block").TryGetProperty("name", out var name):
                ToolName = name.GetString();
                break;
            case "content_block_delta":
                var delta = json.GetProperty("delta");
                if (delta.TryGetProperty("text", out var text))
                    Text += text.GetString();
                if (delta.TryGetProperty("partial_json", out var part))
                    ToolArguments += part.GetString();
                break;
            case "message_delta":
                Finish = json.GetProperty("delta").GetProperty("stop_reason").GetString();
                if (json.TryGetProperty("usage", out var usage))
                    Tokens = usage.GetProperty("output_tokens").GetInt64();
                break;
            case "message_stop":
                IsDone = true;
                break;
            case "message":
                foreach (var block in json.GetProperty("content").EnumerateArray())
                    if (block.TryGetProperty("text", out var whole))
                        Text += whole.GetString();
                    else
                        (ToolName, ToolArguments) = (block.GetProperty("name").GetString(), block.GetProperty("input").GetRawText());
                Finish = json.GetProperty("stop_reason").GetString();
                if (json.TryGetProperty("usage", out var used))
                    Tokens = used.GetProperty("output_tokens").GetInt64();
                break;
        }
    }
}

/// <summary>Data of server-sent events, by the rules of the HTML standard; only what a blank line ended counts.</summary>
internal sealed class EventLines
{
    private readonly StringBuilder _line = new();
    private readonly List<string> _data = [];
    private bool _return;

    public IEnumerable<string> Feed(string text)
    {
        foreach (var c in text)
        {
            if (c == '\n' && _return)
            {
                _return = false;
                continue;
            }
            _return = c == '\r';
            if (c is not ('\n' or '\r'))
                _line.Append(c);
            else if (Line() is { } data)
                yield return data;
        }
    }

    private string? Line()
    {
        var line = _line.ToString();
        _line.Clear();
        if (line.StartsWith("data:", StringComparison.Ordinal))
            _data.Add(line.Length > 5 && line[5] == ' ' ? line[6..] : line[5..]);
        if (line.Length > 0 || _data.Count == 0)
            return null;
        var data = string.Join('\n', _data);
        _data.Clear();
        return data;
    }
}
