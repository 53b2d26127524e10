using System.Diagnostics;
using System.Globalization;

namespace Mainstay.Scenarios;

/// <summary>A gateway that runs out of file descriptors blames itself, not its servers, and lives on.</summary>
public sealed class OutOfDescriptorsTests
{
    private const int Callers = 30;
    private const int Plenty = 20_000;

    [Fact]
    public async Task Servers_are_not_blamed_callers_are_told_and_all_is_well_once_there_is_room_again()
    {
        using var folder = new ScenarioFolder();
        await using var east = new StubServer("""{"label":"positive"}""");
        await using var west = new StubServer("""{"label":"positive"}""");
        await File.WriteAllTextAsync(folder.Config, folder.Text([(east.Url, "east"), (west.Url, "west")]));
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromMinutes(2) };
        // So many connections of callers stay open; those to the servers are closed by them after each answer.
        Assert.All(await AskAsync(http, folder, "/moderation/before"), failure => Assert.Equal("", failure));

        Limit(serve, Directory.GetFiles($"/proc/{serve.Id}/fd").Length + 20);
        var short1 = await AskAsync(http, folder, "/moderation/short");
        Assert.Contains(short1, failure => failure.StartsWith("503", StringComparison.Ordinal) && failure.Contains("no file descriptor", StringComparison.Ordinal));
        Assert.All(short1, failure => Assert.True(failure.Length == 0 || failure.StartsWith("503", StringComparison.Ordinal), failure));
        using var another = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromMinutes(2) };
        var waiting = Scenarios.Callers.AskAsync(another, new Uri(folder.Traffic, "/moderation/waiting"));
        // Ticks, probes and whatever else opens files meet the limit, too.
        await Task.WhenAny(waiting, Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System));
        Assert.False(serve.HasEnded, serve.Errors);

        Limit(serve, Plenty);
        Assert.Equal("", await waiting);
        Assert.All(await AskAsync(http, folder, "/moderation/after"), failure => Assert.Equal("", failure));
        Assert.Contains(east.Requests, r => r.First.Contains("/after", StringComparison.Ordinal));
        Assert.DoesNotContain("tick failed", serve.Output + serve.Errors, StringComparison.Ordinal);
    }

    private static Task<string[]> AskAsync(HttpClient http, ScenarioFolder folder, string path) =>
        Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Scenarios.Callers.AskAsync(http, new Uri(folder.Traffic, path))));

    private static void Limit(MainstayProcess process, int files)
    {
        var number = files.ToString(CultureInfo.InvariantCulture);
        using var prlimit = Process.Start("prlimit", ["--pid", process.Id.ToString(CultureInfo.InvariantCulture), $"--nofile={number}:{Plenty}"]);
        prlimit.WaitForExit();
        Assert.Equal(0, prlimit.ExitCode);
    }
}
