using System.Globalization;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>The main job, from the command line: eight servers in four regions, traffic, a fault, and nobody notices.</summary>
[Collection(Measured.Name)]
public sealed class DemoTests
{
    private static readonly string[] Keys =
    [
        "requests", "failed", "p50_ms", "p99_ms", "first_failover_ms", "detected_ms", "mitigated_ms", "healed_ms", "recovered_ms", "stages", "fault",
    ];

    private static readonly string[] Stages = ["Detection", "Investigation", "Mitigation", "Recovery"];

    private static readonly bool IsAll = Environment.GetEnvironmentVariable("MAINSTAY_TESTS") == "all";

    public static TheoryData<string> Faults() =>
        IsAll ? ["kill", "freeze", "slow", "errors", "none"] : ["kill", "none"];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task The_demo_loses_no_request_whatever_the_fault(string fault)
    {
        using var folder = new ScenarioFolder();
        // Where nothing goes wrong there is nothing to wait for.
        var (duration, rate) = fault == "none" && !IsAll ? ("15s", "200") : ("30s", "100");
        await using var demo = MainstayProcess.Start(
            folder.Root, "demo", "--duration", duration, "--rate", rate, "--fault", fault, "--json", "--folder", folder.Root,
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

    /// <summary>What the project promises of a run that has the machine to itself; more where others crowd it.</summary>
    private static void AssertTimes(string fault, JsonElement result, string seen)
    {
        var crowd = Crowd();
        void InRange(string what, double value, double least, double most) =>
            Assert.True(value >= least && value <= most * crowd, $"{what} {value}, not {least} to {most} × {crowd:0.0}\n{seen}");

        // A frozen server is noticed at the first-byte deadline of the demo, which is a second; slow answers are no failures.
        var (least, most) = fault == "freeze" ? (900, 1500) : (0, 100);
        if (fault == "slow")
            Assert.Equal(-1, Number(result, "first_failover_ms"));
        else
            InRange("first_failover_ms", Number(result, "first_failover_ms"), least, most);
        InRange("detected_ms", Number(result, "detected_ms"), 1, 5_000);
        InRange("mitigated_ms", Number(result, "mitigated_ms"), Number(result, "detected_ms"), 10_000);
        InRange("healed_ms", Number(result, "healed_ms"), 9_900, 13_000);
        InRange("recovered_ms - healed_ms", Number(result, "recovered_ms") - Number(result, "healed_ms"), 1, 20_000);
    }

    /// <summary>How many processes want each processor, on the average of the last minute; from 1 to 4.</summary>
    private static double Crowd()
    {
        const string Load = "/proc/loadavg";
        if (!File.Exists(Load))
            return 1;
        var wanting = double.Parse(File.ReadAllText(Load).Split(' ')[0], CultureInfo.InvariantCulture);
        return Math.Clamp(wanting / Environment.ProcessorCount, 1, 4);
    }

    private static double Number(JsonElement result, string key) =>
        double.Parse(result.GetProperty(key).GetRawText(), CultureInfo.InvariantCulture);
}
