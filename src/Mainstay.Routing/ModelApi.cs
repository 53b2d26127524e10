using System.Text.Json.Serialization;

namespace Mainstay.Routing;

/// <summary>An API of models, as callers or servers speak it.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ModelApi>))]
public enum ModelApi
{
    /// <summary>None: requests go on as they are.</summary>
    Http,
    OpenAi,
    Anthropic,
    SageMaker,
    Lambda,
    Bedrock,
}
