using System.Globalization;
using Mainstay.Replay;

namespace Mainstay.Bench.Streams;

/// <summary>A recorded load, without a fault and with a region killed in the middle.</summary>
/// <param name="FirstTokenP99Ratio">p99 to the first token of requests that were due outside the ten seconds around the fault, over that of the run without one, of
/// the same requests.</param>
internal sealed record KilledRegionResult(
    int Requests, double Speed, int Failed, int Truncated, int WentOn, int FailedWithoutFault, double FirstTokenP99Ms, double FirstTokenP99WithoutFaultMs, double FirstTokenP99Ratio,
    double FirstTokenP50Ms, double FirstTokenP50WithoutFaultMs, double LateP99Ms, double Load, IReadOnlyList<string> Faults);

/// <summary>Replays a trace at twenty times its speed over two regions of two simulated engines each, twice, each time with fresh processes.</summary>
internal sealed class KilledRegion(StreamsPlan plan, TimeProvider clock)
{
    private const double Speed = 20;
    private const double KillAt = 0.5;
    private const string Region = "region-1";
    private static readonly TimeSpan Around = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan QuickLength = TimeSpan.FromSeconds(12);
    private static readonly string[] Engines = ["--prefill", "100000", "--decode", "3000"];

    public async Task<KilledRegionResult> RunAsync(CancellationToken cancel)
    {
        var rows = ReplayTrace.Read(plan.Trace!);
        if (plan.IsQuick)
            rows.RemoveAll(row => row.At / Speed > QuickLength);
        var at = rows[^1].At / Speed * KillAt;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Replay of {rows.Count} requests in {rows[^1].At.TotalSeconds / Speed:0} s; the second time with SIGKILL to {Region} after {at.TotalSeconds:0} s:"));
        var well = await ReplayAsync(rows, null, cancel);
        Report("without a fault", well);
        var hit = await ReplayAsync(rows, at, cancel);
        Report("region killed", hit);
        // The same requests are compared: those that were due outside the time around the fault.
        double P99(IReadOnlyList<ReplayRecord> records) => ReplayTimes.Of(records.Where(r => (r.Due - at).Duration() > Around).Select(r => r.FirstMs)).P99;
        var (without, with) = (P99(well.Records), P99(hit.Records));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  p99 to the first token outside 10 s around the fault: {with:0} ms, without a fault {without:0} ms, ratio {with / without:0.00} (wanted ≤ 1.5)"));
        foreach (var fault in hit.Result.Faults)
            Console.WriteLine("    " + fault);
        return new(
            rows.Count, Speed, hit.Result.Failed, hit.Result.Truncated, hit.Result.All.WentOn, well.Result.Failed, with, without, Math.Round(with / without, 3),
            hit.Result.All.FirstTokenMs.P50, well.Result.All.FirstTokenMs.P50, hit.Result.LateMs.P99, hit.Result.Load, hit.Result.Faults);
    }

    private async Task<(IReadOnlyList<ReplayRecord> Records, ReplayResult Result)> ReplayAsync(IReadOnlyList<ReplayRow> rows, TimeSpan? killAt, CancellationToken cancel)
    {
        await using var world = await ReplayWorld.StartAsync(new WorldPlan(2, 2, Engines), cancel);
        using var caller = new ChatCaller(world.Chats, ReplayWorld.Model, clock);
        var run = new ReplayRun(caller, isExact: true, clock);
        await run.WarmUpAsync(40, cancel);
        var start = clock.GetTimestamp();
        var sending = run.RunAsync(rows, Speed, cancel);
        if (killAt is { } at)
        {
            await Task.Delay(at, clock, cancel);
            world.Kill(Region);
        }
        var records = await sending;
        return (records, ReplayResult.Of(records, Speed, clock.GetElapsedTime(start), killAt is null ? null : Region, killAt));
    }

    private static void Report(string name, (IReadOnlyList<ReplayRecord> Records, ReplayResult Result) run) =>
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {name,-16} {run.Result.Failed} failed, {run.Result.Truncated} truncated, {run.Result.All.WentOn} went on elsewhere; first token p50 {run.Result.All.FirstTokenMs.P50:0} ms, p99 {run.Result.All.FirstTokenMs.P99:0} ms; sent late p99 {run.Result.LateMs.P99:0} ms, load {run.Result.Load:0.0}"));
}
