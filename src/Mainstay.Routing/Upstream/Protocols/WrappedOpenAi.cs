using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// The API openai inside of the invocations of sagemaker and lambda (<c>body: openai</c>), for containers and functions that speak it: vLLM, SGLang,
/// TGI, LMI. The request is the body, and so is the answer.
/// </summary>
internal static class WrappedOpenAi
{
    public static OpenAi Inner { get; } = new();

    /// <summary>The body for a server of an API that wraps others.</summary>
    /// <returns>Null with a fault if it cannot be asked this.</returns>
    public static ReadOnlyMemory<byte>? Body(ModelApi api, ModelRequest request, Server server, string? begun, out ModelFault? fault)
    {
        var name = api.ToString().ToLowerInvariant();
        fault = null;
        if (request.Api == api)
        {
            if (begun is null)
                return request.Body;
            fault = new(400, $"An answer of the API {name} is anything in frames: it cannot be gone on from a beginning.");
        }
        else if (request.Api != ModelApi.OpenAi || server.Ai?.Body != ModelApi.OpenAi)
        {
            fault = new(400, $"Server {server.Name} of the API {name} takes bodies as they come, and a request of the API "
                + $"{request.Api.ToString().ToLowerInvariant()} is none for it. Where it speaks openai inside, its body: openai says so.");
        }
        else if (request.Operation is not (ModelOperation.Chat or ModelOperation.Completion or ModelOperation.Embedding))
        {
            fault = new(400, $"{request.Path} cannot be mapped to the API {name}: chat completions, completions and embeddings can.");
        }
        else
        {
            return Inner.Compose(request, server, key: null, begun, out fault)?.Body;
        }
        return null;
    }

    /// <summary>Lines of JSON as events of openai: some containers send their chunks so.</summary>
    public static void WriteEvents(IBufferWriter<byte> output, ReadOnlySpan<byte> bytes, ref bool isInLine)
    {
        while (!bytes.IsEmpty)
        {
            if (!isInLine)
                output.Write("data: "u8);
            isInLine = true;
            var end = bytes.IndexOf((byte)'\n');
            output.Write(end < 0 ? bytes : bytes[..end]);
            if (end < 0)
                return;
            output.Write("\n\n"u8);
            isInLine = false;
            bytes = bytes[(end + 1)..];
        }
    }
}
