using System.Text.Json;
using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;
using Mainstay.Routing;
using Mainstay.Tests.Simulation;
using Mainstay.Tests.Storage;

namespace Mainstay.Tests;

public sealed class ControlLoopTests : IDisposable
{
    private World _world = new(seed: 1);

    private Snapshot Snapshot => _world.Loop.Snapshot;

    public void Dispose() => _world.Dispose();

    [Fact]
    public void On_a_quiet_day_one_table_stands_and_people_see_the_traffic()
    {
        _world.Run(30);
        var table = Assert.Single(_world.Published);
        Assert.Equal((table.Version, RemedyMode.Act, false), (Snapshot.TableVersion, Snapshot.Mode, Snapshot.Paused));
        var service = Assert.Single(Snapshot.Services);
        Assert.InRange(service.Traffic.Rate, 40, 180);
        Assert.Equal(["a", "b", "c", "d"], service.Regions.Select(r => r.Name));
        Assert.All(service.Regions, r => Assert.Equal(("well", 1.0), (r.State, r.Share)));
        Assert.Empty(Snapshot.Troubles);
        Assert.Equal("start", Assert.Single(_world.State.Spool.ReadAfter(0, 10)).Kind);
    }

    [Fact]
    public void People_see_limits_and_why_requests_are_shed()
    {
        _world.Run(1.5);
        var report = new ServiceReport(_world.Now, "chat", 3, 0, 4, 25, IsInPanic: true);
        var line = JsonSerializer.Serialize<Observation>(report, ObservationJson.Default.Observation);
        _world.Feed.Report(JsonSerializer.Deserialize(line, ObservationJson.Default.Observation)!);
        _world.Ticked = () => _world.Feed.Report(new ServerReport(_world.Now, "chat", "a1", "a", true, false, 12) { Limit = 16, IsLimitLearned = true, Waiting = 9, Forced = 2 });
        _world.Run(1);
        _world.Loop.Tick(_world.Now.AddSeconds(0.5));
        var service = Assert.Single(Snapshot.Services);
        Assert.Equal((3, new ShedStatus(0, 0.4, 2.5), true), (service.Waiting, service.ShedPerSecond, service.IsInPanic));
        var server = service.Regions[0].Servers[0];
        Assert.Equal((16, true, 9, 2L), (server.Limit, server.IsLimitLearned, server.Waiting, server.Forced));
        var json = JsonSerializer.Serialize(Snapshot, ApiJson.Options);
        Assert.Contains("\"shed_per_second\":{\"critical\":0,\"default\":0.4,\"sheddable\":2.5}", json, StringComparison.Ordinal);
        Assert.Contains("\"limit\":16,\"is_limit_learned\":true,\"waiting\":9,\"forced\":2", json, StringComparison.Ordinal);
    }

