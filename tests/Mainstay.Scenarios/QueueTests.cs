using System.Net;

namespace Mainstay.Scenarios;

/// <summary>`when_down: { queue }` with real processes: what was answered 202 survives the process that said it.</summary>
public sealed class QueueTests : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task What_waits_in_the_queue_survives_a_kill_and_is_served_when_the_server_is_back()
    {
        using var folder = new ScenarioFolder();
        var server = new Uri($"http://127.0.0.1:{ScenarioFolder.FreePort()}");
        await File.WriteAllTextAsync(
            folder.Config, folder.Text([(server, "east")]).Replace("    retry:", "    when_down: { queue: ./queue }\n    retry:", StringComparison.Ordinal));
        var locations = new List<Uri>();
        await using (var serve = await ServeAsync(folder))
        {
            for (var i = 0; i < 20; i++)
                locations.Add(await QueueAsync(folder, i));
            await serve.KillAsync();
        }
        // What a crash left half written was never promised to anybody.
        await File.WriteAllBytesAsync(Path.Combine(folder.Root, "queue", "moderation", "000000000099.request"), [9, 9, 9]);

        await using var again = await ServeAsync(folder);
        using (var waits = await _http.GetAsync(locations[0]))
            Assert.Equal(HttpStatusCode.Accepted, waits.StatusCode);
        await using var back = new StubServer(r => Task.FromResult((200, $"{{\"did\":{r.Body}}}")), server.Port);
        for (var i = 0; i < locations.Count; i++)
        {
            var (at, body) = (i, "");
            await Patience.UntilAsync($"the answer of request {i}", async () =>
            {
                using var answer = await _http.GetAsync(locations[at]);
                body = await answer.Content.ReadAsStringAsync();
                return answer.StatusCode == HttpStatusCode.OK;
            }, () => $"{body}\nThe server has {back.Requests.Count} requests.\n{again.Errors}");
            Assert.Equal($"{{\"did\":{i}}}", body);
        }
        // Those that were tried while the server was still down wait a second, and others go before them.
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{i}").Order(), back.Requests.Select(r => r.Body).Order());
        Assert.All(back.Requests, r => Assert.NotEmpty(r.Headers["Idempotency-Key"]));
    }

    private static Task<MainstayProcess> ServeAsync(ScenarioFolder folder) =>
        MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);

    private async Task<Uri> QueueAsync(ScenarioFolder folder, int number)
    {
        using var content = new StringContent($"{number}");
        using var answer = await _http.PostAsync(new Uri(folder.Traffic, "/moderation/predict"), content);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return new Uri(folder.Traffic, answer.Headers.Location!);
    }
}
