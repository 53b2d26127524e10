using System.Collections.Immutable;
using FsCheck.Fluent;
using Mainstay.Control.Config;
using Mainstay.Control.Mitigation;
using Mainstay.Routing;
using Mainstay.Tests.Routing;

namespace Mainstay.Tests.Mitigation;

public sealed class GuardTests
{
    [Theory]
    [InlineData(330, true)]
    [InlineData(340, false)]
    public void The_others_must_carry_a_fifth_more_than_is_asked_for(int rate, bool allowed)
    {
        var scene = new Scene();
        scene.Answered("a1", rate);
        Assert.Equal(allowed ? GuardAnswer.Allow : GuardAnswer.Forbid, Guard.Check(Drain("a"), [], scene.Tick()).Answer);
    }

    [Fact]
    public void Unknown_capacity_is_left_to_a_person()
    {
        var scene = new Scene(Scene.Configure(RemedyMode.Act, Scene.Service("chat", null, "a", "b")));
        scene.Answered("a1", 50);
        var verdict = Guard.Check(Drain("a"), [], scene.Tick());
        Assert.Equal(GuardAnswer.AskPerson, verdict.Answer);
        Assert.Contains("servers[].capacity", verdict.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_server_has_carried_is_the_least_it_can_carry_and_a_person_may_trust_it_with_more()
    {
        var scene = new Scene(Scene.Configure(RemedyMode.Act, Scene.Service("chat", null, "a", "b")));
        for (var i = 0; i < 10; i++)
        {
            // The reflexes have sent everything to region b already; it carries that well.
            scene.Answered("b1", 25);
            scene.Answered("b2", 25);
            scene.Capacity.Learn(scene.Tick().Windows.Servers.Keys, scene.History);
        }
        scene.Answered("b1", 25);
        scene.Answered("b2", 25);
        Assert.Equal(GuardAnswer.AskPerson, Guard.Check(Drain("a"), [], scene.Tick()).Answer);
    }

    [Fact]
    public void Another_region_of_the_service_must_not_be_drained_already()
    {
        var scene = new Scene();
        var verdict = Guard.Check(Drain("a"), [Drain("b", "2-1") with { State = RemedyState.Active }], scene.Tick());
        Assert.Equal(GuardAnswer.Forbid, verdict.Answer);
        Assert.Contains("2-1", verdict.Reason, StringComparison.Ordinal);
        Assert.Equal(GuardAnswer.Allow, Guard.Check(Drain("a"), [Drain("b", "2-1") with { State = RemedyState.Proposed }], scene.Tick()).Answer);
        var elsewhere = Drain("b", "2-1") with { State = RemedyState.Active, Service = "vision" };
        Assert.Equal(GuardAnswer.Allow, Guard.Check(Drain("a"), [elsewhere], scene.Tick()).Answer);
    }

    [Fact]
    public void What_people_drained_counts_as_gone_and_as_the_one_region()
    {
        var scene = new Scene(Scene.Configure(RemedyMode.Act, Scene.Service("chat", 100, "a", "b")));
        var tick = scene.Tick();
        var drained = new Control.Mitigation.Drain { Number = 4, Region = "b", Who = "ada", Why = "", Since = Scene.Start };
        var other = Guard.Check(Drain("a"), [], tick with { Drains = [drained] });
        Assert.Equal(GuardAnswer.Forbid, other.Answer);
        Assert.Contains("mainstay undrain 4", other.Reason, StringComparison.Ordinal);
        var servers = Guard.Check(Drain("a"), [], tick with { Drains = [drained with { Server = "b1" }, drained with { Server = "b2" }] });
        Assert.Contains("nobody would be left", servers.Reason, StringComparison.Ordinal);
        Assert.Equal(GuardAnswer.Allow, Guard.Check(Drain("a"), [], tick with { Drains = [drained with { Server = "b1" }] }).Answer);
        Assert.Equal(GuardAnswer.Allow, Guard.Check(Drain("a"), [], tick with { Drains = [drained with { Service = "vision" }] }).Answer);
        Assert.Equal(GuardAnswer.Allow, Guard.Check(Drain("b"), [], tick with { Drains = [drained] }).Answer);
    }

    [Fact]
    public void Stale_data_is_acted_on_by_nobody()
    {
        var scene = new Scene { Silent = true };
        var verdict = Guard.Check(Drain("a"), [], scene.Tick());
        Assert.Equal(GuardAnswer.Forbid, verdict.Answer);
        Assert.Contains("stale", verdict.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Somebody_must_be_left_to_answer()
    {
        var scene = new Scene();
        scene.Unwell.UnionWith(["b1", "b2", "c1"]);
        scene.Broken.Add("c2");
        Assert.Equal(GuardAnswer.Forbid, Guard.Check(Drain("a"), [], scene.Tick()).Answer);
        scene.Broken.Clear();
        Assert.Equal(GuardAnswer.Allow, Guard.Check(Drain("a"), [], scene.Tick()).Answer);
    }

    [Fact]
    public void The_other_server_of_the_region_counts_when_one_server_is_drained()
    {
        var scene = new Scene(Scene.Configure(RemedyMode.Act, Scene.Service("chat", 100, "a")));
        scene.Answered("a1", 50);
        Assert.Equal(GuardAnswer.Allow, Guard.Check(Drain("a") with { Server = "a1" }, [], scene.Tick()).Answer);
        var other = Drain("a", "1-2") with { Server = "a2", State = RemedyState.Active };
        Assert.Equal(GuardAnswer.Forbid, Guard.Check(Drain("a") with { Server = "a1" }, [other], scene.Tick()).Answer);
    }

    [Fact]
    public void A_service_that_is_configured_no_more_is_left_alone() =>
        Assert.Equal(GuardAnswer.Forbid, Guard.Check(Drain("a") with { Service = "vision" }, [], new Scene().Tick()).Answer);

    [Fact]
    public void What_it_allows_leaves_known_capacity_of_well_servers_for_a_fifth_more_than_the_demand() =>
        Property.Holds(Gen.Choose(0, int.MaxValue), seed =>
        {
            var random = new Random(seed);
            var servers = Enumerable.Range(0, random.Next(1, 4))
                .SelectMany(r => Enumerable.Range(0, random.Next(1, 4)).Select(i => Tables.Server(
                    $"{"abc"[r]}{i}", "abc"[r..(r + 1)], rank: random.Next(1, 3), capacity: random.Next(4) == 0 ? null : random.Next(10, 200))))
                .ToImmutableArray();
            var service = Tables.Service(servers) with { Name = "chat" };
            var scene = new Scene(Scene.Configure(RemedyMode.Act, service));
            scene.Unwell.UnionWith(servers.Where(_ => random.Next(5) == 0).Select(s => s.Name));
            scene.Broken.UnionWith(servers.Where(_ => random.Next(8) == 0).Select(s => s.Name));
            var demand = random.Next(300);
            scene.Answered(servers[0].Name, demand);

            var drained = random.Next(3) == 0 ? servers[0].Name : null;
            var verdict = Guard.Check(Drain(servers[0].Region) with { Server = drained }, [], scene.Tick());
            var left = servers
                .Where(s => drained is null ? s.Region != servers[0].Region : s.Name != drained)
                .Where(s => !scene.Unwell.Contains(s.Name) && !scene.Broken.Contains(s.Name))
                .ToList();
            var safe = left.Count > 0 && left.Sum(s => s.Capacity ?? 0) >= demand * 1.2 - 1e-9;
            return safe == (verdict.Answer == GuardAnswer.Allow)
                && (verdict.Answer != GuardAnswer.AskPerson || left.Exists(s => s.Capacity is null));
        });

    private static Remedy Drain(string region, string id = "1-1") => new()
    {
        Id = id,
        Service = "chat",
        Region = region,
        State = RemedyState.Refused,
        Reason = "",
        Since = Scene.Start,
    };
}
