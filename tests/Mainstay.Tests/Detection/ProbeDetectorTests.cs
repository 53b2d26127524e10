using Mainstay.Control.Detection;
using Mainstay.Routing;

namespace Mainstay.Tests.Detection;

public sealed class ProbeDetectorTests
{
    private readonly ProbeDetector _detector = new("chat", "a");
    private int _second;

    [Fact]
    public void It_alarms_when_every_server_has_failed_twice_in_a_row()
    {
        Probe("a1", well: true);
        Probe("a2", well: false);
        Probe("a2", well: false);
        Probe("a1", well: false);
        Assert.Empty(Alarms());
        Probe("a1", well: false);
        var alarm = Assert.Single(Alarms());
        Assert.Equal(("probes", "chat", "a", null), (alarm.Detector, alarm.Service, alarm.Region, alarm.Server));
        Assert.Equal(Scene.Start.AddSeconds(1), alarm.Since);
        Assert.Contains("a1: refused; a2: refused", alarm.Observed, StringComparison.Ordinal);
        Probe("a2", well: true);
        Assert.Empty(Alarms());
    }

    [Fact]
    public void One_well_check_begins_the_count_anew()
    {
        Probe("a1", well: false);
        Probe("a1", well: true);
        Probe("a1", well: false);
        Assert.Empty(Alarms());
    }

    [Fact]
    public void A_server_that_left_counts_no_more()
    {
        Assert.Empty(Alarms());
        Probe("a1", well: true);
        Probe("a2", well: false);
        Probe("a2", well: false);
        _detector.Keep(server => server == "a2");
        Assert.Single(Alarms());
        _detector.Keep(_ => false);
        Assert.Empty(Alarms());
    }

    private List<Anomaly> Alarms() => [.. _detector.Alarms(Scene.Start.AddSeconds(_second))];

    private void Probe(string server, bool well) => _detector.Judge(
        new Probe(Scene.Start.AddSeconds(_second++), "chat", server, "a", well, TimeSpan.FromMilliseconds(2), well ? "" : "refused"));
}
