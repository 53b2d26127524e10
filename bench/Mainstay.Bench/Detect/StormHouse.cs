using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Detect;

/// <summary>The real program with one channel, which can be killed and started again on the same state.</summary>
/// <param name="folder">Configuration and state.</param>
/// <param name="receiver">Port of the receiver.</param>
/// <param name="alerts">The mapping alerts of the configuration.</param>
/// <param name="limit">Of the channel.</param>
internal sealed class StormHouse(string folder, int receiver, string alerts, string limit, TimeProvider clock) : IAsyncDisposable
{
    private readonly int _traffic = Peer.FreePort();
    private readonly int _control = Peer.FreePort();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 32 }) { Timeout = TimeSpan.FromSeconds(20) };
    private Peer? _process;

    public async Task StartAsync(CancellationToken cancel)
    {
        _process = await Peer.StartAsync(Peer.Mainstay, folder, _control, Config(), clock, cancel);
        var token = (await File.ReadAllTextAsync(Path.Combine(folder, "state", "token"), cancel)).Trim();
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>SIGKILL, whatever it does now.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
            await process.DisposeAsync();
        _process = null;
    }

    /// <summary>Raises alerts. True: the program said that its disk has them.</summary>
    public async Task<bool> TryRaiseAsync(IEnumerable<JsonObject> raised, CancellationToken cancel)
    {
        try
        {
            using var content = new StringContent(new JsonArray([.. raised]).ToJsonString(), Encoding.UTF8, "application/json");
            using var answer = await _http.PostAsync(Address("/api/alerts"), content, cancel);
            if (answer.StatusCode is HttpStatusCode.BadRequest)
                throw new InvalidOperationException(await answer.Content.ReadAsStringAsync(cancel));
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return false;
        }
    }

    /// <summary>An answer of the API.</summary>
    public async Task<JsonElement> GetAsync(string path, CancellationToken cancel)
    {
        using var document = JsonDocument.Parse(await _http.GetStringAsync(Address(path), cancel));
        return document.RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _http.Dispose();
    }

    private Uri Address(string path) => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_control}{path}"));

    /// <summary>Servers that nobody asks: no traffic, no health checks.</summary>
    private string Config() => string.Create(CultureInfo.InvariantCulture, $$"""
        version: 1
        traffic: { listen: "http://127.0.0.1:{{_traffic}}" }
        control: { listen: "http://127.0.0.1:{{_control}}" }
        state: ./state
        notify: [ { name: receiver, webhook: "http://127.0.0.1:{{receiver}}/", limit: {{limit}} } ]
        alerts: {{alerts}}
        services:
          - name: moderation
            match: { path: /moderation }
            servers: [ { url: "http://127.0.0.1:9", region: us-east-1 }, { url: "http://127.0.0.2:9", region: us-east-2 } ]
          - name: ranking
            match: { path: /ranking }
            servers: [ { url: "http://127.0.0.3:9", region: us-east-1 }, { url: "http://127.0.0.4:9", region: us-east-2 } ]

        """);
}
