using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Tests.Telemetry;

public sealed class CollectorTests
{
    private readonly Collector _collector = new(Scene.Start);

    [Fact]
    public void A_request_counts_for_its_service_and_each_attempt_for_its_region_and_server()
    {
        _collector.Add(Scene.Outcome(
            Scene.Start, "chat", OutcomeResult.Succeeded, 40, Scene.Attempt("a1", AttemptResult.ServerError), Scene.Attempt("b2")));
        var windows = _collector.Close(Scene.Start.AddSeconds(1));
        Assert.Equal(0, windows[new("chat")]!.Failed);
        Assert.Equal(1, windows[new("chat", "a")]!.Failed);
        Assert.Equal(1, windows[new("chat", "a", "a1")]!.Failed);
        Assert.Equal(0, windows[new("chat", "b", "b2")]!.Failed);
        Assert.Null(windows[new("chat", "b", "b1")]);
        Assert.Single(windows.Outcomes);
        Assert.Equal(TimeSpan.FromSeconds(1), windows.Length);
        Assert.Empty(_collector.Close(Scene.Start.AddSeconds(2)).Series);
    }

    [Theory]
    [InlineData(-5.1, 0)]
    [InlineData(-5, 1)]
    [InlineData(1, 1)]
    public void What_is_older_than_five_seconds_has_missed_its_window(double age, int counted)
    {
        _collector.Close(Scene.Start.AddSeconds(10));
        _collector.Add(Scene.Outcome(Scene.Start.AddSeconds(10 + age), "chat", OutcomeResult.Failed, 0));
        _collector.Add(new Probe(Scene.Start.AddSeconds(10 + age), "chat", "a1", "a", false, TimeSpan.Zero, ""));
        var windows = _collector.Close(Scene.Start.AddSeconds(11));
        Assert.Equal((counted, counted), (windows.Outcomes.Count, windows.Probes.Count));
    }

    [Fact]
    public void A_server_is_known_until_it_was_silent_for_five_seconds()
    {
        _collector.Add(new ServerReport(Scene.Start, "chat", "a1", "a", Well: true, BreakerOpen: false, 0));
        _collector.Add(new ServerReport(Scene.Start.AddSeconds(0.5), "chat", "a1", "a", Well: false, BreakerOpen: false, 0));
        Assert.False(Assert.Single(_collector.Close(Scene.Start.AddSeconds(1)).Servers).Value.Well);
        Assert.Single(_collector.Close(Scene.Start.AddSeconds(5)).Servers);
        Assert.Empty(_collector.Close(Scene.Start.AddSeconds(6)).Servers);
    }

    [Fact]
    public void Of_a_service_the_newest_report_counts_until_it_was_silent_for_five_seconds()
    {
        _collector.Add(new ServiceReport(Scene.Start, "chat", 0, 0, 0, 0, IsInPanic: false));
        _collector.Add(new ServiceReport(Scene.Start.AddSeconds(0.5), "chat", 7, 0, 0, 40, IsInPanic: true));
        Assert.Equal(7, Assert.Single(_collector.Close(Scene.Start.AddSeconds(1)).Services).Value.Waiting);
        Assert.Single(_collector.Close(Scene.Start.AddSeconds(5)).Services);
        Assert.Empty(_collector.Close(Scene.Start.AddSeconds(6)).Services);
    }
}
