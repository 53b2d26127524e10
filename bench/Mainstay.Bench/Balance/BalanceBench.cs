using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Mainstay.Bench.Balance;

/// <summary>
/// How good is the choice of a server: policies compared in a simulation of contended servers, under the same arrivals,
/// the same work and the same neighbours. Figures are medians over seeds.
/// </summary>
internal static class BalanceBench
{
    private static readonly double[] Loads = [0.70, 0.80, 0.90, 1.03, 1.20, 1.40, 1.57, 1.74];
    private static readonly double[] Percentiles = [0.5, 0.9, 0.99, 0.999];

    private static readonly (string Name, Func<Balancer> Make)[] Policies =
    [
        ("round_robin", () => new RoundRobin()),
        ("random", () => new RandomChoice()),
        ("power_of_two", () => new PowerOfTwo()),
        ("least_outstanding", () => new LeastOutstanding()),
        ("peak_ewma", () => new PeakEwma()),
        ("prequal", () => new Prequal()),
        ("omniscient", () => new Omniscient()),
        ("mainstay", () => new PickerBalancer()),
    ];

    public static Command Build()
    {
        var quick = new Option<bool>("--quick") { Description = "A coarser answer within a minute: fewer loads, shorter runs, three seeds." };
        var seconds = new Option<double?>("--seconds") { Description = "Simulated seconds of each run; 20 by default, 10 with --quick." };
        var policies = new Option<string?>("--policies") { Description = "Only these, with commas between." };
        var command = new Command("balance", "Policies of choosing a server, in a simulation of contended servers.") { quick, seconds, policies };
        command.SetAction(parsed => Run(parsed.GetValue(quick), parsed.GetValue(seconds), parsed.GetValue(policies)?.Split(',')));
        return command;
    }

    private static int Run(bool quick, double? seconds, string[]? names)
    {
        double[] loads = quick ? [0.70, 1.03, 1.40, 1.74] : Loads;
        var seeds = quick ? 3 : 5;
        var length = seconds ?? (quick ? 10 : 20);
        var policies = Policies.Where(p => names is null || names.Contains(p.Name)).ToArray();
        var p99 = new SortedDictionary<int, SortedDictionary<string, Dictionary<string, double>>>();
        Console.WriteLine($"{Setting.Servers} servers x {Setting.Slots} slots, {length:0} s, medians of {seeds} seeds, milliseconds");
        Console.WriteLine("gateways   load  policy                    p50      p90      p99     p99.9   timed out %");
        foreach (var gateways in (int[])[1, 4, 100])
            foreach (var load in loads)
                foreach (var (name, make) in policies)
                {
                    var figures = Measure(gateways, load, length, seeds, make);
                    var percent = (load * 100).ToString("0", CultureInfo.InvariantCulture);
                    Console.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{gateways,8} {percent,5}%  {name,-20} {figures[0],8:0.0} {figures[1],8:0.0} {figures[2],8:0.0} {figures[3],9:0.0} {figures[4] * 100,10:0.000}"));
                    if (!p99.TryGetValue(gateways, out var byLoad))
                        p99[gateways] = byLoad = new(StringComparer.Ordinal);
                    if (!byLoad.TryGetValue(percent, out var byPolicy))
                        byLoad[percent] = byPolicy = [];
                    byPolicy[name] = Math.Round(figures[2], 1);
                }
        Console.WriteLine(JsonSerializer.Serialize(new { p99 }));
        return 0;
    }

    /// <summary>Medians over the seeds of the percentiles in milliseconds, and of the share that timed out.</summary>
    private static double[] Measure(int gateways, double load, double seconds, int seeds, Func<Balancer> make)
    {
        var runs = new double[seeds][];
        Parallel.For(0, seeds, seed =>
        {
            var sorted = new Simulation(new Setting(gateways, load, seconds, seed + 1), make()).Run();
            var timedOut = sorted.Length - Array.FindIndex(sorted, l => l >= Setting.Deadline * 0.9999) is var n && n > sorted.Length ? 0 : n;
            runs[seed] = [.. Percentiles.Select(p => sorted[(int)Math.Ceiling(p * sorted.Length) - 1] * 1000.0), (double)timedOut / sorted.Length];
        });
        return [.. Enumerable.Range(0, Percentiles.Length + 1).Select(i => runs.Select(r => r[i]).Order().ElementAt(seeds / 2))];
    }
}
