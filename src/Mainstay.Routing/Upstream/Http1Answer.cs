using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Sockets;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Upstream;

/// <summary>An answer over HTTP/1.1.</summary>
internal sealed class Http1Answer(
    ServerConnection connection, ServerConnections pool, AttemptClock clock, long total, CancellationTokenRegistration callerLeft, Task sending, ReplayableBody? body)
    : UpstreamAnswer
{
    public override int Status => connection.Head.Status;

    public override HeaderFields Fields => connection.Head.Fields;

    public override void CopyTrailersTo(IHeaderDictionary trailers)
    {
        if (connection.Trailers is { } fields)
            Copy(fields, trailers);
    }

    public override AttemptResult Cut => connection.Why ?? AttemptResult.Truncated;

    /// <summary>Reads the first part: until it is there, another server can take over.</summary>
    [AsyncMethodBuilder(typeof(PooledBuilder))]
    public async ValueTask ReadFirstAsync() => Part = await connection.ReadPartAsync();

    [AsyncMethodBuilder(typeof(PooledBuilder))]
    public override async ValueTask ReadNextAsync(TimeSpan idle)
    {
        var late = clock.In(idle);
        connection.SetDeadline(Math.Min(late, total), late < total ? AttemptResult.Stalled : AttemptResult.TotalTimeout);
        Part = await connection.ReadPartAsync();
        connection.SetDeadline(AttemptClock.Never, AttemptResult.Broken);
    }

    /// <summary>Gives the connection back if the answer is whole, else closes it. The caller's body is let go of.</summary>
    public override async Task<AttemptResult> TunnelAsync(IDuplexPipe caller, Timeouts timeouts, CancellationToken stopping)
    {
        // A caller that only ends its sending has not left.
        await callerLeft.DisposeAsync();
        return await new Tunnel(connection, caller, clock, timeouts).RunAsync(stopping);
    }

    [AsyncMethodBuilder(typeof(PooledBuilder))]
    public override async ValueTask DisposeAsync()
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
