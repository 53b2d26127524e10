using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>A small share of the benchmark `soak`: mixed traffic with faults and reloads, after which nothing is left. It takes all of the
/// machine: beside it no other test would find servers that are well in time.</summary>
[Collection(Measured.Name)]
public sealed class SoakTests
{
    private static readonly int Requests = Environment.GetEnvironmentVariable("MAINSTAY_TESTS") == "all" ? 500_000 : 50_000;
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task Mixed_traffic_with_faults_gets_right_answers_and_leaves_nothing_behind()
    {
        var (output, errors) = await RunAsync("soak", "--requests", Requests.ToString(CultureInfo.InvariantCulture), "--seed", "7");
        var last = output.TrimEnd().Split('\n')[^1];
        Assert.True(last.StartsWith('{'), $"No result: {output}\n{errors}");
        using var result = JsonDocument.Parse(last);
        long Number(string name) => result.RootElement.GetProperty(name).GetInt64();

        Assert.Equal(Requests, Number("requests"));
        Assert.Equal(0, Number("outstanding_after"));
        Assert.InRange(Number("threads_most"), 1, 150);
        Assert.True(Number("right") > Requests / 2, last);
        Assert.DoesNotContain("a wrong", last, StringComparison.Ordinal);
        // On a machine that is overloaded with other work a caller may lose patience.
        Assert.True(Number("failed") <= Requests / 1000, last);
    }

    /// <summary>The benchmarks as they were built together with these tests. They end what they start, however they end.</summary>
    private static async Task<(string Output, string Errors)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Bench(), .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
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
