using System.Buffers;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Writes the request that a server of the openai API gets: the caller's own body with few changes.</summary>
internal static class OpenAiCompose
{
    public static ServerRequest Write(ModelRequest request, Server server, string? key, string? begun)
    {
        var model = server.Ai?.Model ?? request.Model;
        var composed = new ServerRequest
        {
            Method = request.Method,
            Target = ServerTemplates.Target(server.Ai, request.Path, model, request.Query),
            Body = Body(request, model, begun),
        };
        if (!ServerTemplates.AddFields(composed, server.Ai, model, key) && key is not null)
            composed.Fields.Add(("Authorization", "Bearer " + key));
        // What it means is read on the way.
        composed.Fields.Add(("Accept-Encoding", "identity"));
        if (request.Operation is not (ModelOperation.Other or ModelOperation.Models))
            composed.Fields.Add(("Content-Type", "application/json"));
        return composed;
    }

    /// <summary>The caller's body with the model's name, the wish for usage, and the beginning of the answer put in.</summary>
    public static ReadOnlyMemory<byte> Body(ModelRequest request, string model, string? begun)
    {
        if (request.Offsets is not { } offsets)
            return request.Body;
        var edits = new Edits();
        if (offsets.Model.IsThere && model != request.Model)
            edits.Replace(offsets.Model, offsets.IsForm ? System.Text.Encoding.UTF8.GetBytes(model) : JsonText.Bytes(model));
        if (request.IsStream && request.AsksUsage && !request.WantsUsage && request.Operation is ModelOperation.Chat or ModelOperation.Completion)
            AskUsage(edits, offsets);
        if (begun is not null)
        {
            PutBeginning(edits, request, offsets, begun);
            edits.LowerMaxTokens(offsets, request.SentTokens);
        }
        return edits.Apply(request.Body);
    }

    private static void AskUsage(Edits edits, RequestOffsets offsets)
    {
        if (offsets.IncludeUsage.IsThere)
            edits.Replace(offsets.IncludeUsage, "true"u8.ToArray());
        else if (offsets.HasStreamOptions)
            edits.Insert(offsets.StreamOptions.Start + 1, "\"include_usage\":true,"u8.ToArray());
        else if (offsets.StreamOptions.IsThere)
            edits.Replace(offsets.StreamOptions, "{\"include_usage\":true}"u8.ToArray());
        else
            edits.Insert(offsets.Inside, "\"stream_options\":{\"include_usage\":true},"u8.ToArray());
    }

    private static void PutBeginning(Edits edits, ModelRequest request, RequestOffsets offsets, string begun)
    {
        if (request.Operation == ModelOperation.Completion)
        {
            edits.Insert(offsets.Prompt.End - 1, JsonText.Bytes(begun)[1..^1]);
            return;
        }
        // The caller began the answer itself, and said so: its beginning grows.
        if (offsets.Begun.IsThere)
        {
            edits.Insert(offsets.Begun.End - 1, JsonText.Bytes(begun)[1..^1]);
            return;
        }
        var message = new ArrayBufferWriter<byte>(begun.Length + 64);
        message.Write(offsets.MessageCount > 0 ? ",{\"role\":\"assistant\",\"content\":"u8 : "{\"role\":\"assistant\",\"content\":"u8);
        JsonText.Write(message, begun);
        message.Write("}"u8);
        edits.Insert(offsets.Messages.End - 1, message.WrittenMemory);
        // Understood by vLLM and SGLang.
        edits.Insert(offsets.Inside, "\"continue_final_message\":true,\"add_generation_prompt\":false,"u8.ToArray());
    }
}
