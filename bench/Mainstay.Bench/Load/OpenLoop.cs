namespace Mainstay.Bench.Load;

/// <summary>
/// Requests that come when they are due, whatever became of the ones before. Latency counts from when a request was due,
/// so that a stalled gateway cannot hide behind a stalled caller (no coordinated omission).
/// </summary>
internal static class OpenLoop
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(1);

    /// <summary>Sends them all and waits for the last answer.</summary>
    /// <param name="count">How many.</param>
    /// <param name="rate">How many a second.</param>
    /// <param name="ask">Sends the request of that number; returns what went wrong, null if nothing.</param>
    public static async Task<Asked[]> RunAsync(int count, double rate, Func<int, Task<string?>> ask, TimeProvider clock, CancellationToken cancel)
    {
        var asked = new Asked[count];
        var underWay = new Task[count];
        var start = clock.GetTimestamp();
        using var timer = new PeriodicTimer(Beat, clock);
        for (var sent = 0; sent < count; await timer.WaitForNextTickAsync(cancel))
        {
            var due = Math.Min(count, (int)(clock.GetElapsedTime(start).TotalSeconds * rate) + 1);
            for (; sent < due; sent++)
                underWay[sent] = AskOnceAsync(sent);
        }
        await Task.WhenAll(underWay);
        return asked;

        async Task AskOnceAsync(int number)
        {
            var due = TimeSpan.FromSeconds(number / rate);
            var trouble = await ask(number);
            asked[number] = new Asked(due, clock.GetElapsedTime(start) - due, trouble);
        }
    }
}

/// <param name="Due">When it was to be sent, from the start.</param>
/// <param name="Latency">From then to the end of its answer.</param>
/// <param name="Trouble">What went wrong; null if nothing.</param>
internal readonly record struct Asked(TimeSpan Due, TimeSpan Latency, string? Trouble);
