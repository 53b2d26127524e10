using Mainstay.Control.Detection;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;

namespace Mainstay.Tests.Incidents;

/// <summary>
/// One server of a region serves nearly all of its traffic, as the choice by pace has it at few requests a second; the other
/// answers so seldom that nothing is known to be usual for it. A second a tick; detectors, book and playbook are the real ones.
/// </summary>
public sealed class WideningTests
{
    private readonly IncidentBook _book = new([], new Playbook());
    private readonly Scene _scene = new();
    private int _seconds;

    private Incident Incident => Assert.Single(_book.Incidents);

    [Fact]
    public void When_the_server_that_takes_over_is_as_slow_the_whole_region_is_drained()
    {
        Run(30, a1: 0.6, a2: 0.6);
        RunUntil(() => IsDrained("a1"), most: 8, a1: 4.5, a2: 4.5);
        Assert.False(IsDrained(null));
        RunUntil(() => IsDrained(null), most: 2, a1: 4.5, a2: 4.5);
        Assert.Null(Incident.Mitigated);
        Assert.Contains(Incident.Timeline, t => t.Text.Contains("a beside a1 is ill too: 4", StringComparison.Ordinal));
        Run(2, a1: 4.5, a2: 4.5);
        Assert.NotNull(Incident.Mitigated);
        Assert.Equal([RemedyState.Removed, RemedyState.Active], Incident.Remedies.Select(r => r.State));
    }

    [Fact]
    public void When_the_server_that_takes_over_is_well_the_other_alone_is_drained()
    {
        Run(30, a1: 0.6, a2: 0.6);
        RunUntil(() => IsDrained("a1"), most: 8, a1: 4.5, a2: 0.6);
        // It was idle: its first second is slow.
        Run(1, a1: 4.5, a2: 28);
        Run(10, a1: 4.5, a2: 0.6);
        Assert.NotNull(Incident.Mitigated);
        Assert.Equal(["a1"], Incident.Remedies.Select(r => r.Server));
    }

    [Fact]
    public void Whoever_is_seen_to_be_ill_before_anything_is_drained_needs_no_drain_of_its_own()
    {
        Run(30, a1: 0.6, a2: 0.6);
        for (var i = 0; i < 8 && !IsDrained(null); i++)
        {
            _scene.Answered("a2", 12, 4.5);
            Run(1, a1: 4.5, a2: 4.5);
        }
        Assert.Equal([null], Incident.Remedies.Select(r => r.Server));
    }

    private bool IsDrained(string? server) =>
        _book.Incidents.SelectMany(i => i.Remedies).Any(r => r is { InForce: true, Share: 0 } && r.Server == server);

    private void RunUntil(Func<bool> isSo, int most, double a1, double a2)
    {
        for (var i = 0; i < most && !isSo(); i++)
            Run(1, a1, a2);
        Assert.True(isSo());
    }

    /// <summary>40 requests a second, to the first that is not drained of a1, a2 and the other regions.</summary>
    /// <param name="seconds">How many ticks.</param>
    /// <param name="a1">Milliseconds of its answers.</param>
    /// <param name="a2">Milliseconds of its answers, but for those of every third second, while it is nearly idle: they take 28 then.</param>
    private void Run(int seconds, double a1, double a2)
    {
        for (var i = 0; i < seconds; i++, _seconds++)
        {
            if (IsDrained(null))
                _scene.Answered("b1", 40, 0.6);
            else if (IsDrained("a1"))
                _scene.Answered("a2", 40, a2);
            else
                _scene.Answered("a1", 40, a1);
            if (_seconds % 3 == 0 && _book.Incidents.IsEmpty)
                _scene.Answered("a2", 1, 28);
            var tick = _scene.Tick();
            _book.Advance(tick with { Anomalies = _scene.Detectors.Judge(tick.Windows, _book.IsOpenIn) });
        }
    }
}
