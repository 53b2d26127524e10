namespace Mainstay.Scenarios;

/// <summary>Two servers in two regions that outlive a test.</summary>
public sealed class TwoRegions : IAsyncLifetime
{
    private readonly List<ModelServer> _servers = [];

    internal IEnumerable<(Uri Url, string Region)> Servers => _servers.Select(s => (s.Url, s.Region));

    public async Task InitializeAsync()
    {
        foreach (var region in (string[])["east", "west"])
            _servers.Add(await ModelServer.StartNewAsync(region));
    }

    public async Task DisposeAsync()
    {
        foreach (var server in _servers)
            await server.DisposeAsync();
    }
}

/// <summary>`mainstay route` carries the traffic, `mainstay control` judges beside it: whatever becomes of the second, no
/// caller may notice.</summary>
public sealed class ControlPlaneDeathTests(TwoRegions regions) : IClassFixture<TwoRegions>
{
    [Fact]
    public async Task Traffic_flows_on_when_the_control_plane_is_killed_and_when_it_comes_back()
    {
        using var folder = new ScenarioFolder();
        folder.Write(regions.Servers);
        await using var route = await RouteAsync(folder);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic);
        await using (var control = await ControlAsync(folder))
        {
            await instance.SeesTrafficAsync();
            await control.KillAsync();
        }
        Assert.Null(await instance.StatusAsync());
        await callers.MoreAsync(300);

        await using var again = await ControlAsync(folder);
        await instance.SeesTrafficAsync();
        await callers.MoreAsync(100);
        await callers.StopAsync();

        Assert.Empty(callers.Failures);
        await Patience.UntilAsync("both starts in the database", () => FactTable.Read(folder.Database).Count(f => f.Kind == "start") == 2);
        FactTable.AssertWhole(FactTable.Read(folder.Database));
    }

    [Fact]
    public async Task Traffic_flows_on_while_the_control_plane_hangs()
    {
        using var folder = new ScenarioFolder();
        folder.Write(regions.Servers);
        await using var route = await RouteAsync(folder);
        await using var control = await ControlAsync(folder);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic);
        await instance.SeesTrafficAsync();

        control.Signal(SignalNumber.Stop);
        await callers.MoreAsync(500);
        Assert.Null(await instance.StatusAsync());
        control.Signal(SignalNumber.Continue);
        var woken = Patience.Clock.GetUtcNow();
        await instance.UntilAsync("a tick after the pause", s => s.GetProperty("at").GetDateTimeOffset() > woken);
        await instance.SeesTrafficAsync();
        await callers.StopAsync();

        Assert.Empty(callers.Failures);
        // What it missed is no sign of an outage.
        Assert.DoesNotContain(
            (await instance.StatusAsync())!.Value.GetProperty("incidents").EnumerateArray().SelectMany(i => i.GetProperty("anomalies").EnumerateArray()),
            anomaly => anomaly.GetProperty("detector").GetString() is "probes" or "errors");
    }

    [Fact]
    public async Task A_remedy_outlives_the_control_plane_until_a_person_pauses_it()
    {
        using var folder = new ScenarioFolder();
        await using var doomed = await ModelServer.StartNewAsync("north");
        folder.Write([(doomed.Url, "north"), .. regions.Servers], remedies: "act");
        await using var route = await RouteAsync(folder);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic);
        await using (var control = await ControlAsync(folder))
        {
            await instance.SeesTrafficAsync();
            await doomed.KillAsync();
            await Patience.UntilAsync("the drain in the last good table", () => HasOverlay(folder), () => control.Errors);
            await control.KillAsync();
        }

        // The region is well again, but nobody is there to ease the remedy: it stays as it was.
        await using var back = new StubServer("""{"label":"fine"}""", doomed.Url.Port);
        await callers.MoreAsync(300);
        Assert.Empty(back.Requests);
        await callers.StopAsync();
        Assert.Empty(callers.Failures);

        await route.DisposeAsync();
        await using var routeAgain = await RouteAsync(folder);
        await using var later = new Callers(folder.Traffic);
        await later.MoreAsync(100);
        Assert.Empty(back.Requests);

        var pause = await instance.RunAsync("pause", "-c", folder.Config, "--why", "the control plane is gone");
        Assert.True(pause.ExitCode == 0, pause.Everything);
        Assert.Contains("Paused by file", pause.Output, StringComparison.Ordinal);
        await Patience.UntilAsync("traffic in the region that was drained", () => back.Requests.Count > 10);
        await later.StopAsync();
        Assert.Empty(later.Failures);
    }

    [Fact]
    public async Task A_control_plane_alone_names_every_trouble_that_it_has()
    {
        using var folder = new ScenarioFolder();
        folder.Write(regions.Servers);
        Directory.CreateDirectory(folder.Database);
        await using var control = await ControlAsync(folder);
        await new Instance(folder).UntilAsync("both troubles", s =>
            s.GetProperty("troubles").ToString() is var troubles && troubles.Contains("database", StringComparison.Ordinal)
            && troubles.Contains("data plane", StringComparison.Ordinal));
    }

    internal static Task<MainstayProcess> RouteAsync(ScenarioFolder folder) =>
        MainstayProcess.StartAsync(folder.Root, "traffic on ", "route", "-c", folder.Config);

    internal static Task<MainstayProcess> ControlAsync(ScenarioFolder folder) =>
        MainstayProcess.StartAsync(folder.Root, "dashboard on ", "control", "-c", folder.Config);

    private static bool HasOverlay(ScenarioFolder folder)
    {
        var table = Path.Combine(folder.State, "table.json");
        return File.Exists(table) && File.ReadAllText(table).Contains("\"by_hand\": false", StringComparison.Ordinal);
    }
}
