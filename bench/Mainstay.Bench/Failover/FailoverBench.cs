using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Mainstay.Bench.Load;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Failover;

/// <summary>
/// Mainstay, HAProxy and nginx with retries and health checks at their best, on real servers that fail in seven ways: how
/// many requests fail, and how long the slow ones take.
/// </summary>
internal static class FailoverBench
{
    public static Command Build(TimeProvider clock)
    {
        var quick = new Option<bool>("--quick") { Description = "2,000 requests a run, one of three servers hit, each run once." };
        var only = new Option<string?>("--fault") { Description = "Only this fault: kill, freeze, reset, unavailable, errors, slow or flapping." };
        var alone = new Option<bool>("--alone") { Description = "Without HAProxy and nginx." };
        var command = new Command("failover", "Failed requests and p99 under seven faults, beside HAProxy and nginx.") { quick, only, alone };
        command.SetAction((parsed, cancel) => RunAsync(
            parsed.GetValue(quick), parsed.GetValue(only), parsed.GetValue(alone) ? [Peer.Mainstay] : Peer.All, clock, cancel));
        return command;
    }

    private static async Task<int> RunAsync(bool isQuick, string? only, IReadOnlyList<string> peers, TimeProvider clock, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-bench-").FullName;
        try
        {
            Console.WriteLine("fault                      failed of requests               p99 ms                      longest ms                 CPU µs");
            Console.WriteLine("                   mainstay haproxy   nginx  mainstay haproxy   nginx  mainstay haproxy   nginx  mainstay haproxy   nginx");
            var rows = new List<FailoverRow>();
            foreach (var shape in Shapes(isQuick))
                rows.AddRange(await RunShapeAsync(shape, isQuick ? 1 : 3, only, peers, folder, clock, cancel));
            WriteTotals(rows);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<FailoverShape> Shapes(bool isQuick)
    {
        var (requests, flap, settle) = isQuick ? (2000, 0.25, 0.1) : (10_000, 1.0, 2.0);
        FailoverShape Shape(string name, IReadOnlyList<string> regions, int hit) =>
            new(name, regions, hit, requests, 1000, TimeSpan.FromSeconds(flap), TimeSpan.FromSeconds(settle));
        yield return Shape("", ["a", "a", "a"], 1);
        if (!isQuick)
            yield return Shape("region_", ["a", "a", "b", "b"], 2);
    }

    private static async Task<List<FailoverRow>> RunShapeAsync(
        FailoverShape shape, int times, string? only, IReadOnlyList<string> peers, string folder, TimeProvider clock, CancellationToken cancel)
    {
        await using var run = new FailoverRun(shape, clock);
        await run.StartAsync(peers, folder, cancel);
        var rows = new List<FailoverRow>();
        foreach (var fault in Enum.GetValues<FailoverFault>().Where(f => only is null || NameOf(f) == only))
        {
            var results = peers.ToDictionary(peer => peer, _ => new List<FailoverResult>());
            for (var time = 0; time < times; time++)
                // Each in turn is the first.
                foreach (var peer in peers.Concat(peers).Skip(time % peers.Count).Take(peers.Count))
                    results[peer].Add(await run.RunAsync(peer, fault, cancel));
            var row = new FailoverRow(shape.Name + NameOf(fault), results);
            row.Write();
            rows.Add(row);
        }
        return rows;
    }

    private static string NameOf(FailoverFault fault) => fault.ToString().ToLowerInvariant();

    private static void WriteTotals(List<FailoverRow> rows)
    {
        Dictionary<string, double> Each(Func<string, double> value) => rows[0].Results.Keys.ToDictionary(peer => peer, value);
        Dictionary<string, Dictionary<string, double>> All(Func<FailoverResult, double> value) =>
            rows.ToDictionary(row => row.Name, row => Each(peer => Math.Round(row.Median(peer, value), 1)));
        var total = Each(peer => rows.Sum(row => row.Median(peer, r => r.Failed)));
        Console.WriteLine(string.Join(", ", total.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Key} {t.Value} failed in all"))));
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            failed = All(r => r.Failed),
            p99_ms = All(r => r.P99Ms),
            max_ms = All(r => r.MaxMs),
            cpu_us = All(r => r.CpuMicroseconds),
            failed_in_all = total,
        }));
    }
}

/// <summary>One fault: each gateway's runs.</summary>
internal sealed record FailoverRow(string Name, Dictionary<string, List<FailoverResult>> Results)
{
    public double Median(string peer, Func<FailoverResult, double> value) => Numbers.Median(Results[peer].Select(value));

    public void Write()
    {
        string Cells(Func<FailoverResult, double> value, string format) => string.Join(
            ' ', Peer.All.Select(peer => Results.ContainsKey(peer) ? Median(peer, value) : double.NaN).Select(median => median.ToString(format, CultureInfo.InvariantCulture).PadLeft(8)));
        Console.WriteLine($"{Name,-19}{Cells(r => r.Failed, "0")} {Cells(r => r.P99Ms, "0.0")} {Cells(r => r.MaxMs, "0")} {Cells(r => r.CpuMicroseconds, "0")}");
        foreach (var (peer, results) in Results)
            if (results.SelectMany(r => r.Troubles.Take(2)).Distinct().Take(4).ToList() is { Count: > 0 } troubles)
                Console.WriteLine($"    {peer}: {string.Join("; ", troubles)}");
    }
}
