using System.Text.Json;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>What a caller asks of a model.</summary>
internal sealed class ModelRequest
{
    /// <summary>The API that it is written in.</summary>
    public required ModelApi Api { get; init; }

    public required ModelOperation Operation { get; init; }

    /// <summary>The name that the caller asks for; empty: it names none.</summary>
    public required string Model { get; init; }

    /// <summary>Its path behind the service's prefix, from "/", without the query.</summary>
    public required string Path { get; init; }

    public string Method { get; init; } = "POST";

    /// <summary>Query of the caller's target with its "?"; empty: none. Set by the gateway before it composes.</summary>
    public string Query { get; set; } = "";

    /// <summary>True if the answer is wanted as a stream of events.</summary>
    public bool IsStream { get; init; }

    /// <summary>The body as it came.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Where things stand in the body; null: not looked for.</summary>
    public RequestOffsets? Offsets { get; init; }

    /// <summary>Those of its header fields that <see cref="Protocol.FieldNames"/> names; set by the gateway before it composes.</summary>
    public IReadOnlyList<(string Name, string Value)> Fields { get; set; } = [];

    /// <summary>Its JSON, parsed when it is asked for the first time; Undefined if it has none (GET) or another form (sagemaker, lambda).</summary>
    public JsonElement Json
    {
        get => field.ValueKind == JsonValueKind.Undefined && !Body.IsEmpty ? field = Parse(Body.Span) : field;
        init;
    }

    /// <summary>Answers that are asked for at once (openai: n), from 1.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>Tokens of the prompt, estimated: a token for four bytes of text.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Tokens that the answer may have at most; null: the caller does not say.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>True if a cut answer may be gone on from: one choice of plain text. Tool calls, structured output,
    /// log probabilities and several choices are never continued by guesswork.</summary>
    public bool IsContinuable { get; init; }

    /// <summary>True if the caller asked for the usage in the stream (openai: stream_options.include_usage).</summary>
    public bool WantsUsage { get; init; }

    /// <summary>True: a server of openai is asked to tell the usage at the end of a stream, though the caller did not ask; what it tells is
    /// then not passed on. For servers that refuse that (<see cref="ProviderVerdict.RefusesUsage"/>): false.</summary>
    public bool AsksUsage { get; set; } = true;

    /// <summary>Tokens of the answer that its caller has already, where it is to go on from a beginning; set by the gateway before it composes.</summary>
    public int SentTokens { get; set; }

    private static JsonElement Parse(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestScan.MostDepth });
        try
        {
            return JsonElement.ParseValue(ref reader);
        }
        catch (JsonException)
        {
            return default;
        }
    }
}

/// <summary>What is asked of a model.</summary>
internal enum ModelOperation
{
    /// <summary>openai chat completions, anthropic messages, bedrock converse.</summary>
    Chat,

    /// <summary>openai completions: a prompt is gone on from.</summary>
    Completion,

    /// <summary>openai responses.</summary>
    Response,

    Embedding,

    /// <summary>The list of models, or one of them: answered by the gateway itself.</summary>
    Models,

    /// <summary>Anything in, anything out: sagemaker, lambda, bedrock invoke.</summary>
    Invoke,

    /// <summary>Another path of the API, passed on as it is to the servers of the model that its body names.</summary>
    Other,
}

/// <summary>What went wrong, for the caller.</summary>
/// <param name="Status">400 to 599.</param>
/// <param name="Message">What, where and the cure, in a sentence or two.</param>
internal sealed record ModelFault(int Status, string Message)
{
    /// <summary>A word for programs, such as <c>model_not_found</c>; null: what fits the status.</summary>
    public string? Code { get; init; }

    /// <summary>The field of the request that is wrong; null: none.</summary>
    public string? Param { get; init; }
}
