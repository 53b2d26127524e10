using System.Globalization;
using System.Net;

namespace Mainstay.Scenarios;

/// <summary>`when_down: { queue }` on a disk that is full: whoever is not taken in is told, and whoever was is served.</summary>
public sealed class FullQueueTests
{
    private const int Length = 20_000;
    private const int Requests = 60;

    [OnSmallDiskFact]
    public async Task Who_finds_the_disk_full_is_told_and_what_was_promised_is_kept()
    {
        using var folder = new ScenarioFolder();
        using var disk = new SmallDisk(Path.Combine(folder.Root, "queue"));
        var server = new Uri($"http://127.0.0.1:{ScenarioFolder.FreePort()}");
        await File.WriteAllTextAsync(folder.Config, folder.Text([(server, "east")])
            .Replace("timeout: 2s", "timeout: 1m", StringComparison.Ordinal)
            .Replace("    retry:", "    when_down: { queue: ./queue }\n    retry:", StringComparison.Ordinal));
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };
        var promised = new List<int>();
        await using (var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config))
        {
            for (var i = 0; i < Requests; i++)
            {
                using var body = new StringContent(string.Create(CultureInfo.InvariantCulture, $"{i} {new string('x', Length)}"));
                using var answer = await http.PostAsync(new Uri(folder.Traffic, "/moderation/predict"), body);
                var said = await answer.Content.ReadAsStringAsync();
                Assert.True(answer.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.ServiceUnavailable, $"{answer.StatusCode}: {said}");
                if (answer.StatusCode == HttpStatusCode.Accepted)
                    promised.Add(i);
                else
                    Assert.Contains("error", said, StringComparison.Ordinal);
            }
            await serve.KillAsync();
        }
        Assert.InRange(promised.Count, 5, Requests - 5);

        await using var again = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        await using var back = new StubServer("""{"label":"fine"}""", server.Port);
        List<int> Served() => [.. back.Requests.Select(r => int.Parse(r.Body.Split(' ')[0], CultureInfo.InvariantCulture)).Distinct().Order()];
        await Patience.UntilAsync("all that was promised", () => Served().Count >= promised.Count, () => $"{Served().Count} of {promised.Count}. {again.Errors}");
        Assert.Equal(promised, Served());
        Assert.All(back.Requests, r => Assert.Equal(Length, r.Body.Count(c => c == 'x')));
    }
}
