namespace Mainstay.Bench.Load;

/// <summary>
/// Requests that come when they are due, whatever became of the ones before. Latency counts from when a request was due,
/// so that a stalled gateway cannot hide behind a stalled caller (no coordinated omission).
/// </summary>
internal static class OpenLoop
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(1);

    /// <summary>Sends requests evenly and waits for the last answer.</summary>
    /// <param name="count">How many.</param>
    /// <param name="rate">How many a second.</param>
    /// <param name="ask">Sends the request of that number; returns what went wrong, null if nothing.</param>
    public static Task<Asked[]> RunAsync(int count, double rate, Func<int, Task<string?>> ask, TimeProvider clock, CancellationToken cancel) =>
        RunAsync([.. Enumerable.Range(0, count).Select(number => TimeSpan.FromSeconds(number / rate))], ask, clock, cancel);

    /// <summary>Sends a request at each of these times, counted from now, and waits for the last answer.</summary>
    public static async Task<Asked[]> RunAsync(TimeSpan[] due, Func<int, Task<string?>> ask, TimeProvider clock, CancellationToken cancel)
    {
        var asked = new Asked[due.Length];
        var underWay = new Task[due.Length];
        var start = clock.GetTimestamp();
        using var timer = new PeriodicTimer(Beat, clock);
        for (var sent = 0; sent < due.Length; await timer.WaitForNextTickAsync(cancel))
            for (var now = clock.GetElapsedTime(start); sent < due.Length && due[sent] <= now; sent++)
                underWay[sent] = AskOnceAsync(sent);
        await Task.WhenAll(underWay);
        return asked;

        async Task AskOnceAsync(int number)
        {
            var trouble = await ask(number);
            asked[number] = new Asked(due[number], clock.GetElapsedTime(start) - due[number], trouble);
        }
    }
}

/// <param name="Due">When it was to be sent, from the start.</param>
/// <param name="Latency">From then to the end of its answer.</param>
/// <param name="Trouble">What went wrong; null if nothing.</param>
internal readonly record struct Asked(TimeSpan Due, TimeSpan Latency, string? Trouble);
