using System.Diagnostics;
using System.Globalization;

namespace Mainstay.Scenarios;

/// <summary>A gateway that has no file descriptor left blames itself, not its servers.</summary>
public sealed class OutOfDescriptorsTests
{
    private const int Room = 12;
    private const int Asking = 40;

    [Fact]
    public async Task Servers_are_not_blamed_and_all_is_well_once_there_is_room_again()
    {
        using var folder = new ScenarioFolder();
        var gate = new TaskCompletionSource();
        Func<StubRequest, Task<(int, string)>> answer = async request =>
        {
            if (request.First.Contains("/held", StringComparison.Ordinal))
                await gate.Task;
            return (200, """{"label":"positive"}""");
        };
        await using var east = new StubServer(answer);
        await using var west = new StubServer(answer);
        await File.WriteAllTextAsync(folder.Config, folder.Text([(east.Url, "east"), (west.Url, "west")])
            .Replace("first_byte: 5s", "first_byte: 1m", StringComparison.Ordinal).Replace("total: 30s", "total: 2m", StringComparison.Ordinal));
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        var instance = new Instance(folder);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromMinutes(2) };
        for (var i = 0; i < 20; i++)
            Assert.Equal("", await Callers.AskAsync(http, new Uri(folder.Traffic, "/moderation/warm")));

        Limit(serve, Directory.GetFiles($"/proc/{serve.Id}/fd").Length + Room);
        var held = Enumerable.Range(0, Asking).Select(_ => http.GetAsync(new Uri(folder.Traffic, "/moderation/held"))).ToList();
        await Patience.UntilAsync("an answer that says why", () => held.Any(h => h.IsCompletedSuccessfully));
        var refused = await held.First(h => h.IsCompletedSuccessfully);
        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Contains("no file descriptor", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        Limit(serve, 20_000);
        gate.SetResult();
        var answers = await Task.WhenAll(held);
        Assert.All(answers, a => Assert.True((int)a.StatusCode is 200 or 503, $"{(int)a.StatusCode}"));
        for (var i = 0; i < 40; i++)
            Assert.Equal("", await Callers.AskAsync(http, new Uri(folder.Traffic, "/moderation/after")));
        // Both serve on, neither is held back.
        Assert.Contains(east.Requests, r => r.First.Contains("/after", StringComparison.Ordinal));
        var status = (await instance.StatusAsync())!.Value.ToString();
        Assert.DoesNotContain("\"open\"", status, StringComparison.OrdinalIgnoreCase);
    }

    private static void Limit(MainstayProcess process, int files)
    {
        var number = files.ToString(CultureInfo.InvariantCulture);
        using var prlimit = Process.Start("prlimit", ["--pid", process.Id.ToString(CultureInfo.InvariantCulture), $"--nofile={number}:20000"]);
        prlimit.WaitForExit();
        Assert.Equal(0, prlimit.ExitCode);
    }
}
