using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;

namespace Mainstay.Tests.Incidents;

public sealed class IncidentBookTests
{
    private static readonly Stage[] FourStages = [Stage.Detection, Stage.Investigation, Stage.Mitigation, Stage.Recovery];
    private IncidentBook _book = new([], new Playbook());
    private Scene _scene = new();

    private Incident Newest => _book.Incidents.MaxBy(i => i.Number)!;

    [Fact]
    public void In_mode_act_a_region_is_drained_and_its_traffic_comes_back_in_four_stages()
    {
        Break("a");
        Assert.Equal(Stage.Detection, Newest.Stage);
        Break("a");
        Assert.Equal(Stage.Investigation, Newest.Stage);
        Assert.Equal("server or hardware failure", Newest.Causes[0].Class);
        Break("a");
        Assert.Equal(Stage.Mitigation, Newest.Stage);
        Assert.True(Newest.Remedies[0].InForce);
        Quiet(25);
        Assert.Equal(FourStages, Newest.Stages.Select(s => s.Stage));
        Assert.False(Newest.IsOpen);
        Assert.Equal(RemedyState.Removed, Newest.Remedies[0].State);
        Assert.True(Newest.Occurred < Newest.Detected && Newest.Detected < Newest.CauseFound);
        Assert.True(Newest.CauseFound < Newest.Mitigated && Newest.Mitigated < Newest.Resolved);
        Assert.Equal(["cause", "mitigated", "remedy", "resolved", "stage"], Newest.Timeline.Select(t => t.Kind).Distinct().Order());
        _book.NoteReview(1, "incident-1.md");
        Assert.Equal("incident-1.md", Newest.Review);
    }

    [Theory]
    [InlineData(RemedyMode.Observe, 0)]
    [InlineData(RemedyMode.Propose, 1)]
    public void Without_a_remedy_the_reflexes_carry_it_through_the_same_stages(RemedyMode mode, int remedies)
    {
        _scene = new Scene(mode);
        for (var i = 0; i < 10; i++)
            Break("a");
        Assert.Equal(Stage.Mitigation, Newest.Stage);
        Quiet(9);
        Assert.Equal(Stage.Mitigation, Newest.Stage);
        Assert.NotNull(Newest.Mitigated);
        Quiet(25);
        Assert.Equal(FourStages, Newest.Stages.Select(s => s.Stage));
        Assert.False(Newest.IsOpen);
        Assert.Equal(remedies, Newest.Remedies.Length);
        Assert.All(Newest.Remedies, r => Assert.Equal((RemedyState.Removed, "not needed any more"), (r.State, r.Reason)));
    }

    [Fact]
    public void While_health_checks_fail_it_is_not_over_though_nothing_stands_out()
    {
        _scene = new Scene(RemedyMode.Observe);
        Break("a");
        _scene.Unwell.Add("a1");
        Quiet(60);
        Assert.Equal(Stage.Mitigation, Newest.Stage);
        _scene.Unwell.Clear();
        Quiet(25);
        Assert.False(Newest.IsOpen);
    }

    [Fact]
    public void Recovery_that_fails_goes_back_to_mitigation_and_is_tried_again()
    {
        for (var i = 0; i < 3; i++)
            Break("a");
        Quiet(4);
        Assert.Equal(Stage.Recovery, Newest.Stage);
        Break("a");
        Assert.Equal(Stage.Mitigation, Newest.Stage);
        Assert.Equal(0, Newest.Remedies[0].Share);
        Quiet(30);
        Assert.Equal([.. FourStages, Stage.Mitigation, Stage.Recovery], Newest.Stages.Select(s => s.Stage));
        Assert.False(Newest.IsOpen);
        Assert.Single(_book.Incidents);
    }

    [Fact]
    public void What_stands_out_again_without_a_remedy_goes_back_to_mitigation()
    {
        _scene = new Scene(RemedyMode.Observe);
        Break("a");
        Quiet(15);
        Assert.Equal(Stage.Recovery, Newest.Stage);
        Break("a");
        Assert.Equal(Stage.Mitigation, Newest.Stage);
        Assert.Single(_book.Incidents);
    }

    [Fact]
    public void However_long_something_flaps_an_incident_stays_small()
    {
        _scene = new Scene(RemedyMode.Observe);
        for (var i = 0; i < 300; i++)
        {
            Break("a");
            Quiet(12);
        }
        Assert.True(Assert.Single(_book.Incidents).IsOpen);
        Assert.Equal(500, Newest.Timeline.Length);
        Assert.InRange(Newest.Stages.Length, 4, 100);
        Assert.Equal(FourStages, Newest.Stages.Select(s => s.Stage).Take(4));
    }

