using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Mitigation;
using Mainstay.Tests.Simulation;
using Mainstay.Tests.Storage;

namespace Mainstay.Tests.Mitigation;

/// <summary>Drains by hand through the whole control loop, on a simulated clock.</summary>
public sealed class DrainTests : IDisposable
{
    private World _world = new(seed: 5);

    private Snapshot Snapshot => _world.Loop.Snapshot;

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task A_drained_region_gets_nothing_new_until_a_person_gives_it_back()
    {
        _world.Run(30);
        var failed = _world.Failed;
        var done = await OrderAsync(Drain("a", why: "new kernel"));
        Assert.True(done.Done, done.Message);
        Assert.Equal(1, done.Number);
        _world.Run(12);
        Assert.Equal(("drained", 0.0), (Region("a").State, Region("a").Traffic.Rate));
        Assert.True(Region("b").Traffic.Rate > 40);
        Assert.Equal(failed, _world.Failed);
        var drain = Assert.Single(Snapshot.Drains);
        Assert.Equal(("ada", "new kernel", null, null), (drain.Who, drain.Why, drain.Until, drain.Service));

        Assert.True((await OrderAsync(new UndrainOrder(1, "bob", "done"))).Done);
        _world.Run(12);
        Assert.Empty(_world.Published[^1].Overlays);
        Assert.True(Region("a").Traffic.Rate > 40);
        Assert.Empty(Snapshot.Incidents);
        Assert.Equal(
            [("drain", "ada", "drained a (drain 1): new kernel"), ("undrain", "bob", "undrained a (drain 1 of ada): done")],
            _world.State.Spool.ReadAfter(0, 100).Where(f => f.Kind != "start").Select(f => (f.Kind, f.Who, f.Text)));
        Assert.Equal(2, (await OrderAsync(Drain("a"))).Number);
    }

    [Fact]
    public async Task One_server_can_be_drained_alone_and_one_service_too()
    {
        Use(Scene.Configure(RemedyMode.Act, World.Service("chat"), World.Service("vision")));
        _world.Run(20);
        Assert.True((await OrderAsync(new DrainOrder(null, null, "a1", null, false, "ada", ""))).Done);
        Assert.True((await OrderAsync(Drain("b") with { Service = "vision" })).Done);
        _world.Run(12);
        Assert.All(Snapshot.Services, s => Assert.True(s.Regions[0].Servers[0].IsDrained));
        Assert.All(Snapshot.Services, s => Assert.Equal(0, s.Regions[0].Servers[0].Traffic.Rate));
        Assert.All(Snapshot.Services, s => Assert.True(s.Regions[0].Servers[1].Traffic.Rate > 40));
        Assert.Equal(["well", "drained"], Snapshot.Services.Select(s => s.Regions[1].State));
    }

