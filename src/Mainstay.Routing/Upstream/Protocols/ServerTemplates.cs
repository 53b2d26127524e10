namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Path and fields of a request to a server, from its templates in the configuration where it has some.</summary>
internal static class ServerTemplates
{
    /// <summary>Path and query behind the path of the server's url.</summary>
    /// <param name="own">The API's own path, from "/".</param>
    /// <param name="model">The name of the model that is put in.</param>
    /// <param name="query">The caller's query with its "?", or empty.</param>
    public static string Target(ModelServer? server, string own, string model, string query)
    {
        if (server?.Path is not { } template)
            return own + query;
        var target = template
            .Replace("{path}", own, StringComparison.Ordinal)
            .Replace("{model}", Uri.EscapeDataString(model), StringComparison.Ordinal);
        return query.Length == 0 ? target : target + (target.Contains('?') ? "&" + query[1..] : query);
    }

    /// <summary>Puts in the fields that templates give.</summary>
    /// <returns>False: there are none, and the API's own field for the key is to be sent.</returns>
    public static bool AddFields(ServerRequest request, ModelServer? server, string model, string? key)
    {
        if (server is null || server.Headers.IsEmpty)
            return false;
        foreach (var (name, value) in server.Headers)
            // A server that has no key is not sent an empty one.
            if (key is not null || !value.Contains("{key}", StringComparison.Ordinal))
                request.Fields.Add((name, value.Replace("{key}", key, StringComparison.Ordinal).Replace("{model}", model, StringComparison.Ordinal)));
        return true;
    }
}
