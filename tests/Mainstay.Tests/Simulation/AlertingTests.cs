using Mainstay.Control.Config;
using Mainstay.Tests.Alerts;

namespace Mainstay.Tests.Simulation;

/// <summary>What people hear of a region's death from the whole loop, detectors and remedies included.</summary>
public sealed class AlertingTests
{
    [Theory]
    [InlineData(RemedyMode.Act)]
    [InlineData(RemedyMode.Propose)]
    [InlineData(RemedyMode.Observe)]
    public void The_death_of_a_region_is_two_or_three_messages(RemedyMode mode)
    {
        for (var seed = 1; seed <= Property.Cases(30); seed++)
        {
            using var world = new World(seed, Config(mode));
            world.Run(30);
            world.Break("a", Fault.Kill);
            world.Run(60);
            var group = Assert.Single(world.Loop.Snapshot.Alerts.Groups);
            Assert.Equal(("region a", true), (group.Key, group.Told - group.Opened <= TimeSpan.FromSeconds(7)));
            world.Heal("a");
            world.Run(400);
            Assert.All(world.Loop.Snapshot.Alerts.Groups, g => Assert.NotNull(g.Closed));
            Assert.InRange(Messages(world), 2, 3);
        }
    }

    [Fact]
    public void A_control_plane_that_is_killed_again_and_again_tells_nothing_twice_and_forgets_nothing()
    {
        using var world = new World(seed: 3, Config(RemedyMode.Act));
        world.Run(30);
        world.Break("a", Fault.Kill);
        for (var i = 0; i < 10; i++)
        {
            world.Run(7.3);
            world.RestartControlPlane();
        }
        world.Run(2);
        Assert.Equal(1, Messages(world));
        world.Heal("a");
        world.Run(400);
        Assert.Equal(2, Messages(world));
        Assert.NotNull(Assert.Single(world.Loop.Snapshot.Alerts.Groups).Closed);
    }

    [Fact]
    public void A_quiet_hour_is_no_message()
    {
        using var world = new World(seed: 5, Config(RemedyMode.Act));
        world.Run(Property.Cases(36_000) / 10.0);
        Assert.Equal((0, 0), (Messages(world), world.Loop.Snapshot.Alerts.Count));
    }

    /// <summary>Nobody delivers in the simulation: what was told waits.</summary>
    private static int Messages(World world) => world.Loop.Snapshot.Alerts.Channels.Sum(c => c.Waiting);

    private static MainstayConfig Config(RemedyMode mode) => Scene.Configure(mode, World.Service("chat")) with { Notify = [AlertHouse.Channel("ops")] };
}