    [Fact]
    public async Task Its_time_ends_it()
    {
        _world.Run(20);
        var done = await OrderAsync(Drain("a") with { For = TimeSpan.FromSeconds(30) });
        Assert.Contains("until 2026-01-01 00:00:5", done.Message, StringComparison.Ordinal);
        _world.Run(25);
        Assert.Single(_world.Published[^1].Overlays);
        _world.Run(6);
        Assert.Empty(_world.Published[^1].Overlays);
        Assert.Contains(_world.State.Spool.ReadAfter(0, 100), f => f is { Kind: "undrain", Who: "mainstay" } && f.Text.Contains("the time that ada gave it is over", StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_outlives_a_restart_and_a_pause()
    {
        _world.Run(20);
        await OrderAsync(Drain("a"));
        _world.RestartControlPlane();
        Assert.Equal("drain-1", Assert.Single(_world.Published[^1].Overlays).Id);
        Assert.Equal(1, Assert.Single(Snapshot.Drains).Number);
        await OrderAsync(new PauseOrder("bob", ""));
        _world.Run(5);
        Assert.True(Assert.Single(_world.Published[^1].Overlays).ByHand);
        _world.RestartControlPlane();
        _world.Run(2);
        Assert.Single(_world.Published[^1].Overlays);
        Assert.Equal(2, (await OrderAsync(Drain("b"))).Number);
    }

    [Fact]
    public async Task A_drain_that_leaves_nobody_needs_force()
    {
        Use(Scene.Configure(RemedyMode.Act, World.Service("chat"), World.Service("vision", "a")));
        _world.Run(20);
        var refused = await OrderAsync(Drain("a"));
        Assert.False(refused.Done);
        Assert.Contains("vision: no other server is well", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Snapshot.Drains);
        Assert.Single(_world.Published);
        Assert.True((await OrderAsync(Drain("a") with { Service = "chat" })).Done);
        Assert.True((await OrderAsync(Drain("a") with { Service = "vision", Force = true })).Done);
        Assert.Contains(_world.State.Spool.ReadAfter(0, 100), f => f.Text.Contains("by force", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Drains_count_together_when_it_is_asked_who_is_left()
    {
        _world.Run(20);
        foreach (var region in new[] { "a", "b", "c" })
            Assert.True((await OrderAsync(Drain(region))).Done);
        Assert.False((await OrderAsync(Drain("d"))).Done);
        Assert.Contains("drained already, by ada", (await OrderAsync(Drain("a"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("z", null, null, "There is no region z. Known: a, b, c, d.")]
    [InlineData(null, "z1", null, "There is no server z1. Known: a1, a2, b1")]
    [InlineData("a", null, "vision", "There is no service vision. Configured: chat.")]
    [InlineData(null, null, null, "Name a region or a server.")]
    [InlineData("b", "a1", null, "There is no server a1")]
    public async Task What_is_not_known_is_refused_with_what_is(string? region, string? server, string? service, string message)
    {
        _world.Run(3);
        var refused = await OrderAsync(new DrainOrder(service, region, server, null, false, "ada", ""));
        Assert.False(refused.Done);
        Assert.StartsWith(message, refused.Message, StringComparison.Ordinal);
        Assert.Contains("There is no drain 7. Nothing is drained by hand.", (await OrderAsync(new UndrainOrder(7, "ada", ""))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_journal_nothing_is_drained_but_traffic_is_given_back()
    {
        _world.Run(20);
        await OrderAsync(Drain("a"));
        using (new FullDisk(Directory.GetFiles(Path.Combine(_world.State.Root, "spool")).Single()))
        {
            var noted = await OrderAsync(Drain("b"));
            Assert.False(noted.Done);
            Assert.Contains("not in force", noted.Message, StringComparison.Ordinal);
            Assert.Equal("a", Assert.Single(_world.Published[^1].Overlays).Region);
            Assert.True((await OrderAsync(new UndrainOrder(1, "ada", ""))).Done);
            Assert.Empty(_world.Published[^1].Overlays);
        }
        _world.Run(2);
        Assert.Equal("b", Assert.Single(_world.Published[^1].Overlays).Region);
    }

    [Fact]
    public async Task A_region_that_fails_meanwhile_gets_no_remedy_of_its_own()
    {
        _world.Run(30);
        await OrderAsync(Drain("a"));
        _world.Run(20);
        _world.Break("b", Fault.Kill);
        _world.Run(10);
        var remedy = Assert.Single(Assert.Single(Snapshot.Incidents).Remedies);
        Assert.Equal(RemedyState.Refused, remedy.State);
        Assert.Contains("a is drained by ada, and one region at a time may be drained (mainstay undrain 1)", remedy.Reason, StringComparison.Ordinal);
        Assert.Equal("drain-1", Assert.Single(_world.Published[^1].Overlays).Id);
    }

    [Fact]
    public void Drains_that_cannot_be_read_are_kept_aside_and_said()
    {
        File.WriteAllText(Path.Combine(_world.State.Root, "drains.json"), """{"last":3}""");
        _world.RestartControlPlane();
        _world.Run(2);
        Assert.Contains("what stood in it is not in force", Assert.Single(Snapshot.Troubles), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_world.State.Root, "drains.json.unreadable")));
    }

    private RegionStatus Region(string name) => Snapshot.Services[0].Regions.First(r => r.Name == name);

    private static DrainOrder Drain(string region, string why = "") => new(null, region, null, null, false, "ada", why);

    private void Use(MainstayConfig config)
    {
        _world.Dispose();
        _world = new World(seed: 5, config);
    }

    private async Task<OrderResult> OrderAsync(Order order)
    {
        var asked = _world.Loop.AskAsync(order, CancellationToken.None);
        _world.Run(2);
        return await asked.Patiently();
    }
}
