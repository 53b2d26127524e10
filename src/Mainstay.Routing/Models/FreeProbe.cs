using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Routing.Models;

/// <summary>
/// Asks a held server of a model for the list of its models: that costs no tokens, and says whether the server is back and
/// its key is taken again. Without it each try would be a caller's request. Servers of a cloud's own API are judged from
/// traffic alone: nothing there is free.
/// </summary>
internal static class FreeProbe
{
    /// <summary>The check in the place of one that the service does not name.</summary>
    public static HealthCheck Check { get; } = new() { Path = "/models", Every = TimeSpan.FromSeconds(2), Timeout = TimeSpan.FromSeconds(2) };

    private static readonly ModelRequest Asked = new() { Api = ModelApi.OpenAi, Operation = ModelOperation.Models, Model = "", Path = "/models", Method = "GET" };

    /// <summary>True if the service has no check of its own, and this server is one to be asked now.</summary>
    public static bool IsDue(LiveService service, LiveServer server) =>
        service.Spec.Health is null && server.Spec.Ai is { Api: ModelApi.OpenAi or ModelApi.Anthropic }
        && (server.LockedOut is not null || server.Breaker.IsOpen || !server.IsWell);

    /// <summary>The request; null: it cannot be made, such as without a key.</summary>
    public static ServerRequest? Compose(Server server, ServerKeys keys) =>
        keys.Of(server.Ai!, out var trouble) is var key && trouble is null
            ? Protocols.Of(server.Ai!.Api).Compose(Asked, server, key, begun: null, out _)
            : null;

    /// <summary>What an answer says: empty if the server is well. A path that it does not know is an answer like another;
    /// only a list says that the key is good.</summary>
    /// <param name="status">Of the answer.</param>
    /// <param name="isLockedOut">True if the key is in question.</param>
    public static string Judge(int status, bool isLockedOut) =>
        status is >= 200 and < 300 || (!isLockedOut && status is >= 300 and < 500 and not (401 or 402 or 403 or 408 or 429)) ? "" : $"answered {status}";
}
