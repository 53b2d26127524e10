using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Routing.Models;

/// <summary>The protocols of the APIs of models, one of each.</summary>
internal static class Protocols
{
    private static readonly Protocol[] All = [new OpenAi(), new Anthropic(), new SageMaker(), new Lambda(), new Bedrock()];

    /// <exception cref="NotSupportedException">It is no API of models.</exception>
    public static Protocol Of(ModelApi api)
    {
        foreach (var protocol in All)
            if (protocol.Api == api)
                return protocol;
        throw new NotSupportedException($"{api} is no API of models.");
    }
}
