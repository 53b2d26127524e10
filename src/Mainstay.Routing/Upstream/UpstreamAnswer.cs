using Mainstay.Routing.Http1;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Upstream;

/// <summary>The answer of a server: its head and the first part of its body are here, the rest still flows.</summary>
internal abstract class UpstreamAnswer : IAsyncDisposable
{
    public abstract int Status { get; }

    /// <summary>Header fields as they came.</summary>
    public abstract HeaderFields Fields { get; }

    /// <summary>The newest part of the body; empty at its end. Good until the next part is read.</summary>
    public ReadOnlyMemory<byte> Part { get; protected set; }

    /// <summary>True if not even the first part has been read, because the request is still being sent: both sides may talk
    /// in turns.</summary>
    public bool IsOnlyHead { get; protected set; }

    /// <summary>How the answer was cut, once reading it failed.</summary>
    public abstract AttemptResult Cut { get; }

    /// <summary>Waits for the next part of the body.</summary>
    /// <param name="idle">How long the server may send nothing.</param>
    /// <exception cref="IOException">The answer was cut; <see cref="Cut"/> says how.</exception>
    public abstract ValueTask ReadNextAsync(TimeSpan idle);

    /// <summary>Puts the trailers into the answer to the caller; to be called at the end of the body.</summary>
    public abstract void CopyTrailersTo(IHeaderDictionary trailers);

    /// <summary>Lets go of the server and of the caller's body.</summary>
    public abstract ValueTask DisposeAsync();
}