    [Fact]
    public void A_decision_that_the_data_plane_reports_stands_in_the_journal()
    {
        _world.Run(2);
        for (var i = 1; i <= 9; i++)
            _world.Feed.Report(new DecisionReport(
                _world.Now, new Decision($"f-{i}", _world.Now, "moderation", 118, 0.5, OutcomeResult.Failed, 502, default, default, [], 0)));
        _world.Run(2);
        var facts = _world.State.Spool.ReadAfter(0, 100).Where(f => f.Kind == "decision").ToList();
        Assert.Equal(4, facts.Count);
        Assert.StartsWith("Request f-1 at ", facts[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Facts_stand_on_disk_before_the_table_that_follows_from_them()
    {
        _world.Run(30);
        _world.Break("a", Fault.Kill);
        var tables = _world.Published.Count;
        _world.Ticked = () =>
        {
            if (_world.Published.Count > tables)
                Assert.Contains(_world.State.Spool.ReadAfter(0, 100), f => f.Kind == "remedy");
        };
        _world.Run(10);
        Assert.True(_world.Published.Count > tables);
        var facts = _world.State.Spool.ReadAfter(0, 100);
        Assert.Equal(["start", "stage", "cause", "remedy", "mitigated"], facts.Select(f => f.Kind).Distinct().Where(k => k is not ("detected" or "alert")));
        Assert.All(facts, f => Assert.True(f.IsGenuine));
        Assert.Equal("drained", Snapshot.Services[0].Regions[0].State);
    }

    [Fact]
    public void While_the_spool_cannot_be_written_remedies_wait_and_reflexes_go_on()
    {
        _world.Run(30);
        using (new FullDisk(Directory.GetFiles(Path.Combine(_world.State.Root, "spool")).Single()))
        {
            _world.Break("a", Fault.Kill);
            _world.Run(15);
            Assert.Contains("No remedy starts until it can be written", Assert.Single(Snapshot.Troubles), StringComparison.Ordinal);
            Assert.Single(_world.Published);
            Assert.Equal(Stage.Mitigation, Assert.Single(Snapshot.Incidents).Stage);
            Assert.True(_world.Failed < 30, $"{_world.Failed} failed");
        }
        _world.Run(2);
        Assert.Empty(Snapshot.Troubles);
        Assert.Equal(0, Assert.Single(_world.Published[^1].Overlays).Share);
        AssertRecovers();
        var facts = _world.State.Spool.ReadAfter(0, 1000);
        Assert.Equal(Snapshot.Incidents[0].Timeline.Select(t => t.Text), facts.Where(f => f.Incident == 1).Select(f => f.Text));
    }

    [Theory]
    [InlineData("incidents.json.next")]
    [InlineData("reviews/incident-1.md")]
    public void A_file_that_cannot_be_written_stops_no_tick(string file)
    {
        _world.Run(30);
        var path = Path.Combine(_world.State.Root, file);
        Directory.CreateDirectory(path);
        _world.Break("a", Fault.Kill);
        _world.Run(10);
        _world.Heal("a");
        _world.Run(40);
        Assert.Contains("until it can be written", Assert.Single(Snapshot.Troubles), StringComparison.Ordinal);
        Directory.Delete(path);
        _world.Run(5);
        Assert.Empty(Snapshot.Troubles);
        Assert.Empty(_world.Published[^1].Overlays);
        Assert.Equal(Snapshot.Incidents.Select(i => (i.Number, i.IsOpen)), _world.State.ReadIncidents(out _).Select(i => (i.Number, i.IsOpen)));
    }

    [Fact]
    public void A_table_that_cannot_be_put_in_force_is_tried_again()
    {
        var scene = new Scene();
        var broken = true;
        var tables = 0;
        var clock = new ManualTime();
        var feed = new Mainstay.Routing.OutcomeFeed();
        void Publish(Mainstay.Routing.RouteTable table)
        {
            tables++;
            if (broken && tables > 1)
                throw new IOException("no room");
        }

        var loop = new ControlLoop(
            scene.Config, feed.Reader, _world.State, Mainstay.Routing.RouteTable.Empty, Publish,
            _world.Alerting!, new Troubles(), clock, new LogLines<ControlLoop>());
        loop.Reconfigure(Scene.Configure(RemedyMode.Act, Scene.Service("vision", 100, "a", "b")));
        loop.Tick(clock.GetUtcNow().AddSeconds(1));
        Assert.Contains("no room", Assert.Single(loop.Snapshot.Troubles), StringComparison.Ordinal);
        Assert.Equal("chat", Assert.Single(loop.Snapshot.Services).Name);
        broken = false;
        loop.Tick(clock.GetUtcNow().AddSeconds(2));
        Assert.Empty(loop.Snapshot.Troubles);
        Assert.Equal("vision", Assert.Single(loop.Snapshot.Services).Name);
    }

    [Fact]
    public async Task A_pause_takes_remedies_off_and_resume_puts_them_back()
    {
        Drain();
        Assert.True((await OrderAsync(new PauseOrder("ada", "maintenance"))).Done);
        Assert.True(Snapshot.Paused);
        Assert.Empty(_world.Published[^1].Overlays);
        Assert.Equal("ada", _world.State.Pause.Read()!.Who);
        _world.Run(10);
        Assert.Empty(_world.Published[^1].Overlays);
        Assert.True((await OrderAsync(new ResumeOrder("ada", ""))).Done);
        Assert.Single(_world.Published[^1].Overlays);
        Assert.Equal(
            ["paused all remedies: maintenance", "resumed remedies"],
            _world.State.Spool.ReadAfter(0, 1000).Where(f => f is { Kind: "order", Who: "ada" }).Select(f => f.Text));
        AssertRecovers();
    }

    [Fact]
    public void A_pause_file_alone_pauses_and_a_restart_keeps_it()
    {
        Drain();
        File.WriteAllText(_world.State.Pause.Path, "");
        _world.Run(2);
        Assert.True(Snapshot.Paused);
        Assert.Empty(_world.Published[^1].Overlays);
        _world.RestartControlPlane();
        _world.Run(2);
        Assert.Empty(_world.Published[^1].Overlays);
    }

    [Fact]
    public async Task A_proposed_remedy_is_done_when_a_person_approves_it()
    {
        Use(RemedyMode.Propose);
        _world.Run(30);
        _world.Break("a", Fault.Kill);
        _world.Run(10);
        Assert.Single(_world.Published);
        var remedy = Assert.Single(Assert.Single(Snapshot.Incidents).Remedies);
        Assert.Equal(RemedyState.Proposed, remedy.State);

        var unknown = await OrderAsync(new ApproveOrder("9-9", "ada", ""));
        Assert.False(unknown.Done);
        Assert.Contains($"Waiting: {remedy.Id}", unknown.Message, StringComparison.Ordinal);
        var known = await OrderAsync(new ApproveOrder(remedy.Id, "ada", "sure"));
        Assert.True(known.Done, known.Message);
        Assert.Single(_world.Published[^1].Overlays);
        AssertRecovers();
    }

    [Fact]
    public async Task Orders_that_nobody_takes_are_refused_when_too_many_wait()
    {
        var waiting = Enumerable.Range(0, 100).Select(_ => _world.Loop.AskAsync(new ResumeOrder("ada", ""), CancellationToken.None)).ToList();
        var refused = await _world.Loop.AskAsync(new PauseOrder("ada", ""), CancellationToken.None);
        Assert.False(refused.Done);
        Assert.Contains("mainstay pause works without it", refused.Message, StringComparison.Ordinal);
        _world.Run(2);
        Assert.All(await Task.WhenAll(waiting).Patiently(), r => Assert.True(r.Done));
    }

    [Fact]
    public async Task A_pause_that_cannot_be_written_is_answered_so()
    {
        Directory.CreateDirectory(_world.State.Pause.Path + ".next");
        var result = await OrderAsync(new PauseOrder("ada", ""));
        Assert.False(result.Done);
        Assert.Contains(_world.State.Pause.Path, result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_configuration_adds_and_removes_services()
    {
        _world.Run(20);
        _world.Loop.Reconfigure(Scene.Configure(RemedyMode.Act, World.Service("chat"), World.Service("vision", "a", "b")));
        _world.Run(20);
        Assert.Equal(["chat", "vision"], _world.Published[^1].Services.Select(s => s.Name));
        Assert.All(Snapshot.Services, s => Assert.True(s.Traffic.Rate > 40));
        _world.Loop.Reconfigure(Scene.Configure(RemedyMode.Act, World.Service("vision", "a", "b")));
        _world.Run(2);
        Assert.Equal(["vision"], Snapshot.Services.Select(s => s.Name));
        Assert.Equal(3, _world.Published.Count);
        Assert.Equal(2, _world.State.Spool.ReadAfter(0, 100).Count(f => f.Kind == "config"));
    }

    [Fact]
    public void A_service_that_goes_in_the_middle_of_its_incident_ends_it()
    {
        Use(Scene.Configure(RemedyMode.Act, World.Service("chat"), World.Service("vision", "b", "c")));
        Drain();
        _world.Loop.Reconfigure(Scene.Configure(RemedyMode.Act, World.Service("vision", "b", "c")));
        _world.Run(3);
        Assert.Empty(_world.Published[^1].Overlays);
        // What was held against it fades.
        Assert.True(_world.RunUntil(() => Snapshot.Incidents is [{ IsOpen: false }], 240));
    }

    [Fact]
    public void A_refused_configuration_is_said_until_a_good_one_comes()
    {
        _world.Loop.NoteRefusedConfig("line 3: unknown key");
        _world.Run(2);
        Assert.Equal("configuration: line 3: unknown key", Assert.Single(Snapshot.Troubles));
        _world.Loop.Reconfigure(_world.Config);
        _world.Run(2);
        Assert.Empty(Snapshot.Troubles);
    }

    [Fact]
    public void Each_service_has_its_own_mode()
    {
        var config = Scene.Configure(RemedyMode.Observe, World.Service("chat"), World.Service("vision"), World.Service("fraud"));
        Use(config with
        {
            Services = [config.Services[0], config.Services[1] with { Remedies = RemedyMode.Act }, config.Services[2] with { Remedies = RemedyMode.Propose }],
        });
        _world.Run(30);
        _world.Break("a", Fault.Kill);
        _world.Run(10);
        var incident = Assert.Single(Snapshot.Incidents);
        Assert.Equal(["chat", "fraud", "vision"], incident.Services.Order());
        Assert.Equal(
            [("fraud", RemedyState.Proposed), ("vision", RemedyState.Active)], incident.Remedies.Select(r => (r.Service, r.State)).Order());
        Assert.Equal("vision", Assert.Single(_world.Published[^1].Overlays).Service);
    }

    [Fact]
    public void Incidents_that_cannot_be_read_are_said_and_do_not_stop_it()
    {
        File.WriteAllText(Path.Combine(_world.State.Root, "incidents.json"), "{");
        _world.RestartControlPlane();
        _world.Run(5);
        Assert.Contains("incidents start anew", Assert.Single(Snapshot.Troubles), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_ticks_once_a_second_until_it_is_stopped()
    {
        using var stop = new CancellationTokenSource();
        var clock = _world.Clock;
        _world.Alive = false;
        var running = _world.Loop.RunAsync(stop.Token);
        Assert.Equal(Snapshot.None.At, Snapshot.At);
        clock.Advance(TimeSpan.FromSeconds(1));
        while (Snapshot.At != clock.GetUtcNow())
            await Task.Yield();
        await stop.CancelAsync();
        await running.Patiently();
    }

    private void Use(RemedyMode mode) => Use(Scene.Configure(mode, World.Service("chat")));

    private void Use(MainstayConfig config)
    {
        _world.Dispose();
        _world = new World(seed: 1, config);
    }

    private void Drain()
    {
        _world.Run(30);
        _world.Break("a", Fault.Kill);
        _world.Run(8);
        Assert.Equal(0, Assert.Single(_world.Published[^1].Overlays).Share);
    }

    private void AssertRecovers()
    {
        _world.Heal("a");
        Assert.True(_world.RunUntil(() => Snapshot.Incidents is [{ IsOpen: false }], 40));
        Assert.Empty(_world.Published[^1].Overlays);
    }

    /// <summary>Asks, and lets the next tick come.</summary>
    private async Task<OrderResult> OrderAsync(Order order)
    {
        var asked = _world.Loop.AskAsync(order, CancellationToken.None);
        _world.Run(2);
        return await asked.Patiently();
    }
}
