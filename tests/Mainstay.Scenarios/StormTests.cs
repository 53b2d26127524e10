using System.Diagnostics;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>A tenth of the benchmark `detect --storm`: the death of a region that many alerts tell of, flaps, and a program that is killed
/// while it tells people.</summary>
[Collection(Measured.Name)]
public sealed class StormTests
{
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task A_storm_is_few_messages_and_kills_lose_none()
    {
        var (output, errors) = await RunAsync("detect", "--storm", "--alerts", "1000", "--kills", "3");
        var last = output.TrimEnd().Split('\n')[^1];
        Assert.True(last.StartsWith('{'), $"No result: {output}\n{errors}");
        using var result = JsonDocument.Parse(last);
        int Number(string name) => result.RootElement.GetProperty(name).GetInt32();

        Assert.Equal((1, 0), (Number("incidents"), Number("lost")));
        Assert.InRange(Number("notifications"), 2, 3);
        Assert.InRange(Number("flap_notifications"), 1, 2);
        // Each kill may repeat the one delivery that was under way.
        Assert.InRange(Number("duplicates"), 0, 3);
    }

    /// <summary>The benchmarks as they were built together with these tests. They end what they start, however they end.</summary>
    private static async Task<(string Output, string Errors)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Bench(), .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        try
        {
            using var limit = new CancellationTokenSource(Within, Patience.Clock);
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await process.WaitForExitAsync(limit.Token);
            return (await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    private static string Bench()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        for (var folder = own; folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Mainstay.slnx")))
                return Path.Combine(folder.FullName, "bench", "Mainstay.Bench", "bin", own.Parent!.Name, own.Name, "Mainstay.Bench.dll");
        throw new InvalidOperationException($"No Mainstay.slnx above {own}: run the tests inside the project.");
    }
}
