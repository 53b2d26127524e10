using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>What callers used of models and what it cost, of a real process, before and after its death.</summary>
public sealed class UsageTests : IAsyncLifetime, IDisposable
{
    private readonly ScenarioFolder _folder = new();
    private readonly FakeProvider _near = new();
    private readonly FakeProvider _far = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private MainstayProcess _serve = null!;

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(_folder.Config, $$"""
            version: 1
            traffic: { listen: "{{_folder.Traffic.GetLeftPart(UriPartial.Authority)}}" }
            control: { listen: "{{_folder.Control.GetLeftPart(UriPartial.Authority)}}" }
            state: ./state
            keys:
              - { name: team-a, sha256: {{Hash("key-a")}} }
              - { name: team-b, sha256: {{Hash("key-b")}} }
            services:
              - name: chat
                match: { path: /v1 }
                api: openai
                models:
                  fast:
                    servers:
                      - { url: "http://127.0.0.1:{{_near.Port}}/v1", region: near, price: { prompt: 1000, answer: 2000 } }
                      - { url: "http://127.0.0.1:{{_far.Port}}/v1", region: far, price: { prompt: 3000, answer: 4000 } }
            """);
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _serve.DisposeAsync();
        await _near.DisposeAsync();
        await _far.DisposeAsync();
    }

    public void Dispose()
    {
        _http.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task It_is_told_by_key_model_and_region_and_outlives_a_SIGKILL()
    {
        await AskAsync("key-a");
        await AskAsync("key-a");
        _near.Always(Fault.Of(ProviderError.Unavailable));
        await AskAsync("key-b");
        var instance = new Instance(_folder);
        JsonElement usage = default;
        await Patience.UntilAsync("three requests in /api/usage", async () => (usage = await UsageAsync()).GetProperty("total").GetProperty("requests").GetInt64() == 3, () => usage.ToString());
        var rows = usage.GetProperty("rows").EnumerateArray().ToDictionary(r => r.GetProperty("key").GetString() + " " + r.GetProperty("region").GetString());
        Assert.Equal(["team-a near", "team-b far"], rows.Keys.Order(StringComparer.Ordinal));
        foreach (var (row, prompt, answer) in new[] { (rows["team-a near"], 1e-3, 2e-3), (rows["team-b far"], 3e-3, 4e-3) })
        {
            Assert.Equal("fast", row.GetProperty("model").GetString());
            var (read, said) = (row.GetProperty("prompt_tokens").GetInt64(), row.GetProperty("completion_tokens").GetInt64());
            Assert.True(read > 0 && said > 0);
            Assert.Equal((read * prompt) + (said * answer), row.GetProperty("cost").GetDouble(), 9);
        }
        var metrics = await _http.GetStringAsync(new Uri(_folder.Control, "/metrics"));
        Assert.Contains("mainstay_usage_requests_total{gen_ai_request_model=\"fast\",mainstay_key=\"team-a\",mainstay_region=\"near\"} 2", metrics, StringComparison.Ordinal);

        var csv = await instance.RunAsync("usage", "--by", "key,model,region", "--csv");
        Assert.Equal(0, csv.ExitCode);
        Assert.StartsWith("key,model,region,requests,failed,prompt_tokens,completion_tokens,cost", csv.Output, StringComparison.Ordinal);
        Assert.Contains("team-a,fast,near,2,0,", csv.Output, StringComparison.Ordinal);

        // Written every other second: what is in the file is not lost by the hardest death.
        await Patience.UntilAsync("the database", () => File.Exists(Path.Combine(_folder.Root, "state", "mainstay.db")) && IsWritten());
        await _serve.KillAsync();
        await _serve.DisposeAsync();
        await StartAsync();
        var after = await instance.RunAsync("usage", "--csv", "--since", "7d");
        Assert.Equal(csv.Output, after.Output);
        var page = await _http.GetStringAsync(new Uri(_folder.Control, "/usage"));
        Assert.Contains("team-b", page, StringComparison.Ordinal);
        Assert.Contains("team-a", (await instance.RunAsync("usage", "--by", "key")).Output, StringComparison.Ordinal);
        Assert.Equal(2, (await instance.RunAsync("usage", "--by", "customer")).ExitCode);
    }

    private bool IsWritten()
    {
        using var file = new FileStream(Path.Combine(_folder.Root, "state", "mainstay.db"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file, Encoding.Latin1);
        var text = reader.ReadToEnd();
        return text.Contains("team-afastnear", StringComparison.Ordinal) && text.Contains("team-bfastfar", StringComparison.Ordinal);
    }

    private async Task StartAsync() => _serve = await MainstayProcess.StartAsync(_folder.Root, "traffic on ", "serve", "-c", _folder.Config);

    private async Task AskAsync(string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_folder.Traffic, "/v1/chat/completions"))
        {
            Content = new StringContent("""{"model":"fast","messages":[{"role":"user","content":"What is used is counted."}]}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await _http.SendAsync(request);
        Assert.Equal(200, (int)answer.StatusCode);
    }

    private async Task<JsonElement> UsageAsync() => JsonSerializer.Deserialize<JsonElement>(await _http.GetStringAsync(new Uri(_folder.Control, "/api/usage?by=key,model,region")));

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