    [Fact]
    public void A_second_service_joins_the_incident_of_its_region()
    {
        _scene = new Scene(Scene.Configure(RemedyMode.Act, Scene.Service("chat", 100, "a", "b"), Scene.Service("vision", 100, "a", "b")));
        Break("a");
        Break("a");
        Advance(_scene.Anomaly("a"), _scene.Anomaly("a", service: "vision"));
        Advance(_scene.Anomaly("a"), _scene.Anomaly("a", service: "vision"));
        var incident = Assert.Single(_book.Incidents);
        Assert.Equal(["chat", "vision"], incident.Services.AsEnumerable());
        Assert.Equal(["chat", "vision"], incident.Remedies.Where(r => r.InForce).Select(r => r.Service));
    }

    [Fact]
    public void Two_regions_at_once_are_two_incidents_and_only_one_is_drained()
    {
        for (var i = 0; i < 4; i++)
            Advance(_scene.Anomaly("a"), _scene.Anomaly("b"));
        Assert.Equal([2, 1], _book.Incidents.Select(i => i.Number));
        var remedies = _book.Incidents.SelectMany(i => i.Remedies).ToList();
        Assert.Equal(2, remedies.Count);
        Assert.Single(remedies, r => r.InForce);
        Assert.Contains("one region at a time", Assert.Single(remedies, r => !r.InForce).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void After_a_restart_it_goes_on_where_it_was()
    {
        for (var i = 0; i < 5; i++)
        {
            _scene.Failed("a1", 10, rescuer: "b1", customer: "acme");
            _scene.Failed("a1", 2, customer: "acme");
            Advance(_scene.Anomaly("a"));
        }
        var before = Newest;
        Assert.Equal((60, 10, 50), (before.Impact.Requests, before.Impact.Failed, before.Impact.Rescued));
        _book = new IncidentBook([before], new Playbook());
        Assert.True(_book.IsOpenIn("a"));
        _scene.Failed("a1", 1, customer: "acme");
        _scene.Answered("b1", 20);
        Advance(_scene.Anomaly("a"), _scene.Anomaly("b"));
        var after = _book.Incidents.Single(i => i.Number == 1);
        Assert.Equal((81, 11, 50), (after.Impact.Requests, after.Impact.Failed, after.Impact.Rescued));
        Assert.Equal(11, Assert.Single(after.Impact.Customers).Failed);
        Assert.Equal(before.Stages.AsEnumerable(), after.Stages);
        Assert.Equal(2, Newest.Number);
        // Nobody asks region b for anything, so each step of its recovery takes its longest time.
        Quiet(130);
        Assert.All(_book.Incidents, i => Assert.False(i.IsOpen));
    }

    [Fact]
    public void Impact_counts_the_seconds_before_it_was_noticed_too()
    {
        _scene.Failed("a1", 7);
        Advance();
        var began = _scene.Now;
        _scene.Failed("a1", 3);
        Advance();
        _scene.Failed("a1", 2);
        Advance(_scene.Anomaly("a") with { Since = began });
        Assert.Equal(5, Newest.Impact.Failed);
        Assert.Equal(began, Newest.Occurred);
    }

    [Fact]
    public void Slow_is_twice_the_usual_99th_percentile_or_what_was_promised()
    {
        Quiet(20);
        Slow(35);
        Slow(100);
        Assert.Equal(5, Newest.Impact.Slow);

        _scene = new Scene();
        _scene.Config = _scene.Config with { Services = [_scene.Config.Services[0] with { Slo = new() { P99 = TimeSpan.FromMilliseconds(30) } }] };
        _book = new IncidentBook([], new Playbook());
        Quiet(20);
        Slow(35);
        Assert.Equal(5, Newest.Impact.Slow);

        void Slow(double ms)
        {
            _scene.Answered("a1", 5, ms);
            Advance(_scene.Anomaly("a", null, "latency"));
        }
    }

    [Fact]
    public void Fifty_resolved_incidents_are_kept()
    {
        _scene = new Scene(RemedyMode.Observe);
        for (var i = 0; i < 55; i++)
        {
            Break("a");
            Quiet(25);
        }
        Assert.Equal(50, _book.Incidents.Length);
        Assert.Equal(Enumerable.Range(6, 50).Reverse(), _book.Incidents.Select(i => i.Number));
    }

    /// <summary>A second in which the region stands out: connections break, other regions rescue what they can.</summary>
    private void Break(string region)
    {
        _scene.Failed(region + "1", 10, Mainstay.Routing.AttemptResult.NotReached, rescuer: region == "b" ? "c1" : "b1");
        Advance(_scene.Anomaly(region));
    }

    private void Quiet(int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            _scene.Answered("a1", 15);
            _scene.Answered("a2", 15);
            Advance();
        }
    }

    private void Advance(params Anomaly[] anomalies) => _book.Advance(_scene.Tick(anomalies));
}
