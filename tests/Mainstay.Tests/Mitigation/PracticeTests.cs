using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Mitigation;
using Mainstay.Tests.Simulation;

namespace Mainstay.Tests.Mitigation;

/// <summary>Practices through the whole control loop, on a simulated clock.</summary>
public sealed class PracticeTests : IDisposable
{
    private World _world = new(seed: 6);

    private Snapshot Snapshot => _world.Loop.Snapshot;

    private Practice Last => Snapshot.Practices[0];

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task A_practice_shifts_in_steps_measures_and_gives_everything_back()
    {
        _world.Run(60);
        var begun = await OrderAsync(Practise("a"));
        Assert.True(begun.Done, begun.Message);
        Assert.Equal(0.75, Assert.Single(_world.Published[^1].Overlays).Share);
        Assert.Equal("practice", Snapshot.Services[0].Regions[0].State);
        _world.Run(50);
        Assert.Equal(0, Assert.Single(_world.Published[^1].Overlays).Share);
        Assert.Equal(0, Snapshot.Services[0].Regions[0].Traffic.Rate);
        Assert.True(_world.RunUntil(() => Snapshot.Practices is [{ IsRunning: false }], 60));

        Assert.True(Last.State == PracticeState.Passed, Last.Reason);
        Assert.Empty(_world.Published[^1].Overlays);
        Assert.Equal([0.75, 0.25, 0, 0.25, 0.75], _world.Published.SelectMany(t => t.Overlays).Select(o => o.Share));
        var figures = Assert.Single(Last.Services);
        Assert.InRange(figures.Requests, 7000, 16000);
        Assert.True(figures is { IsShifted: true, Before.Rate: > 50, During.Rate: > 50, During.P99Ms: > 0, KnownPerSecond: 2400 }, figures.ToString());
        Assert.Empty(Snapshot.Incidents);
        var facts = _world.State.Spool.ReadAfter(0, 100).Where(f => f.Kind == "practice").ToList();
        Assert.Equal(6, facts.Count);
        Assert.Equal("ada", facts[0].Who);
        Assert.Contains("75 % of the traffic of a is shifted away", facts[1].Text, StringComparison.Ordinal);
        Assert.Contains("passed", facts[5].Text, StringComparison.Ordinal);
        _world.Run(2);
        var report = File.ReadAllText(Path.Combine(_world.State.Root, "practice", "practice-1.md"));
        Assert.Contains("# Practice 1: a", report, StringComparison.Ordinal);
        Assert.Contains(Last.Findings[0], report, StringComparison.Ordinal);
        Assert.Contains("\"number\": 1", File.ReadAllText(Path.Combine(_world.State.Root, "practice", "practice-1.json")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Fault.Kill)]
    [InlineData(Fault.Slow)]
    [InlineData(Fault.Errors)]
    public async Task A_region_that_fails_meanwhile_stops_it_at_once_and_the_incident_knows_of_it(Fault fault)
    {
        _world.Run(60);
        await OrderAsync(Practise("a"));
        _world.Run(50);
        _world.Break("b", fault);
        Assert.True(_world.RunUntil(() => !Last.IsRunning, 6), "not stopped");
        Assert.Equal(PracticeState.Stopped, Last.State);
        Assert.DoesNotContain(_world.Published[^1].Overlays, o => o.Id.StartsWith("practice-", StringComparison.Ordinal));
        Assert.StartsWith("It was stopped with 100 % shifted away", Last.Findings[0], StringComparison.Ordinal);
        Assert.True(_world.RunUntil(() => Snapshot.Incidents is [{ Causes.IsEmpty: false }], 10));
        var incident = Snapshot.Incidents[0];
        Assert.Equal("b", incident.Region);
        Assert.Contains(incident.Causes, c => c.Title == "practice 1 was shifting a away" && c.Evidence[0].StartsWith("practice in progress", StringComparison.Ordinal));
        // Nothing of the practice stands in the way of the remedy.
        Assert.True(_world.RunUntil(() => _world.Published[^1].Overlays is [{ Region: "b", Share: 0 }], 10));
    }

    [Fact]
    public async Task Capacity_that_is_missing_refuses_it_and_capacity_that_goes_stops_it()
    {
        var service = World.Service("chat", "a", "b");
        Use(Scene.Configure(RemedyMode.Act, service with { Servers = [.. service.Servers.Select(s => s with { Capacity = 150 })] }), rate: 60);
        _world.Run(60);
        var begun = await OrderAsync(Practise("a"));
        Assert.True(begun.Done, begun.Message);
        _world.Run(5);
        _world.Loop.Reconfigure(Scene.Configure(RemedyMode.Act, service with { Servers = [.. service.Servers.Select(s => s with { Capacity = 20 })] }));
        _world.Run(3);
        Assert.StartsWith("capacity of chat: 2 other servers are left and can carry 40/s", Last.Reason, StringComparison.Ordinal);
        Assert.Contains("over capacity", (await OrderAsync(Practise("a"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pause_a_drain_a_person_or_a_restart_stops_it()
    {
        _world.Run(30);
        await StopsAsync(() => OrderAsync(new PauseOrder("bob", "")), "remedies are paused by bob");
        await OrderAsync(new ResumeOrder("bob", ""));
        await StopsAsync(() => OrderAsync(new DrainOrder(null, "c", null, TimeSpan.FromSeconds(2), false, "bob", "")), "c is drained by bob");
        _world.Run(5);
        await StopsAsync(() => OrderAsync(new StopPracticeOrder("eve", "enough")), "eve stopped it: enough");
        await StopsAsync(
            () =>
            {
                _world.RestartControlPlane();
                Assert.Empty(_world.Published[^1].Overlays);
                _world.Run(2);
                return Task.CompletedTask;
            },
            "the control plane was started again");
        Assert.Equal([4, 3, 2, 1], Snapshot.Practices.Select(p => p.Number));
        Assert.False((await OrderAsync(new StopPracticeOrder("eve", ""))).Done);
    }

    [Fact]
    public async Task None_begins_beside_another_a_drain_a_pause_or_an_incident()
    {
        Assert.Contains("Nothing is known of the services yet", (await OrderAsync(Practise("a"))).Message, StringComparison.Ordinal);
        _world.Run(30);
        Assert.Contains("from 10s to 12h", (await OrderAsync(Practise("a") with { For = TimeSpan.FromSeconds(9) })).Message, StringComparison.Ordinal);
        await OrderAsync(Practise("a"));
        Assert.Contains("practice 1 of a is in progress", (await OrderAsync(Practise("b"))).Message, StringComparison.Ordinal);
        await OrderAsync(new StopPracticeOrder("ada", ""));
        await OrderAsync(new DrainOrder(null, "c", null, null, false, "bob", ""));
        Assert.Contains("c is drained by bob", (await OrderAsync(Practise("a"))).Message, StringComparison.Ordinal);
        await OrderAsync(new UndrainOrder(1, "bob", ""));
        _world.Break("d", Fault.Kill);
        _world.Run(8);
        Assert.Contains("incident 1 is open", (await OrderAsync(Practise("a"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_lives_in_one_region_keeps_its_traffic_and_is_named()
    {
        Use(Scene.Configure(RemedyMode.Act, World.Service("chat"), World.Service("vision", "a")));
        _world.Run(60);
        Assert.True((await OrderAsync(Practise("a") with { For = TimeSpan.FromSeconds(40) })).Done);
        Assert.True(_world.RunUntil(() => !Last.IsRunning, 60));
        Assert.True(Last.State == PracticeState.Passed, Last.Reason);
        Assert.Contains(Last.Findings, f => f.StartsWith("vision has no server outside a", StringComparison.Ordinal));
        Assert.All(_world.Published.SelectMany(t => t.Overlays), o => Assert.Equal("chat", o.Service));
        Assert.Contains("there is nothing to practise", (await OrderAsync(Practise("a") with { Service = "vision" })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_schedule_begins_it_at_its_time_and_says_why_when_it_does_not()
    {
        var config = Scene.Configure(RemedyMode.Act, World.Service("chat"));
        // The simulated clock begins on Thursday, 2026-01-01, at midnight.
        Use(config with
        {
            Practices = [new PracticeConfig("a", null, DayOfWeek.Thursday, new TimeOnly(0, 1), TimeSpan.FromDays(7), TimeSpan.FromSeconds(20)),
                         new PracticeConfig("b", "chat", null, new TimeOnly(0, 3), TimeSpan.FromDays(1), TimeSpan.FromSeconds(20))],
        });
        _world.Run(58);
        Assert.Empty(Snapshot.Practices);
        _world.Run(5);
        Assert.Equal(("a", "schedule"), (Last.Region, Last.Who));
        Assert.True(_world.RunUntil(() => !Last.IsRunning, 30));
        await OrderAsync(new DrainOrder(null, "c", null, null, false, "bob", ""));
        _world.Run(100);
        Assert.Single(Snapshot.Practices);
        Assert.Contains(
            _world.State.Spool.ReadAfter(0, 100),
            f => f is { Kind: "practice", Who: "schedule", Text: "skipped the practice of b of chat that was due: c is drained by bob (drain 1)" });
    }

    [Fact]
    public void One_that_was_due_while_no_control_plane_ran_stands_in_the_journal_once()
    {
        Use(Scene.Configure(RemedyMode.Act, World.Service("chat")) with
        {
            Practices = [new PracticeConfig("a", null, DayOfWeek.Thursday, new TimeOnly(0, 1), TimeSpan.FromDays(7), TimeSpan.FromSeconds(20)),
                         new PracticeConfig("b", "chat", null, new TimeOnly(0, 3), TimeSpan.FromDays(1), TimeSpan.FromSeconds(20))],
        });
        _world.Run(50);
        _world.Alive = false;
        _world.Run(60);
        _world.RestartControlPlane();
        _world.Alive = true;
        _world.Run(5);
        _world.RestartControlPlane();
        _world.Run(5);
        var fact = Assert.Single(_world.State.Spool.ReadAfter(0, 100), f => f.Kind == "practice");
        Assert.Equal("missed the practice of a: it was due after 2026-01-01 00:00 UTC, when no control plane ran that knew of it", fact.Text);
        Assert.Empty(Snapshot.Practices);
    }

    [Theory]
    [InlineData("2026-01-06 10:00:00", true)]
    [InlineData("2026-01-06 09:59:59", false)]
    [InlineData("2026-01-06 10:00:01", false)]
    [InlineData("2026-01-13 10:00:00", false)]
    [InlineData("2026-01-20 10:00:00", true)]
    [InlineData("2026-01-07 10:00:00", false)]
    public void Every_two_weeks_on_Tuesday(string at, bool due)
    {
        var now = DateTimeOffset.Parse(at + "Z", System.Globalization.CultureInfo.InvariantCulture);
        var practice = new PracticeConfig("a", null, DayOfWeek.Tuesday, new TimeOnly(10, 0), TimeSpan.FromDays(14), TimeSpan.FromMinutes(10));
        Assert.Equal(due, practice.IsDueIn(now.AddSeconds(-1), now));
    }

    private static PracticeOrder Practise(string region) => new(null, region, TimeSpan.FromSeconds(100), "ada", "");

    private async Task StopsAsync(Func<Task> act, string reason)
    {
        var begun = await OrderAsync(Practise("a"));
        Assert.True(begun.Done, begun.Message);
        _world.Run(5);
        await act();
        Assert.Equal(PracticeState.Stopped, Last.State);
        Assert.StartsWith(reason, Last.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain(_world.Published[^1].Overlays, o => o.Region == "a");
    }

    private void Use(MainstayConfig config, double rate = 100)
    {
        _world.Dispose();
        _world = new World(seed: 6, config, rate);
    }

    private async Task<OrderResult> OrderAsync(Order order)
    {
        var asked = _world.Loop.AskAsync(order, CancellationToken.None);
        _world.Run(2);
        return await asked.Patiently();
    }
}
