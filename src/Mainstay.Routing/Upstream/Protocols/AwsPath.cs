namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Paths of AWS's APIs, which hold a name: of an endpoint, a function, a model. Names are ARNs as well, with slashes and colons.</summary>
internal static class AwsPath
{
    private const int LongestName = 2048;

    /// <summary>Reads a request whose body is anything.</summary>
    /// <param name="paths">What stands before and behind the name, and whether the answer is a stream.</param>
    public static ModelRequest? Read(
        ModelApi api, string method, string path, ReadOnlyMemory<byte> body, ReadOnlySpan<(string Before, string Behind, bool IsStream)> paths, out ModelFault? fault)
    {
        foreach (var (before, behind, isStream) in paths)
            if (Name(path, before, behind) is { } name)
            {
                fault = method == "POST" ? null : NotPost(method);
                return fault is null
                    ? new ModelRequest
                    {
                        Api = api,
                        Operation = ModelOperation.Invoke,
                        Model = name,
                        Path = path,
                        IsStream = isStream,
                        Body = body,
                        PromptTokens = Tokens(body.Span),
                    }
                    : null;
            }
        fault = Unknown(api, path, string.Join(" and ", paths.ToArray().Select(p => $"{p.Before}NAME{p.Behind}")));
        return null;
    }

    /// <summary>The name that stands in a path; null: this is another path, or no name that can be.</summary>
    /// <param name="path">As it came, from "/".</param>
    /// <param name="before">What stands before the name, with its slash.</param>
    /// <param name="behind">What stands behind it, with its slash.</param>
    public static string? Name(string path, string before, string behind)
    {
        if (path.Length <= before.Length + behind.Length || !path.StartsWith(before, StringComparison.Ordinal) || !path.EndsWith(behind, StringComparison.Ordinal))
            return null;
        var name = Uri.UnescapeDataString(path[before.Length..^behind.Length]);
        return name.Length is > 0 and <= LongestName && !name.AsSpan().ContainsAnyInRange('\0', ' ') ? name : null;
    }

    public static string Of(string before, string name, string behind) => before + Uri.EscapeDataString(name) + behind;

    public static ModelFault NotPost(string method) => new(405, $"{method} is not known here: requests to models are sent with POST.");

    public static ModelFault Unknown(ModelApi api, string path, string known) => new(
        404, $"The path {(path.Length <= 100 ? path : path[..100] + "...")} is none of the API {api.ToString().ToLowerInvariant()} that is known here: {known} are.");

    /// <summary>Fields of a request: those of the caller that belong to the API, those of the server's configuration, what the body is.</summary>
    public static void AddFields(ServerRequest composed, ModelRequest request, Server server, ModelApi api)
    {
        ServerTemplates.AddFields(composed, server.Ai, server.Ai?.Model ?? request.Model, key: null);
        if (request.Api == api)
            composed.Fields.AddRange(request.Fields.Where(f => !Has(composed, f.Name)));
        if (!Has(composed, "Content-Type"))
            composed.Fields.Add(("Content-Type", request.Api == api ? "application/octet-stream" : "application/json"));
        // What it means is read on the way.
        composed.Fields.Add(("Accept-Encoding", "identity"));
    }

    // A token for four bytes, if it looks like text; nobody knows of the rest.
    private static int Tokens(ReadOnlySpan<byte> body) =>
        body.TrimStart(" \t\r\n"u8) is [(byte)'{' or (byte)'[' or (byte)'"', ..] ? body.Length / 4 : 0;

    private static bool Has(ServerRequest request, string name) => request.Fields.Exists(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
