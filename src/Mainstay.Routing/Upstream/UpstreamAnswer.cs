using System.IO.Pipelines;
using System.Text;
using Mainstay.Routing.Http1;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Upstream;

/// <summary>The answer of a server: its head and the first part of its body are here, the rest still flows.</summary>
internal sealed class UpstreamAnswer(
    ServerConnection connection, ServerConnections pool, AttemptClock clock, long total, CancellationTokenRegistration callerLeft, Task sending, ReplayableBody? body)
    : IAsyncDisposable
{
    public int Status => connection.Head.Status;

    /// <summary>Header fields as they came.</summary>
    public HeaderFields Fields => connection.Head.Fields;

    /// <summary>Puts the trailers into the answer to the caller; to be called at the end of the body.</summary>
    public void CopyTrailersTo(IHeaderDictionary trailers)
    {
        if (connection.Trailers is not { } fields)
            return;
        for (var i = 0; i < fields.Count; i++)
            // The answer has been sent: what a front would refuse is left out rather than failing it.
            if (fields.IsEndToEnd(i) && !fields.ValueAt(i).ContainsAnyExceptInRange((byte)' ', (byte)'~')
                && Encoding.ASCII.GetString(fields.NameAt(i)) is var name && TrailerFields.MayGoOn(name))
                trailers.Append(name, Encoding.ASCII.GetString(fields.ValueAt(i)));
    }

    /// <summary>The newest part of the body; empty at its end. Good until the next part is read.</summary>
    public ReadOnlyMemory<byte> Part { get; private set; }

    /// <summary>How the answer was cut, once reading it failed.</summary>
    public AttemptResult Cut => connection.Why ?? AttemptResult.Truncated;

    /// <summary>Reads the first part: until it is there, another server can take over.</summary>
    public async ValueTask ReadFirstAsync() => Part = await connection.ReadPartAsync();

    /// <summary>Joins caller and server after 101, until one of them ends it.</summary>
    /// <param name="caller">The bare connection to the caller.</param>
    /// <param name="timeouts">Bounds of the tunnel.</param>
    /// <param name="stopping">Cancelled when the program wants to stop.</param>
    public async Task<AttemptResult> TunnelAsync(IDuplexPipe caller, Timeouts timeouts, CancellationToken stopping)
    {
        // A caller that only ends its sending has not left.
        await callerLeft.DisposeAsync();
        return await new Tunnel(connection, caller, clock, timeouts).RunAsync(stopping);
    }

    /// <summary>Waits for the next part of the body.</summary>
    /// <param name="idle">How long the server may send nothing.</param>
    /// <exception cref="IOException">The answer was cut; <see cref="Cut"/> says how.</exception>
    public async ValueTask ReadNextAsync(TimeSpan idle)
    {
        var late = clock.In(idle);
        connection.SetDeadline(Math.Min(late, total), late < total ? AttemptResult.Stalled : AttemptResult.TotalTimeout);
        Part = await connection.ReadPartAsync();
        connection.SetDeadline(AttemptClock.Never, AttemptResult.Broken);
    }

    /// <summary>Gives the connection back if the answer is whole, else closes it. The caller's body is let go of.</summary>
    public async ValueTask DisposeAsync()
    {
        await callerLeft.DisposeAsync();
        if (!sending.IsCompleted)
        {
            // The answer came before the whole request was sent.
            connection.Cut(AttemptResult.Answered);
            body?.LetGo();
            await sending;
        }
        pool.Return(connection, clock.In(HttpUpstream.IdleExpires));
    }
}
