using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Mainstay.Bench.Load;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Overload;

/// <summary>Five times what the servers carry, 10 % of it critical: what still gets through, and how soon all is as before.</summary>
internal static class OverloadBench
{
    public static Command Build(TimeProvider clock)
    {
        var quick = new Option<bool>("--quick") { Description = "Four seconds of overload, once." };
        var alone = new Option<bool>("--alone") { Description = "Without HAProxy and nginx." };
        var command = new Command("overload", "Goodput, critical requests and recovery at five times the capacity, beside HAProxy and nginx.") { quick, alone };
        command.SetAction((parsed, cancel) => RunAsync(
            parsed.GetValue(quick), parsed.GetValue(alone) ? [Peer.Mainstay] : Peer.All, clock, cancel));
        return command;
    }

    private static async Task<int> RunAsync(bool isQuick, IReadOnlyList<string> peers, TimeProvider clock, CancellationToken cancel)
    {
        TimeSpan Seconds(double of) => TimeSpan.FromSeconds(of);
        var run = new OverloadRun(
            isQuick ? new(Seconds(2), Seconds(4), Seconds(4), Seconds(6)) : new(Seconds(10), Seconds(10), Seconds(20), Seconds(15)), clock);
        var folder = Directory.CreateTempSubdirectory("mainstay-bench-").FullName;
        try
        {
            var capacity = await run.MeasureCapacityAsync(cancel);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the servers carry {capacity:0} requests a second"));
            Console.WriteLine("gateway   goodput  critical  attempts  recovery s  usual p95 ms  overload p99 ms");
            var results = peers.ToDictionary(peer => peer, _ => new List<OverloadResult>());
            for (var time = 0; time < (isQuick ? 1 : 3); time++)
                foreach (var peer in peers.Concat(peers).Skip(time % peers.Count).Take(peers.Count))
                {
                    var result = await run.RunAsync(peer, capacity, Path.Combine(folder, $"{time}"), cancel);
                    results[peer].Add(result);
                    Write(peer, result);
                }
            WriteJson(results, capacity);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Write(string peer, OverloadResult result)
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{peer,-9} {result.Goodput,7:0.000} {result.CriticalSuccess,9:0.0000} {result.Attempts,9:0.000} {result.RecoverySeconds,11:0.0} {result.UsualP95Ms,13:0} {result.P99Ms,16:0}"));
        foreach (var (what, count) in result.Troubles)
            Console.WriteLine($"    {count} × {what}");
    }

    private static void WriteJson(Dictionary<string, List<OverloadResult>> results, double capacity)
    {
        object Figures(List<OverloadResult> of) => new
        {
            goodput = Median(of, r => r.Goodput),
            critical_success = Median(of, r => r.CriticalSuccess),
            attempts = Median(of, r => r.Attempts),
            recovery_s = Median(of, r => r.RecoverySeconds),
        };
        var ours = results[Peer.Mainstay];
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            goodput = Median(ours, r => r.Goodput),
            critical_success = Median(ours, r => r.CriticalSuccess),
            attempts = Median(ours, r => r.Attempts),
            recovery_s = Median(ours, r => r.RecoverySeconds),
            capacity = Math.Round(capacity, 1),
            peers = results.Where(r => r.Key != Peer.Mainstay).ToDictionary(r => r.Key, r => Figures(r.Value)),
        }));
    }

    private static double Median(List<OverloadResult> of, Func<OverloadResult, double> value) => Math.Round(Numbers.Median(of.Select(value)), 4);
}
