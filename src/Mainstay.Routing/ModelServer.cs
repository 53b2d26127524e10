using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Mainstay.Routing;

/// <summary>How a server of a model is asked.</summary>
public sealed record ModelServer
{
    public ModelApi Api { get; init; }

    /// <summary>Its own name of the model; null: as the caller names it.</summary>
    public string? Model { get; init; }

    /// <summary>Environment variable that holds its key; null: none. The key itself never stands in a table.</summary>
    public string? KeyEnv { get; init; }

    /// <summary>Absolute path of the file that holds its key, read again when it changes; null: none.</summary>
    public string? KeyFile { get; init; }

    /// <summary>True if it goes on from a beginning that it is given (assistant prefill).</summary>
    public bool Prefill { get; init; } = true;

    /// <summary>Tokens of prompt and answer together that its model can hold; null: unknown.</summary>
    public int? Context { get; init; }

    /// <summary>Price of a million tokens of prompts, in the currency of the operator; null: unknown.</summary>
    public double? PromptPrice { get; init; }

    /// <summary>Price of a million tokens of answers; null: unknown.</summary>
    public double? AnswerPrice { get; init; }

    /// <summary>Where its engine tells its load as Prometheus text: a path on its host, or a URL; null: nowhere.</summary>
    public string? Metrics { get; init; }

    /// <summary>sagemaker: the name of the endpoint; lambda: the name or ARN of the function; null: as the caller names the model.</summary>
    public string? Endpoint { get; init; }

    /// <summary>AWS: the region that requests are signed for; null: none.</summary>
    public string? AwsRegion { get; init; }

    /// <summary>sagemaker, lambda: the API that the body is written in; Http: as the caller sends it.</summary>
    public ModelApi Body { get; init; }

    /// <summary>What stands between the server's url and what follows, instead of the API's own path, such as
    /// <c>/openai/deployments/{model}{path}?api-version=2024-10-21</c> (<c>{path}</c>: such as <c>/chat/completions</c>); null: the API's own.</summary>
    public string? Path { get; init; }

    /// <summary>Fields sent along, such as <c>api-key: {key}</c>; they take the place of the API's own field for the key.</summary>
    public ImmutableArray<HeaderTemplate> Headers { get; init => field = value.IsDefault ? [] : value; } = [];
}

/// <summary>A header field sent to a server; <c>{key}</c> and <c>{model}</c> in its value are filled in.</summary>
public sealed record HeaderTemplate(string Name, string Value);

/// <summary>Where an answer of a model goes on that was cut.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ContinuePolicy>))]
public enum ContinuePolicy
{
    /// <summary>On another server whose own name of the model is the same.</summary>
    Same,

    /// <summary>On any other server of the name.</summary>
    Any,

    /// <summary>Nowhere: it ends with an error.</summary>
    Never,
}

/// <summary>Which of equally good servers a request to a model prefers.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AffinityPolicy>))]
public enum AffinityPolicy
{
    /// <summary>None: the least loaded one.</summary>
    Off,

    /// <summary>The one that had prompts with the same beginning lately, while its load allows that.</summary>
    Prefix,
}
