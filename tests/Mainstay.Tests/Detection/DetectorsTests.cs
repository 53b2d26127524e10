using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class DetectorsTests
{
    private readonly Scene _scene = new();

    [Fact]
    public void Slowness_of_one_region_is_found()
    {
        Run(20);
        Run(3, ms: 200, probesA: 20);
        Assert.Equal([("a", null), ("a", "a1"), ("a", "a2")], Run(1, ms: 200, probesA: 20).Select(a => (a.Region, a.Server)));
    }

    [Fact]
    public void When_every_regions_health_checks_are_slower_too_it_is_nobodys_fault()
    {
        Run(20);
        Assert.Empty(Run(30, ms: 200, probesA: 20, probesElsewhere: 20));
    }

    [Fact]
    public void A_late_tick_says_nothing_about_times()
    {
        Run(20);
        Assert.Empty(Run(6, ms: 200, seconds: 2));
        Assert.NotEmpty(Run(3, ms: 200));
    }

    [Fact]
    public void Failures_count_in_a_late_tick_too()
    {
        Run(20);
        _scene.Failed("a1", 40);
        Assert.NotEmpty(_scene.Detectors.Judge(_scene.Close(2), _ => false));
    }

    [Fact]
    public void What_is_usual_can_be_asked_for_once_it_is_known()
    {
        Run(7);
        Assert.Null(_scene.Detectors.UsualMs(new("chat", "a")));
        Assert.Null(_scene.Detectors.UsualErrorShare(new("chat", "a")));
        Run(3);
        Assert.InRange(_scene.Detectors.UsualMs(new("chat", "a"))!.Value, 19, 21);
        Assert.Equal(0.005, _scene.Detectors.UsualErrorShare(new("chat", "a")));
        Assert.Null(_scene.Detectors.UsualMs(new("chat", "b")));
    }

    [Fact]
    public void Servers_that_left_the_table_are_forgotten_with_their_alarms()
    {
        Run(20);
        _scene.Failed("a1", 40);
        _scene.Probed("b1", well: false);
        _scene.Probed("b2", well: false);
        Judge();
        _scene.Probed("b1", well: false);
        _scene.Probed("b2", well: false);
        Assert.Contains(Judge(), a => a.Server == "a1");
        _scene.Config = Scene.Configure(_scene.Config.Remedies, Scene.Service("chat", 100, "c"));
        for (var i = 0; i < 6; i++)
            Judge();
        Assert.DoesNotContain(Judge(), a => a.Server is not null || a.Region == "b");
    }

    [Fact]
    public void A_resolved_incident_is_held_against_nobody()
    {
        Run(20);
        _scene.Failed("a1", 40);
        Assert.NotEmpty(Judge());
        _scene.Detectors.Reset("b");
        Assert.NotEmpty(Judge());
        _scene.Detectors.Reset("a");
        Assert.Empty(Judge());
    }

    private IReadOnlyList<Anomaly> Judge() => _scene.Detectors.Judge(_scene.Close(), _ => false);

    private IReadOnlyList<Anomaly> Run(int ticks, double ms = 20, double probesA = 2, double probesElsewhere = 2, double seconds = 1)
    {
        IReadOnlyList<Anomaly> last = [];
        for (var i = 0; i < ticks; i++)
        {
            _scene.Answered("a1", 20, ms);
            _scene.Answered("a2", 20, ms);
            foreach (var server in _scene.Config.Services[0].Routing.Servers)
                _scene.Probed(server.Name, ms: server.Region == "a" ? probesA : probesElsewhere);
            last = _scene.Detectors.Judge(_scene.Close(seconds), _ => false);
        }
        return last;
    }
}
