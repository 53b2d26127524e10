namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads what a caller of the anthropic API asks for.</summary>
internal static class AnthropicRequest
{
    public static ModelRequest? Read(string method, string path, ReadOnlyMemory<byte> body, out ModelFault? fault)
    {
        fault = null;
        // A service that matches another prefix gets the API's own.
        if (path.StartsWith("/v1/", StringComparison.Ordinal))
            path = path[3..];
        var isMessage = method == "POST" && path == "/messages";
        var isModels = method == "GET" && (path == "/models" || path.StartsWith("/models/", StringComparison.Ordinal));
        var isJson = body.Span.TrimStart(" \t\r\n"u8) is [(byte)'{', ..];
        var scan = isMessage || isJson ? RequestScan.Read(body.Span, out fault) : null;
        if (isMessage)
            fault ??= Missing(scan!);
        else if (scan?.Model.Length > 0)
            // What else stands in the bodies of other paths is not known.
            fault = null;
        if (fault is not null)
            return null;
        return new ModelRequest
        {
            Api = ModelApi.Anthropic,
            Operation = isMessage ? ModelOperation.Chat : isModels ? ModelOperation.Models : ModelOperation.Other,
            Model = isModels && path.Length > "/models/".Length ? Uri.UnescapeDataString(path["/models/".Length..]) : scan?.Model ?? "",
            Path = path,
            Method = method,
            IsStream = scan is { IsStream: true },
            Body = body,
            Offsets = scan?.Offsets,
            PromptTokens = scan?.PromptTokens ?? 0,
            MaxTokens = scan?.MaxTokens,
            IsContinuable = isMessage && scan!.IsMessageContinuable,
            WantsUsage = true,
        };
    }

    private static ModelFault? Missing(RequestScan scan)
    {
        var field = scan.Model.Length == 0 ? "model" : !scan.HasMessages ? "messages" : scan.MaxTokens is null ? "max_tokens" : null;
        return field is null ? null : new(400, $"{field}: Field required") { Param = field, Code = "missing_required_parameter" };
    }
}
