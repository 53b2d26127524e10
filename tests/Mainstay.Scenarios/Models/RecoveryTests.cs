namespace Mainstay.Scenarios;

/// <summary>A primary that is dead for a while: it is left alone, nobody notices, and it has its traffic back as soon as it is well.</summary>
[Collection(Measured.Name)]
public sealed class RecoveryTests
{
    private const int MostOnADeadPrimary = 12;
    private const int Rate = 10;

    /// <summary>A minute of traffic; a quarter of it, with the same bound, where not everything is run.</summary>
    private static readonly TimeSpan Dead = TimeSpan.FromSeconds(Environment.GetEnvironmentVariable("MAINSTAY_TESTS") == "all" ? 60 : 15);
    private static readonly TimeSpan BackWithin = TimeSpan.FromSeconds(6);

    /// <summary>They mostly wait, so they die side by side.</summary>
    [Fact]
    public Task It_is_left_alone_and_has_its_traffic_back() => Task.WhenAll(
        DieAsync(probes: "", "503", "reset", "error in a 200", "cut"),
        DieAsync(probes: "    health: { path: /health, every: 500ms, timeout: 1s }", "503", "silence"));

    private static async Task DieAsync(string probes, params string[] deaths)
    {
        var models = deaths.Select((_, i) => new HouseModel($"m{i}", "openai", [(new FakeProvider(), ""), (new FakeProvider(), "")])).ToList();
        await using var house = await ModelHouse.StartAsync(models, more: probes);
        await Task.WhenAll(deaths.Zip(models, (death, model) => DieAsync(house, model, death, $"{death}, {(probes.Length > 0 ? "probed" : "not probed")}")));
    }

    private static async Task DieAsync(ModelHouse house, HouseModel model, string death, string name)
    {
        var (primary, other) = (model.Servers[0].Provider, model.Servers[1].Provider);
        await using var traffic = new ModelTraffic(
            () => house.Caller.AskAsync(CallerMode.OpenAiStream, model.Name), a => a.Broken is null && a.IsDone && a.Text == other.Text, Rate);
        await traffic.MoreAsync(10);
        Assert.True(primary.Requests.Count >= 10 && other.Requests.Count == 0, $"{name}: {primary.Requests.Count}, {other.Requests.Count}");

        var before = primary.Requests.Count;
        primary.ProbeStatus = 503;
        primary.Always(death switch
        {
            "503" => Fault.Of(ProviderError.Unavailable),
            "reset" => new Fault(FaultKind.Reset),
            "silence" => new Fault(FaultKind.Silence),
            "cut" => new Fault(FaultKind.CutByReset),
            _ => new Fault(FaultKind.ErrorFirst),
        });
        var died = Patience.Clock.GetTimestamp();
        await Task.Delay(Dead, Patience.Clock);
        var onTheDead = primary.Requests.Count - before;

        var well = Patience.Clock.GetTimestamp();
        primary.ProbeStatus = 200;
        primary.Always(Fault.None);
        var failing = primary.Requests.Count;
        await Patience.UntilAsync($"{name}: the primary's traffic", () => primary.Requests.Count(r => r.IsServed) > before && primary.Requests.Count >= failing + 3);
        var took = Patience.Clock.GetElapsedTime(well);
        await traffic.StopAsync();

        Assert.True(traffic.Failures.Count == 0, $"{name}: {string.Join("\n", traffic.Failures)}");
        var came = string.Join(' ', primary.Requests.Skip(before).Take(onTheDead).Select(r => $"{Patience.Clock.GetElapsedTime(died, r.ArrivedAt).TotalSeconds:0.00}"));
        Assert.True(onTheDead is >= 1 and <= MostOnADeadPrimary, $"{name}: {onTheDead} requests came to the dead primary, after {came} s");
        Assert.True(took <= BackWithin, $"{name}: its traffic was back after {took.TotalSeconds:0.0} s");
    }
}
