using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Mainstay.Scenarios;

/// <summary>Drains and practices as whoever is on call does them, on real processes and under traffic.</summary>
public sealed class DrainTests : IDisposable
{
    private const string ResponderToken = "a-token-of-the-night-shift-0123456789abcdef";
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromMinutes(2) };

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_region_is_drained_under_traffic_and_no_request_notices()
    {
        using var folder = new ScenarioFolder();
        var gate = new TaskCompletionSource();
        await using var east = new StubServer(async request =>
        {
            if (request.First.Contains("/long", StringComparison.Ordinal))
                await gate.Task;
            return (200, """{"label":"east"}""");
        });
        await using var west = new StubServer("""{"label":"west"}""");
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ResponderToken)));
        var text = folder.Text([(east.Url, "east"), (west.Url, "west")])
            .Replace("first_byte: 5s", "first_byte: 1m", StringComparison.Ordinal).Replace("total: 30s", "total: 2m", StringComparison.Ordinal);
        var control = $"control: {{ listen: \"{folder.Control.GetLeftPart(UriPartial.Authority)}\", tokens: [ {{ name: night, sha256: {hash} }} ] }}";
        await File.WriteAllTextAsync(folder.Config, string.Join('\n', text.Split('\n').Select(l => l.StartsWith("control:", StringComparison.Ordinal) ? control : l)));
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic, rate: 100);
        await instance.SeesTrafficAsync();
        var slow = Callers.AskAsync(_http, new Uri(folder.Traffic, "/moderation/long"));
        await Patience.UntilAsync("the long request at its server", () => east.Requests.Any(r => r.First.Contains("/long", StringComparison.Ordinal)));

        await RefusesAsync(folder, instance);
        var drained = await instance.RunAsync("drain", "region", "east", "--yes", "--why", "new kernel", "--token-file", folder.Token);
        Assert.True(drained.ExitCode == 0, drained.Everything);
        Assert.Contains("1 other server is left, known to carry 1000/s", drained.Output, StringComparison.Ordinal);
        Assert.Contains("Drain 1 is in force", drained.Output, StringComparison.Ordinal);
        var before = east.Requests.Count;
        await callers.MoreAsync(200);
        Assert.InRange(east.Requests.Count - before, 0, 5);
        Assert.False(slow.IsCompleted);
        gate.SetResult();
        Assert.Equal("", await slow.Patiently());
        Assert.Contains("Drain 1: east, by operator since", (await instance.RunAsync("drain")).Output, StringComparison.Ordinal);

        var given = await instance.RunAsync("undrain", "region", "east", "--token-file", folder.Token);
        Assert.True(given.ExitCode == 0, given.Everything);
        before = east.Requests.Count;
        await callers.MoreAsync(200);
        Assert.True(east.Requests.Count - before > 100);
        await callers.StopAsync();
        Assert.Empty(callers.Failures);
        await Patience.UntilAsync("the last fact", () => FactTable.Read(folder.Database).Any(f => f.Kind == "undrain"));
        Assert.Contains(FactTable.Read(folder.Database), f => f is { Kind: "drain", Who: "operator" } && f.Text.Contains("new kernel", StringComparison.Ordinal));
        Assert.DoesNotContain(ResponderToken, serve.Errors + serve.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_practice_stops_when_the_other_region_fails()
    {
        using var folder = new ScenarioFolder();
        await using var east = new StubServer("""{"label":"east"}""");
        var west = new StubServer("""{"label":"west"}""");
        folder.Write([(east.Url, "east"), (west.Url, "west")], "observe");
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic, rate: 100);
        await instance.SeesTrafficAsync();

        var practising = instance.RunAsync("practice", "region", "east", "--for", "60s", "--yes", "--token-file", folder.Token);
        await instance.UntilAsync("all of it shifted away", s => Practice(s) is { } p && p.GetProperty("share").GetDouble() == 0);
        await west.DisposeAsync();

        var ended = await practising;
        Assert.True(ended.ExitCode == 1, ended.Everything);
        Assert.Contains("25 % of its traffic first", ended.Output, StringComparison.Ordinal);
        Assert.Contains("practice 1 of east was stopped", ended.Output, StringComparison.Ordinal);
        Assert.Contains("It was stopped with 100 % shifted away", ended.Output, StringComparison.Ordinal);
        var before = east.Requests.Count;
        await callers.MoreAsync(100);
        Assert.True(east.Requests.Count - before >= 90);
        await callers.StopAsync();
        Assert.Empty(callers.Failures);
        Assert.Contains("# Practice 1: east", await File.ReadAllTextAsync(Path.Combine(folder.State, "practice", "practice-1.md")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_control_plane_it_is_said_that_nothing_was_changed()
    {
        using var folder = new ScenarioFolder();
        Directory.CreateDirectory(folder.State);
        await File.WriteAllTextAsync(folder.Token, new string('x', 43));
        var away = await new Instance(folder).RunAsync("drain", "region", "east", "--yes", "--token-file", folder.Token);
        Refusal.AssertPlain(away, "No instance answers", "Nothing was changed", "traffic flows on");
    }

    private static JsonElement? Practice(JsonElement status) =>
        status.GetProperty("practices").EnumerateArray().Select(p => (JsonElement?)p).FirstOrDefault();

    private static async Task RefusesAsync(ScenarioFolder folder, Instance instance)
    {
        var shown = await instance.RunAsync("drain", "region", "east", "--dry-run");
        Assert.True(shown.ExitCode == 0 && shown.Output.Contains("Blast radius of east", StringComparison.Ordinal), shown.Everything);
        var asked = await instance.RunAsync("drain", "region", "east", "--token-file", folder.Token);
        Assert.True(asked.ExitCode == 1 && asked.Errors.Contains("Say --yes", StringComparison.Ordinal), asked.Everything);
        var night = Path.Combine(folder.Root, "night-token");
        await File.WriteAllTextAsync(night, ResponderToken);
        var refused = await instance.RunAsync("drain", "region", "east", "--yes", "--token-file", night);
        Assert.True(refused.ExitCode == 2 && refused.Errors.Contains("needs the scope operate, and the token of night has respond", StringComparison.Ordinal), refused.Everything);
        Assert.Contains("Nothing is drained by hand", (await instance.RunAsync("drain")).Output, StringComparison.Ordinal);
    }
}
