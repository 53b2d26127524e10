using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>A load of chats through real processes, one region of which is killed: every answer whole and exact.</summary>
public sealed class ReplayTests
{
    [Fact]
    public async Task No_answer_is_lost_or_changed_when_a_region_is_killed()
    {
        using var folder = new ScenarioFolder();
        var trace = Path.Combine(folder.Root, "trace.csv");
        var rows = new StringBuilder("TIMESTAMP,ContextTokens,GeneratedTokens\n");
        // Two a second, each about a second long: some are always in the middle of their answer.
        for (var i = 0; i < 240; i++)
            rows.Append(CultureInfo.InvariantCulture, $"2023-11-16 18:{i / 60:00}:{i % 60:00}.00,{50 + (i * 37 % 900)},{20 + (i * 13 % 90)}\n");
        await File.WriteAllTextAsync(trace, rows.ToString());

        var ended = await MainstayProcess.RunAsync(
            folder.Root, "replay", "--trace", trace, "--speed", "20x", "--kill-region", "region-1", "--warm-up", "20", "--json");

        Assert.True(ended.ExitCode == 0, ended.Everything);
        var result = JsonSerializer.Deserialize<JsonElement>(ended.Output.TrimEnd().Split('\n')[^1]);
        Assert.Equal(240, result.GetProperty("all").GetProperty("requests").GetInt32());
        Assert.Equal(0, result.GetProperty("failed").GetInt32());
        Assert.True(result.GetProperty("all").GetProperty("went_on").GetInt32() > 0, ended.Everything);
    }

    [Fact]
    public async Task A_mistake_is_said_with_its_cure()
    {
        var ended = await MainstayProcess.RunAsync(Path.GetTempPath(), "replay", "--trace", "missing.csv", "--kill-region", "east");
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("the regions are region-1 to region-2", ended.Errors, StringComparison.Ordinal);
    }
}
