using System.Globalization;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>The main job, from the command line: eight servers in four regions, traffic, a fault, and nobody notices.</summary>
public sealed class DemoTests
{
    private static readonly string[] Keys =
    [
        "requests", "failed", "p50_ms", "p99_ms", "first_failover_ms", "detected_ms", "mitigated_ms", "healed_ms", "recovered_ms", "stages", "fault",
    ];

    private static readonly string[] Stages = ["Detection", "Investigation", "Mitigation", "Recovery"];

    public static TheoryData<string> Faults() =>
        Environment.GetEnvironmentVariable("MAINSTAY_TESTS") == "all" ? ["kill", "freeze", "slow", "errors", "none"] : ["kill", "none"];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task The_demo_loses_no_request_whatever_the_fault(string fault)
    {
        using var folder = new ScenarioFolder();
        await using var demo = MainstayProcess.Start(
            folder.Root, "demo", "--duration", "30s", "--rate", "100", "--fault", fault, "--json", "--folder", folder.Root,
            "--listen", folder.Traffic.GetLeftPart(UriPartial.Authority), "--control", folder.Control.GetLeftPart(UriPartial.Authority));

        var ended = await demo.EndAsync();

        Assert.True(ended.ExitCode == 0, ended.Everything);
        var result = JsonSerializer.Deserialize<JsonElement>(ended.Output.TrimEnd().Split('\n')[^1]);
        Assert.Equal(Keys, result.EnumerateObject().Select(p => p.Name));
        Assert.Equal(fault, result.GetProperty("fault").GetString());
        Assert.Equal(0, result.GetProperty("failed").GetInt32());
        Assert.InRange(result.GetProperty("requests").GetInt32(), 2000, 8000);
        Assert.InRange(Number(result, "p50_ms"), 0.01, Number(result, "p99_ms"));
        var stages = result.GetProperty("stages").EnumerateArray().Select(s => s.GetString());
        if (fault == "none")
        {
            Assert.Empty(stages);
            Assert.All(["first_failover_ms", "detected_ms", "mitigated_ms", "healed_ms", "recovered_ms"], key => Assert.Equal(-1, Number(result, key)));
            return;
        }
        Assert.Equal(Stages, stages);
        AssertTimes(fault, result, ended.Everything);
        var review = Path.Combine(folder.State, "reviews", "incident-1.md");
        Assert.Contains("us-east-1", await File.ReadAllTextAsync(review), StringComparison.Ordinal);
    }

    /// <summary>What the project promises of a run that has the machine to itself; here others may use it too.</summary>
    private static void AssertTimes(string fault, JsonElement result, string seen)
    {
        var failover = Number(result, "first_failover_ms");
        // A frozen server is noticed at the first-byte deadline of the demo, which is a second; slow answers are no failures.
        var (least, most) = fault switch { "freeze" => (900.0, 2500.0), "slow" => (-1, -1), _ => (0, 300) };
        Assert.True(failover >= least && failover <= most, $"first_failover_ms {failover}\n{seen}");
        Assert.True(Number(result, "detected_ms") is > 0 and <= 5000, seen);
        Assert.True(Number(result, "mitigated_ms") is var mitigated && mitigated >= Number(result, "detected_ms") && mitigated <= 10_000, seen);
        Assert.True(Number(result, "healed_ms") is >= 9_900 and <= 15_000, seen);
        Assert.True(Number(result, "recovered_ms") - Number(result, "healed_ms") is > 0 and <= 20_000, seen);
    }

    private static double Number(JsonElement result, string key) =>
        double.Parse(result.GetProperty(key).GetRawText(), CultureInfo.InvariantCulture);
}
