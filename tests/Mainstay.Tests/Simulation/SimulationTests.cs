using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;

namespace Mainstay.Tests.Simulation;

/// <summary>Incidents and quiet days on a simulated clock; <c>./test.sh --all</c> runs 200 incidents and 24 hours.</summary>
public sealed class SimulationTests
{
    private static readonly Stage[] FourStages = [Stage.Detection, Stage.Investigation, Stage.Mitigation, Stage.Recovery];

    public static TheoryData<Fault> Faults => [Fault.Kill, Fault.Freeze, Fault.Slow, Fault.Errors];

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_detected_drained_and_undone(Fault fault)
    {
        for (var seed = 1; seed <= Property.Cases(40); seed++)
        {
            using var world = new World(seed);
            var random = new Random(seed);
            world.Run(25 + (10 * random.NextDouble()));
            Assert.Empty(world.Loop.Snapshot.Incidents);
            var before = Assert.Single(world.Published);
            var broken = world.Now;
            world.Break("a", fault, share: 0.3 + (0.7 * random.NextDouble()));
            world.Run(10 + (20 * random.NextDouble()));
            var healed = world.Now;
            world.Heal("a");
            Assert.True(world.RunUntil(() => world.Loop.Snapshot.Incidents is [{ IsOpen: false }, ..], 60), Story("never recovered"));
            world.Run(30);

            var incident = Assert.Single(world.Loop.Snapshot.Incidents);
            Assert.True((incident.Detected - broken).TotalSeconds <= 5, Story("detected late"));
            Assert.True((incident.Resolved!.Value - healed).TotalSeconds <= 20, Story("recovered late"));
            Assert.Equal(FourStages, incident.Stages.Select(s => s.Stage).Distinct());
            Assert.Equal("a", incident.Region);
            Assert.Contains(world.Published, t => t.Overlays.Any(o => o is { Region: "a", Share: 0 }));
            Assert.Equal(before.Services.AsEnumerable(), world.Published[^1].Services);
            Assert.Empty(world.Published[^1].Overlays);
            Assert.NotNull(incident.Review);
            Assert.Empty(world.Loop.Snapshot.Troubles);

            string Story(string what) => Tell(what, fault, seed, broken, healed, world);
        }
    }

    [Fact]
    public void A_region_that_flaps_is_drained_and_given_its_traffic_back_when_it_is_steady()
    {
        for (var seed = 1; seed <= Property.Cases(40); seed++)
        {
            using var world = new World(seed);
            var random = new Random(seed);
            world.Run(30);
            var broken = world.Now;
            for (var i = 0; i < 5; i++)
            {
                world.Break("a", Fault.Kill);
                world.Run(3 + (4 * random.NextDouble()));
                world.Heal("a");
                if (i < 4)
                    world.Run(3 + (4 * random.NextDouble()));
            }
            var healed = world.Now;
            Assert.True(world.RunUntil(() => world.Loop.Snapshot.Incidents.All(i => !i.IsOpen), 60), Story("never recovered"));
            Assert.NotEmpty(world.Loop.Snapshot.Incidents);
            Assert.True((world.Loop.Snapshot.Incidents[^1].Detected - broken).TotalSeconds <= 5, Story("detected late"));
            // Health checks must be well again for the whole hold, which flapping has doubled.
            Assert.True((world.Now - healed).TotalSeconds <= 25, Story("recovered late"));
            Assert.Empty(world.Published[^1].Overlays);
            Assert.True(world.Failed < world.Requests / 100, Story($"{world.Failed} of {world.Requests} failed"));

            string Story(string what) => Tell(what, Fault.Kill, seed, broken, healed, world);
        }
    }

    [Fact]
    public void A_region_that_serves_nobody_is_watched_by_its_health_checks()
    {
        using var world = new World(3);
        world.Run(30);
        var broken = world.Now;
        world.Break("c", Fault.Freeze);
        Assert.True(world.RunUntil(() => world.Loop.Snapshot.Incidents is [{ Region: "c" }], 5));
        world.Run(10);
        Assert.Equal(RemedyState.Active, world.Loop.Snapshot.Incidents[0].Remedies[0].State);
        world.Heal("c");
        // Without traffic no step can be judged before its longest time.
        Assert.True(world.RunUntil(() => world.Loop.Snapshot.Incidents is [{ IsOpen: false }], 120));
        Assert.Equal(0, world.Loop.Snapshot.Incidents[0].Impact.Failed);
        Assert.True(world.Loop.Snapshot.Incidents[0].Occurred >= broken);
    }

    [Fact]
    public void Quiet_hours_raise_no_alarm()
    {
        for (var hour = 0; hour < (Property.All ? 24 : 1); hour++)
        {
            using var world = new World(1000 + hour, rate: 40) { IsBusy = true };
            world.Run(3600);
            Assert.True(world.Loop.Snapshot.Incidents.IsEmpty, Tell("alarmed", Fault.None, 1000 + hour, Scene.Start, Scene.Start, world));
            Assert.Single(world.Published);
            Assert.InRange(world.Requests, 3600 * 35, 3600 * 55);
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_story()
    {
        Assert.Equal(Story(), Story());

        static string Story()
        {
            using var world = new World(8);
            world.Run(30);
            world.Break("a", Fault.Errors);
            world.Run(20);
            world.Heal("a");
            world.Run(30);
            return $"{world.Requests}, {world.Failed}, {Tell("ran", Fault.Errors, 8, Scene.Start, Scene.Start, world)}";
        }
    }

    [Fact]
    public void A_control_plane_that_starts_again_in_an_incident_finishes_it()
    {
        using var world = new World(4);
        world.Run(30);
        world.Break("a", Fault.Kill);
        world.Run(10);
        var before = Assert.Single(world.Loop.Snapshot.Incidents);
        Assert.True(before.Remedies[0].InForce);
        world.Alive = false;
        world.Run(20);
        world.Alive = true;
        world.RestartControlPlane();
        Assert.Equal(0, Assert.Single(world.Published[^1].Overlays).Share);
        world.Run(5);
        world.Heal("a");
        Assert.True(world.RunUntil(() => world.Loop.Snapshot.Incidents is [{ IsOpen: false }], 30));
        Assert.Equal(before.Number, world.Loop.Snapshot.Incidents[0].Number);
        Assert.Empty(world.Published[^1].Overlays);
        Assert.Equal(world.Published.Select(t => t.Version).Distinct().Order(), world.Published.Select(t => t.Version));
    }

    private static string Tell(string what, Fault fault, int seed, DateTimeOffset broken, DateTimeOffset healed, World world) =>
        $"{fault}, seed {seed}: {what}; broken {broken:mm:ss.f}, healed {healed:mm:ss.f}\n"
        + string.Join('\n', world.Loop.Snapshot.Incidents.SelectMany(i => i.Timeline.Select(t => $"#{i.Number} {t.At:mm:ss.f} {t.Text}")));
}
