using System.Collections.Immutable;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;

namespace Mainstay.Tests.Mitigation;

public sealed class PlaybookTests
{
    private readonly Playbook _playbook = new();

    [Fact]
    public void Observe_proposes_nothing() => Assert.Empty(Advance(new Scene(RemedyMode.Observe)).Remedies);

    [Fact]
    public void Act_drains_at_once_what_the_guard_allows()
    {
        var incident = Advance(new Scene(RemedyMode.Act));
        var remedy = Assert.Single(incident.Remedies);
        Assert.Equal(("1-1", "a", null, RemedyState.Active, 0.0), (remedy.Id, remedy.Region, remedy.Server, remedy.State, remedy.Share));
        Assert.Equal("remedy", Assert.Single(incident.Timeline).Kind);
    }

    [Fact]
    public void Propose_waits_until_a_person_approves()
    {
        var scene = new Scene(RemedyMode.Propose);
        var incident = Advance(scene);
        Assert.Equal(RemedyState.Proposed, Assert.Single(incident.Remedies).State);
        Assert.Contains("mainstay incident approve 1-1", incident.Remedies[0].Reason, StringComparison.Ordinal);
        var later = Advance(scene, incident);
        Assert.Equal(incident.Timeline.AsEnumerable(), later.Timeline);
        Assert.False(later.Remedies[0].InForce);
        var approved = _playbook.Advance(later, [], Scene.Approving(scene.Tick(), "1-1", "ada"));
        Assert.True(approved.Remedies[0].InForce);
        Assert.Contains("ada", approved.Remedies[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void No_approval_overrules_the_guard()
    {
        var scene = new Scene(RemedyMode.Propose);
        scene.Unwell.UnionWith(["b1", "b2", "c1", "c2"]);
        var incident = Advance(scene);
        Assert.Equal(RemedyState.Refused, _playbook.Advance(incident, [], Scene.Approving(scene.Tick(), "1-1", "ada")).Remedies[0].State);
    }

    [Fact]
    public void The_mode_of_a_service_goes_before_that_of_the_file()
    {
        var scene = new Scene(RemedyMode.Act);
        scene.Config = scene.Config with { Services = [scene.Config.Services[0] with { Remedies = RemedyMode.Observe }] };
        Assert.Empty(Advance(scene).Remedies);
    }

    [Fact]
    public void A_pause_takes_every_remedy_off_and_resume_puts_them_back()
    {
        var scene = new Scene(RemedyMode.Act);
        var incident = Advance(scene);
        scene.PausedBy = "ada";
        incident = Advance(scene, incident);
        Assert.Equal(RemedyState.Refused, incident.Remedies[0].State);
        Assert.Contains("paused by ada", incident.Remedies[0].Reason, StringComparison.Ordinal);
        Assert.Equal(incident.Timeline.AsEnumerable(), Advance(scene, incident).Timeline);
        scene.PausedBy = null;
        Assert.True(Advance(scene, incident).Remedies[0].InForce);
    }

    [Fact]
    public void What_was_refused_is_checked_again()
    {
        var scene = new Scene(RemedyMode.Act);
        scene.Unwell.UnionWith(["b1", "b2", "c1", "c2"]);
        var incident = Advance(scene);
        Assert.Equal(RemedyState.Refused, incident.Remedies[0].State);
        Assert.Contains("nobody would be left", incident.Timeline[^1].Text, StringComparison.Ordinal);
        scene.Unwell.Clear();
        Assert.True(Advance(scene, incident).Remedies[0].InForce);
    }

    [Fact]
    public void Only_the_one_server_that_is_to_blame_is_drained()
    {
        var scene = new Scene();
        Assert.Equal(["a1"], Advance(scene, Incident(scene, scene.Anomaly("a"), scene.Anomaly("a", "a1"))).Remedies.Select(r => r.Server));
    }

    [Fact]
    public void The_region_is_drained_when_all_its_servers_are_to_blame_or_its_health_checks_fail()
    {
        var scene = new Scene();
        Assert.Equal([null], Advance(scene, Incident(scene, scene.Anomaly("a", "a1"), scene.Anomaly("a", "a2"))).Remedies.Select(r => r.Server));
        Assert.Equal([null], Advance(scene, Incident(scene, scene.Anomaly("a", "a1"), scene.Anomaly("a", null, "probes"))).Remedies.Select(r => r.Server));
    }

    [Fact]
    public void When_the_rest_of_the_region_turns_out_to_be_ill_too_it_is_drained_as_well()
    {
        var scene = new Scene();
        var incident = Advance(scene, Incident(scene, scene.Anomaly("a", "a1")));
        incident = incident with { Anomalies = incident.Anomalies.Add(scene.Anomaly("a", "a2")) };
        incident = Advance(scene, incident);
        Assert.Equal([("1-1", "a1"), ("1-2", null)], incident.Remedies.Select(r => (r.Id, r.Server)));
        Assert.All(incident.Remedies, r => Assert.True(r.InForce));
        // The region's remedy takes the place of the server's as soon as it is in force.
        Assert.Equal([RemedyState.Removed, RemedyState.Active], Advance(scene, incident).Remedies.Select(r => r.State));
    }

    [Fact]
    public void What_is_configured_no_more_is_drained_no_more()
    {
        var scene = new Scene();
        var incident = Advance(scene);
        scene.Config = Scene.Configure(RemedyMode.Act, Scene.Service("chat", 100, "b", "c"));
        Assert.Equal(RemedyState.Removed, Advance(scene, incident).Remedies[0].State);
        scene.Config = Scene.Configure(RemedyMode.Act, Scene.Service("vision", 100, "a", "b"));
        Assert.Equal(RemedyState.Removed, Advance(scene, incident).Remedies[0].State);
    }

    [Fact]
    public void Recovery_is_judged_by_the_attempts_since_the_step_began()
    {
        var scene = new Scene();
        var incident = Advance(scene);
        var shares = new List<double>();
        for (var i = 0; i < 30 && incident.Remedies[0].InForce; i++)
        {
            // Failures that belong to the time before each step must not count against it.
            if (incident.Remedies[0].Share == 0)
                scene.Failed("a1", 30);
            else
                scene.Answered("a1", 30);
            incident = Advance(scene, incident);
            shares.Add(incident.Remedies[0].Share);
        }
        Assert.Equal([0, 0.05, 0.25, 1], shares.Distinct());
        Assert.Equal(RemedyState.Removed, incident.Remedies[0].State);
    }

    private static Incident Incident(Scene scene, params ImmutableArray<Anomaly> anomalies) => scene.Incident("a", anomalies);

    private Incident Advance(Scene scene) => Advance(scene, Incident(scene, scene.Anomaly("a")));

    private Incident Advance(Scene scene, Incident incident) => _playbook.Advance(incident, [], scene.Tick());
}
