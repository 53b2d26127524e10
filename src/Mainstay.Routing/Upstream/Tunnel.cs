using System.Buffers;
using System.IO.Pipelines;

namespace Mainstay.Routing.Upstream;

/// <summary>
/// A caller and a server joined after 101 Switching Protocols: bytes go both ways as they come, each side no faster than the
/// other takes them, and nobody here understands them. A caller that ends its sending is told to the server, which may still
/// answer; a server that ends its sending ends the tunnel.
/// </summary>
/// <param name="server">The connection to the server; the caller of <see cref="RunAsync"/> disposes of it.</param>
/// <param name="caller">The bare connection to the caller.</param>
/// <param name="clock">For the deadlines.</param>
/// <param name="timeouts">Tunnel counts while both send, Idle once the caller has ended its sending.</param>
internal sealed class Tunnel(ServerConnection server, IDuplexPipe caller, AttemptClock clock, Timeouts timeouts)
{
    /// <summary>How long a tunnel lives on once the program wants to stop.</summary>
    public static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(2);
    private long _lastBy = AttemptClock.Never;
    private volatile bool _hasCallerEnded;
    private volatile bool _isOver;

    /// <summary>Carries bytes until one side or a deadline ends it. Never throws for what either side does.</summary>
    /// <param name="stopping">Cancelled when the program wants to stop.</param>
    /// <returns>Answered: it ended in order. Truncated: the server broke it. CallerLeft: the caller broke it.</returns>
    public async Task<AttemptResult> RunAsync(CancellationToken stopping)
    {
        Renew();
        await using var registration = stopping.UnsafeRegister(static t => ((Tunnel)t!).EndSoon(), this);
        var up = UpAsync();
        var isWhole = await DownAsync();
        _isOver = true;
        server.Cut(isWhole ? AttemptResult.Answered : AttemptResult.Truncated);
        caller.Input.CancelPendingRead();
        await up;
        return server.Why!.Value;
    }

    private async Task UpAsync()
    {
        try
        {
            while (true)
            {
                var read = await caller.Input.ReadAsync();
                foreach (var part in read.Buffer)
                {
                    await server.SendAsync(part);
                    Renew();
                }
                caller.Input.AdvanceTo(read.Buffer.End);
                if (_isOver || read.IsCompleted)
                    break;
            }
            if (_isOver)
                return;
            _hasCallerEnded = true;
            Renew();
            await server.EndSendingAsync();
        }
        catch (IOException) when (server.IsBroken)
        {
            // The way down ends as well, and knows why.
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            server.Cut(AttemptResult.CallerLeft);
        }
    }

    /// <returns>True if the server ended it in order.</returns>
    private async Task<bool> DownAsync()
    {
        try
        {
            while (true)
            {
                var part = await server.ReceiveAsync();
                if (part.IsEmpty)
                    return true;
                var flush = await caller.Output.WriteAsync(part);
                if (flush.IsCompleted)
                    server.Cut(AttemptResult.CallerLeft);
                Renew();
            }
        }
        catch (IOException) when (server.IsBroken)
        {
            return false;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            server.Cut(AttemptResult.CallerLeft);
            return false;
        }
    }

    private void Renew() =>
        server.SetDeadline(Math.Min(clock.In(_hasCallerEnded ? timeouts.Idle : timeouts.Tunnel), Volatile.Read(ref _lastBy)), AttemptResult.Answered);

    private void EndSoon()
    {
        Volatile.Write(ref _lastBy, clock.In(EndsWithin));
        Renew();
    }
}
