using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Mainstay.Bench.Streams;

/// <summary>
/// Streamed answers of models through <c>mainstay serve</c>, in front of simulated engines that are processes of their own: thousands at once
/// while a server is killed, what a token costs, what a silent provider costs, and a recorded load with a region killed in its middle.
/// Every answer is held against the text that it must be, byte for byte.
/// </summary>
internal static class StreamsBench
{
    private static readonly string[] Parts = ["kill", "token", "silent", "replay"];

    public static Command Build(TimeProvider clock)
    {
        var quick = new Option<bool>("--quick") { Description = "About a minute; of the trace only 12 s, which say little of a p99." };
        var streams = new Option<int>("--streams") { Description = "Streams under way when a server is killed.", DefaultValueFactory = _ => 2000 };
        var trace = new Option<string?>("--trace") { Description = "CSV file with the columns TIMESTAMP, ContextTokens and GeneratedTokens. Without it: no replay." };
        var only = new Option<string?>("--part") { Description = "Only this part: kill, token, silent or replay." };
        only.AcceptOnlyFromAmong(Parts);
        var command = new Command("streams", "Streamed answers while servers die, fall silent or are busy; what a token costs.") { quick, streams, trace, only };
        command.SetAction((parsed, cancel) => RunAsync(
            new StreamsPlan(parsed.GetValue(quick), parsed.GetValue(streams), parsed.GetValue(trace), parsed.GetValue(only) is { } part ? [part] : Parts), clock, cancel));
        return command;
    }

    private static async Task<int> RunAsync(StreamsPlan plan, TimeProvider clock, CancellationToken cancel)
    {
        var results = new Dictionary<string, object>();
        var start = clock.GetTimestamp();
        if (plan.Parts.Contains("kill"))
        {
            Console.WriteLine($"{plan.Streams} streams at once, one of two servers killed:");
            var result = await new KilledServer(plan, clock).RunAsync(cancel);
            Say($"  {result.UnderWay} under way at the SIGKILL, {result.OnTheDead} of them on the server that died; {result.WentOn} went on elsewhere");
            Say($"  {result.Lost} lost, {result.Truncated} truncated, {result.Different} byte-different (wanted 0); {result.Tokens} tokens, longest gap p50 {result.GapP50Ms:0} ms, p99 {result.GapP99Ms:0} ms");
            foreach (var fault in result.Faults)
                Say($"    {fault}");
            results["kill"] = result;
        }
        if (plan.Parts.Contains("token"))
        {
            Console.WriteLine("Age of a token when the caller reads it, ms:      direct p50   through p50   added p50 (wanted ≤ 0.5)   added p99");
            var rows = await new TokenCost(plan, clock).RunAsync(cancel);
            foreach (var row in rows)
                Say($"  {row.Streams,2} {(row.Streams == 1 ? "stream " : "streams")} {row.Tokens,8} tokens {row.Rounds,3} paired rounds {row.DirectP50Ms,14:0.000} {row.ThroughP50Ms,13:0.000} {row.AddedP50Ms,11:0.000} {row.AddedP99Ms,27:0.000}");
            results["token"] = rows;
        }
        if (plan.Parts.Contains("silent"))
        {
            Console.WriteLine("A silent provider, ms to the first token:         deadline   fallback alone   caller p50   caller max   beyond both p50   max");
            var rows = await new SilentProvider(plan, clock).RunAsync(cancel);
            foreach (var row in rows)
                Say($"  {row.Silence,-32} {row.Requests,3} requests {row.DeadlineMs,9:0} {row.FallbackP50Ms,16:0.0} {row.CallerP50Ms,12:0.0} {row.CallerMaxMs,12:0.0} {row.BeyondP50Ms,17:0.0} {row.BeyondMaxMs,5:0.0} {(row.Wrong > 0 ? $"  {row.Wrong} WRONG" : "")}");
            results["silent"] = rows;
        }
        if (plan.Parts.Contains("replay") && plan.Trace is not null)
            results["replay"] = await new KilledRegion(plan, clock).RunAsync(cancel);
        Say($"Load {LoadNow()} on {Environment.ProcessorCount} processors, {clock.GetElapsedTime(start).TotalSeconds:0} s.");
        results["load"] = LoadNow();
        Console.WriteLine(JsonSerializer.Serialize(new { streams = results }, Json));
        return 0;
    }

    private static JsonSerializerOptions Json { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static void Say(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static string LoadNow() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";
}

/// <summary>What the command line asks for.</summary>
/// <param name="Trace">File of a recorded load; null: none is replayed.</param>
internal sealed record StreamsPlan(bool IsQuick, int Streams, string? Trace, IReadOnlyList<string> Parts);
