using Mainstay.Bench.Load;

namespace Mainstay.Bench.Soak;

/// <summary>One server after another fails in one way after another, seeded; never more than one at a time.</summary>
internal sealed class SoakFaults(IReadOnlyList<Backend> servers, Random random, TimeProvider clock)
{
    private const int KillOrFreeze = 2;
    private static readonly ServerFault[] Told = [ServerFault.Reset, ServerFault.Unavailable, ServerFault.Errors, ServerFault.Slow, ServerFault.Down];

    private static readonly TimeSpan CutsLinger = TimeSpan.FromSeconds(2);
    private long _lastCut = long.MinValue / 2;

    /// <summary>Faults so far.</summary>
    public int Count { get; private set; }

    /// <summary>True if a server has just gone in the middle of its answers.</summary>
    public bool HasJustCut => clock.GetElapsedTime(Volatile.Read(ref _lastCut)) < CutsLinger;

    /// <summary>Until cancelled; every server is well at the end.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            await WaitAsync(random.Next(500, 2000), cancel);
            var server = servers[random.Next(servers.Count)];
            var what = random.Next(Told.Length + KillOrFreeze);
            Count++;
            if (what == Told.Length || (what < Told.Length && Told[what] is ServerFault.Down or ServerFault.Reset))
                Volatile.Write(ref _lastCut, clock.GetTimestamp());
            if (what < Told.Length)
                await server.BreakAsync(Told[what], CancellationToken.None);
            else if (what == Told.Length)
                await server.KillAsync();
            else
                server.Freeze();
            await WaitAsync(random.Next(500, 3000), cancel);
            if (what < Told.Length)
                await server.BreakAsync(ServerFault.None, CancellationToken.None);
            else if (what == Told.Length)
                await server.RestartAsync(CancellationToken.None);
            else
                server.Thaw();
        }
    }

    private async Task WaitAsync(int milliseconds, CancellationToken cancel) =>
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
