using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>A running instance as its control listener shows it.</summary>
internal sealed class Instance(ScenarioFolder folder)
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(2) };

    /// <summary>What /api/status says; null if it does not answer.</summary>
    public async Task<JsonElement?> StatusAsync()
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(await Http.GetStringAsync(new Uri(folder.Control, "/api/status?history=none")));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return null;
        }
    }

    public async Task UntilAsync(string what, Func<JsonElement, bool> holds)
    {
        JsonElement? status = null;
        await Patience.UntilAsync(
            what, async () => (status = await StatusAsync()) is { } now && holds(now), () => $"Status: {status}");
    }

    /// <summary>Waits until the control plane sees traffic.</summary>
    public Task SeesTrafficAsync() => UntilAsync(
        "traffic in the status", s => s.GetProperty("services").EnumerateArray().Any(v => v.GetProperty("traffic").GetProperty("rate").GetDouble() > 1));

    public Task UntilTroubleAsync(string word) =>
        UntilAsync($"a trouble with \"{word}\"", s => Troubles(s).Any(t => t.Contains(word, StringComparison.OrdinalIgnoreCase)));

    public Task UntilNoTroubleAsync() => UntilAsync("no trouble any more", s => !Troubles(s).Any());

    /// <summary>Runs a command against this instance, in its folder.</summary>
    public Task<Ended> RunAsync(params string[] arguments) =>
        MainstayProcess.RunAsync(folder.Root, [.. arguments, "--control", folder.Control.GetLeftPart(UriPartial.Authority)]);

    private static IEnumerable<string> Troubles(JsonElement status) =>
        status.GetProperty("troubles").EnumerateArray().Select(t => t.GetString()!);
}
