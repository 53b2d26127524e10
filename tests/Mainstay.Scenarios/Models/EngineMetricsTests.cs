using System.Text;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>Two engines, of which others keep one busy: the gateway sees it in their metrics and sends its own requests to the idle one.</summary>
public sealed class EngineMetricsTests
{
    private const int Others = 12;

    [Fact]
    public async Task Work_that_others_send_to_an_engine_is_seen_and_left_alone()
    {
        using var folder = new ScenarioFolder();
        var (busy, idle) = (ScenarioFolder.FreePort(), ScenarioFolder.FreePort());
        await using var one = await StartEngineAsync(folder, "busy", busy);
        await using var two = await StartEngineAsync(folder, "idle", idle);
        await File.WriteAllTextAsync(folder.Config, $$"""
            version: 1
            traffic: { listen: "{{folder.Traffic.GetLeftPart(UriPartial.Authority)}}" }
            control: { listen: "{{folder.Control.GetLeftPart(UriPartial.Authority)}}" }
            state: ./state
            services:
              - name: chat
                match: { path: /v1 }
                api: openai
                models:
                  sim:
                    servers:
                      - { url: "http://127.0.0.1:{{busy}}/v1", region: near, metrics: /metrics }
                      - { url: "http://127.0.0.1:{{idle}}/v1", region: near, metrics: "http://127.0.0.1:{{idle}}/metrics" }
            """);
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var leave = new CancellationTokenSource();
        var direct = Enumerable.Range(0, Others).Select(i => AskAsync(http, new Uri($"http://127.0.0.1:{busy}"), "others " + i, 20_000, leave.Token)).ToList();
        var instance = new Instance(folder);
        await instance.UntilAsync("the others' requests", s => Engine(s, busy) is { } engine && engine.GetProperty("others").GetInt32() == Others);
        for (var i = 0; i < 8; i++)
            Assert.Contains("idle", await AskAsync(http, folder.Traffic, "mine " + i, 5, default), StringComparison.Ordinal);
        var status = await instance.RunAsync("status");
        Assert.Contains($"127.0.0.1:{busy}/v1 of chat/sim: engine: {Others} running, 0 waiting, {Others} of others", status.Output, StringComparison.Ordinal);

        // Dead engines say nothing any more, and what they said counts for nothing.
        await one.KillAsync();
        await instance.UntilAsync("that it is stale", s => Engine(s, busy) is null);
        Assert.Contains($"127.0.0.1:{busy}/v1 of chat/sim: engine: its metrics count for nothing, ", (await instance.RunAsync("status")).Output, StringComparison.Ordinal);
        await leave.CancelAsync();
        await Task.WhenAll(direct).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private static JsonElement? Engine(JsonElement status, int port)
    {
        foreach (var service in status.GetProperty("services").EnumerateArray())
            foreach (var region in service.GetProperty("regions").EnumerateArray())
                foreach (var server in region.GetProperty("servers").EnumerateArray())
                    if (server.GetProperty("name").GetString()!.Contains($":{port}/", StringComparison.Ordinal) && server.GetProperty("engine") is { ValueKind: JsonValueKind.Object } engine)
                        return engine;
        return null;
    }

    private static Task<MainstayProcess> StartEngineAsync(ScenarioFolder folder, string name, int port) => MainstayProcess.StartAsync(
        folder.Root, "", "model", "serve", "--engine", "sim", "--model", "sim", "--name", name, "--listen", $"http://127.0.0.1:{port}", "--decode", "100");

    private static async Task<string> AskAsync(HttpClient http, Uri to, string words, int tokens, CancellationToken cancel)
    {
        using var content = new StringContent(
            $$"""{"model":"sim","answer_tokens":{{tokens}},"messages":[{"role":"user","content":"{{words}}"}]}""", Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(new Uri(to, "/v1/chat/completions"), content, cancel);
        Assert.Equal(200, (int)answer.StatusCode);
        return await answer.Content.ReadAsStringAsync(cancel);
    }
}
