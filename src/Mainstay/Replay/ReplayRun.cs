namespace Mainstay.Replay;

/// <summary>What became of one request of a replay. Times are milliseconds.</summary>
/// <param name="Due">When it was to be sent, from the start.</param>
/// <param name="LateMs">How much later it was sent: this program's own delay.</param>
/// <param name="FirstMs">From its due time to its first token; −1: none came.</param>
/// <param name="EachMs">Between two tokens, on average; −1: fewer than two came.</param>
/// <param name="Tokens">That came.</param>
/// <param name="Engine">Which one began the answer, as region/number; empty: unknown.</param>
/// <param name="WentOn">True if another engine finished it.</param>
/// <param name="Fault">What was wrong; empty: nothing.</param>
internal readonly record struct ReplayRecord(
    TimeSpan Due, double LateMs, double FirstMs, double EachMs, int Tokens, string Engine, bool WentOn, string Fault);

/// <summary>
/// Sends the rows of a trace at their times, whatever became of the ones before (an open loop), and checks every answer. Latency
/// counts from the time at which a request was due, so that a delay of the sender itself is not hidden.
/// </summary>
/// <param name="isExact">True: the text must be that of a simulated engine.</param>
internal sealed class ReplayRun(ChatCaller caller, bool isExact, TimeProvider clock)
{
    private const int WarmUpAtOnce = 4;
    private const int WarmUpTokens = 200;

    private ReplayRecord[] _records = [];
    private int _sent;
    private int _underWay;

    public int Sent => Volatile.Read(ref _sent);

    public int UnderWay => Volatile.Read(ref _underWay);

    /// <summary>Sends requests before the clock runs: fresh processes compile what they do for the first time.</summary>
    public async Task WarmUpAsync(int requests, CancellationToken cancel)
    {
        for (var i = 0; i < requests; i += WarmUpAtOnce)
            await Task.WhenAll(Enumerable.Range(i, WarmUpAtOnce).Select(n =>
                caller.AskAsync(ReplayTrace.Prompt(-1 - n, WarmUpTokens), 10, null, cancel)));
    }

    /// <summary>Sends all rows and waits for their answers.</summary>
    /// <param name="rows">Ordered by time.</param>
    /// <param name="speed">How many times faster than recorded.</param>
    public async Task<IReadOnlyList<ReplayRecord>> RunAsync(IReadOnlyList<ReplayRow> rows, double speed, CancellationToken cancel)
    {
        _records = new ReplayRecord[rows.Count];
        var answers = new List<Task>(rows.Count);
        var start = clock.GetTimestamp();
        for (var i = 0; i < rows.Count; i++)
        {
            var due = rows[i].At / speed;
            if (due - clock.GetElapsedTime(start) is { Ticks: > 0 } wait)
                await Task.Delay(wait, clock, cancel);
            answers.Add(SendAsync(i, rows[i], due, start, cancel));
            Volatile.Write(ref _sent, i + 1);
        }
        await Task.WhenAll(answers);
        cancel.ThrowIfCancellationRequested();
        return _records;
    }

    private async Task SendAsync(int number, ReplayRow row, TimeSpan due, long start, CancellationToken cancel)
    {
        // The loop that sends has the next one to see to.
        await Task.Yield();
        Interlocked.Increment(ref _underWay);
        var prompt = ReplayTrace.Prompt(number, row.PromptTokens);
        var late = clock.GetElapsedTime(start) - due;
        var goneOn = false;
        var seen = await caller.AskAsync(prompt, row.AnswerTokens, heard => goneOn |= heard.Engine.Length == 0, cancel);
        _records[number] = new(
            due, late.TotalMilliseconds,
            seen.FirstAt == 0 ? -1 : (clock.GetElapsedTime(start, seen.FirstAt) - due).TotalMilliseconds,
            seen.Tokens < 2 ? -1 : clock.GetElapsedTime(seen.FirstAt, seen.LastAt).TotalMilliseconds / (seen.Tokens - 1),
            seen.Tokens, seen.Engines.Count > 0 ? seen.Engines[0] : "", seen.Engines.Count > 1 || (goneOn && seen.Engines.Count > 0),
            seen.Fault(isExact ? ReplayTrace.Answer(prompt, row.AnswerTokens) : seen.Text));
        Interlocked.Decrement(ref _underWay);
    }
}
