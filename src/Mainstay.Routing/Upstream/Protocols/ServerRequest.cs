namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>A request as a server gets it; connection, Host and framing are added on the way.</summary>
public sealed class ServerRequest
{
    public required string Method { get; init; }

    /// <summary>Path and query, from "/", behind the path of the server's url.</summary>
    public required string Target { get; init; }

    /// <summary>Empty: none.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Fields beside those of the caller that go on: key, version, content type, signature. A name that stands here is not taken
    /// from the caller.</summary>
    public List<(string Name, string Value)> Fields { get; } = [];
}

/// <summary>Signs a request: adds the fields that prove who asks. Called once for each attempt, right before it is sent. The caller's own
/// signature does not go on: it is of another request.</summary>
/// <param name="request">Complete but for Host, which is the authority of the server's url, and framing.</param>
/// <param name="server">Whom it goes to.</param>
/// <param name="cancel">Cancelled when the attempt is given up.</param>
/// <returns>Null if it is signed; else why it cannot be, with the cure, and never a secret.</returns>
public delegate ValueTask<string?> RequestSigner(ServerRequest request, Server server, CancellationToken cancel);
