using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Mainstay.Bench.Soak;

/// <summary>
/// An hour's traffic and more, compressed: every sort of caller, every sort of fault, the configuration changing all the
/// while. Afterwards nothing may be left of it: no memory, no connection, no request that still counts as under way.
/// </summary>
internal static class SoakBench
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Build(TimeProvider clock)
    {
        var requests = new Option<long>("--requests") { Description = "How many.", DefaultValueFactory = _ => 5_000_000 };
        var seed = new Option<int>("--seed") { Description = "Of callers and faults.", DefaultValueFactory = _ => 1 };
        var quick = new Option<bool>("--quick") { Description = "200,000 requests." };
        var command = new Command("soak", "Millions of mixed requests under changing faults: leaks, counters, wrong answers.") { requests, seed, quick };
        command.SetAction((parsed, cancel) => RunAsync(
            parsed.GetValue(quick) ? 200_000 : parsed.GetValue(requests), parsed.GetValue(seed), clock, cancel));
        return command;
    }

    private static async Task<int> RunAsync(long requests, int seed, TimeProvider clock, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-bench-").FullName;
        try
        {
            await using var run = new SoakRun(folder, seed, clock);
            await run.StartAsync(cancel);
            var result = await run.RunAsync(requests, cancel);
            foreach (var (what, count) in result.Troubles.OrderByDescending(t => t.Value).Take(20))
                Console.WriteLine($"    {count} × {what}");
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{result.Requests} requests in {result.Seconds:0} s: {result.Right} right, {result.Left} left by their callers, {result.Refused} refused as malformed, {result.Cut} cut with their server, {result.Failed} failed"));
            Console.WriteLine(JsonSerializer.Serialize(result, Json));
            return result.IsClean ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
