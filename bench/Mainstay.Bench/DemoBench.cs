using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Mainstay.Bench;

/// <summary>
/// The main job under every fault: runs <c>mainstay demo</c> once for each, one after another on the same machine, and
/// compares the tail of the slow run after its mitigation with the same interval of the run without a fault.
/// </summary>
internal static class DemoBench
{
    private static readonly string[] Faults = ["none", "kill", "freeze", "slow", "errors"];

    public static Command Build()
    {
        var duration = new Option<int>("--duration") { Description = "Seconds of each run.", DefaultValueFactory = _ => 60 };
        var trace = new Option<string?>("--trace") { Description = "CSV of arrival times; see mainstay demo." };
        var command = new Command("demo", "Failed requests, detection, mitigation and recovery under every fault.") { duration, trace };
        command.SetAction((parsed, cancel) => RunAsync(parsed.GetValue(duration), parsed.GetValue(trace), cancel));
        return command;
    }

    private static async Task<int> RunAsync(int seconds, string? trace, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-bench-").FullName;
        var results = new Dictionary<string, JsonElement>();
        Console.WriteLine("fault    requests  failed  p50 ms  p99 ms  failover ms  detected  mitigated  healed→recovered");
        try
        {
            foreach (var fault in Faults)
            {
                var result = await DemoAsync(fault, seconds, trace, RequestsOf(folder, fault), cancel);
                results[fault] = result;
                double Ms(string key) => result.GetProperty(key).GetDouble();
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{fault,-8} {Ms("requests"),8} {Ms("failed"),7} {Ms("p50_ms"),7:0.0} {Ms("p99_ms"),7:0.0} {Ms("first_failover_ms"),12:0.0} {Ms("detected_ms") / 1000,8:0.0}s {Ms("mitigated_ms") / 1000,9:0.0}s {(Ms("recovered_ms") - Ms("healed_ms")) / 1000,16:0.0}s"));
            }
            var from = (seconds * 1000.0 / 3) + results["slow"].GetProperty("mitigated_ms").GetDouble();
            var slow = P99(RequestsOf(folder, "slow"), from, seconds * 1000.0);
            var none = P99(RequestsOf(folder, "none"), from, seconds * 1000.0);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"p99 from the mitigation of slow to the end: {slow:0.0} ms; the same interval without a fault: {none:0.0} ms; ratio {slow / none:0.00}"));
            Console.WriteLine(JsonSerializer.Serialize(new { demo = results, slow_p99_after_ms = slow, none_p99_same_ms = none, ratio = slow / none }));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string RequestsOf(string folder, string fault) => Path.Combine(folder, fault + ".csv");

    private static async Task<JsonElement> DemoAsync(string fault, int seconds, string? trace, string requests, CancellationToken cancel)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in (string[])[
            Path.Combine(AppContext.BaseDirectory, "mainstay.dll"), "demo", "--fault", fault, "--json", "--requests", requests,
            "--duration", $"{seconds}s", .. trace is null ? (string[])[] : ["--trace", trace]])
            start.ArgumentList.Add(argument);
        using var demo = Process.Start(start)!;
        var output = await demo.StandardOutput.ReadToEndAsync(cancel);
        await demo.WaitForExitAsync(cancel);
        var last = output.TrimEnd().Split('\n')[^1];
        if (!last.StartsWith('{'))
            throw new InvalidOperationException($"The demo with --fault {fault} ended with exit code {demo.ExitCode}: {output}");
        return JsonSerializer.Deserialize<JsonElement>(last);
    }

    private static double P99(string file, double fromMs, double toMs)
    {
        var latencies = File.ReadLines(file).Skip(1)
            .Select(line => line.Split(','))
            .Select(row => (Arrival: double.Parse(row[0], CultureInfo.InvariantCulture), Latency: double.Parse(row[1], CultureInfo.InvariantCulture)))
            .Where(row => row.Arrival >= fromMs && row.Arrival < toMs)
            .Select(row => row.Latency).Order().ToArray();
        return latencies.Length == 0 ? double.NaN : latencies[(int)Math.Ceiling(0.99 * latencies.Length) - 1];
    }
}
