using System.IO.Pipelines;
using System.Text;
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

    /// <summary>Joins caller and server after 101, until one of them ends it. Only HTTP/1.1 has that.</summary>
    /// <param name="caller">The bare connection to the caller.</param>
    /// <param name="timeouts">Bounds of the tunnel.</param>
    /// <param name="stopping">Cancelled when the program wants to stop.</param>
    public virtual Task<AttemptResult> TunnelAsync(IDuplexPipe caller, Timeouts timeouts, CancellationToken stopping) =>
        throw new NotSupportedException("This answer is no 101.");

    /// <summary>Puts the trailers into the answer to the caller; to be called at the end of the body.</summary>
    public abstract void CopyTrailersTo(IHeaderDictionary trailers);

    /// <summary>Lets go of the server and of the caller's body.</summary>
    public abstract ValueTask DisposeAsync();

    protected static void Copy(HeaderFields fields, IHeaderDictionary trailers)
    {
        for (var i = 0; i < fields.Count; i++)
            // The answer has been sent: what a front would refuse is left out rather than failing it.
            if (fields.IsEndToEnd(i) && !fields.ValueAt(i).ContainsAnyExceptInRange((byte)' ', (byte)'~')
                && Encoding.ASCII.GetString(fields.NameAt(i)) is var name && TrailerFields.MayGoOn(name))
                trailers.Append(name, Encoding.ASCII.GetString(fields.ValueAt(i)));
    }
}
