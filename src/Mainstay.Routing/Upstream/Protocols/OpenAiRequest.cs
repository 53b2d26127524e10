using System.Text;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads what a caller of the openai API asks for.</summary>
internal static class OpenAiRequest
{
    public static ModelRequest? Read(string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault)
    {
        // A service that matches another prefix gets the API's own.
        if (path.StartsWith("/v1/", StringComparison.Ordinal))
            path = path[3..];
        var operation = OperationOf(method, path);
        if (operation is ModelOperation.Models or ModelOperation.Other)
            return ReadOther(operation, method, path, body, out fault);
        var scan = RequestScan.Read(body.Span, out fault);
        fault ??= Missing(operation, scan);
        if (fault is not null)
            return null;
        return new ModelRequest
        {
            Api = ModelApi.OpenAi,
            Operation = operation,
            Model = scan.Model,
            Path = path,
            Method = method,
            IsStream = scan.IsStream && operation != ModelOperation.Embedding,
            Body = body,
            Offsets = scan.Offsets,
            PromptTokens = scan.PromptTokens,
            MaxTokens = scan.MaxTokens,
            Choices = scan.Choices,
            WantsUsage = scan.WantsUsage,
            IsContinuable = operation switch
            {
                ModelOperation.Chat => scan.IsChatContinuable,
                ModelOperation.Completion => scan.IsPromptContinuable,
                _ => false,
            },
        };
    }

    private static ModelOperation OperationOf(string method, string path)
    {
        if (method == "GET" && (path == "/models" || path.StartsWith("/models/", StringComparison.Ordinal)))
            return ModelOperation.Models;
        if (method != "POST")
            return ModelOperation.Other;
        return path switch
        {
            "/chat/completions" => ModelOperation.Chat,
            "/completions" => ModelOperation.Completion,
            "/responses" => ModelOperation.Response,
            "/embeddings" => ModelOperation.Embedding,
            _ => ModelOperation.Other,
        };
    }

    private static ModelFault? Missing(ModelOperation operation, RequestScan scan)
    {
        if (scan.Model.Length == 0)
            return Missing("model");
        return operation switch
        {
            ModelOperation.Chat when !scan.HasMessages => Missing("messages"),
            ModelOperation.Embedding when !scan.HasInput => Missing("input"),
            _ => null,
        };
    }

    private static ModelFault Missing(string field) =>
        new(400, $"The body has no '{field}', which is required.") { Param = field, Code = "missing_required_parameter" };

    // What stands in these bodies is not known: if they are JSON that names a model, or a form that does, that is its model.
    private static ModelRequest ReadOther(
        ModelOperation operation, string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault)
    {
        fault = null;
        var model = operation == ModelOperation.Models && path.Length > "/models/".Length ? Uri.UnescapeDataString(path["/models/".Length..]) : "";
        RequestOffsets? offsets = null;
        var isStream = false;
        if (body.Span.TrimStart(" \t\r\n"u8) is [(byte)'{', ..])
        {
            var scan = RequestScan.Read(body.Span, out var broken);
            if (broken is null || scan.Model.Length > 0)
                (model, offsets, isStream) = (scan.Model, scan.Offsets, scan.IsStream);
        }
        else if (FormModel(body.Span) is { IsThere: true } stretch)
        {
            model = Encoding.UTF8.GetString(body.Span.Slice(stretch.Start, stretch.Length));
            offsets = new RequestOffsets { Model = stretch, IsForm = true };
        }
        return new ModelRequest
        {
            Api = ModelApi.OpenAi,
            Operation = operation,
            Model = model,
            Path = path,
            Method = method,
            IsStream = isStream,
            Body = body,
            Offsets = offsets,
        };
    }

    // The part named model of a multipart form (RFC 7578), as audio is sent.
    private static Stretch FormModel(ReadOnlySpan<byte> body)
    {
        const int Longest = 256;
        if (!body.StartsWith("--"u8))
            return default;
        var named = body.IndexOf("name=\"model\""u8);
        var start = named < 0 ? -1 : body[named..].IndexOf("\r\n\r\n"u8);
        if (start < 0)
            return default;
        start += named + 4;
        var value = body[start..];
        var length = value[..Math.Min(value.Length, Longest)].IndexOf("\r\n"u8);
        return length <= 0 || value[..length].ContainsAnyInRange((byte)0, (byte)' ') ? default : new Stretch(start, length);
    }
}
