using Mainstay.Control.Incidents;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Incidents;

public sealed class CauseConfidenceTests
{
    /// <summary>At night nobody asks, and the servers can still die.</summary>
    [Fact]
    public void Without_traffic_the_health_checks_alone_carry_some_confidence()
    {
        var cause = CauseRanking.Rank(DashboardSamples.Open with { Anomalies = [] }, new Window(), unwell: 2, servers: 2)[0];
        Assert.Equal("servers are gone", cause.Title);
        Assert.InRange(cause.Confidence, 0.5, 0.8);
        Assert.Equal("no request was sent there since", cause.Evidence[0]);
    }

    [Fact]
    public void Attempts_that_go_well_make_failing_health_checks_less_believable()
    {
        Assert.InRange(Confidence(wellAttempts: 100), 0.01, 0.2);
        Assert.True(Confidence(wellAttempts: 100) < Confidence(wellAttempts: 5));
    }

    private static double Confidence(int wellAttempts)
    {
        var window = new Window();
        for (var i = 0; i < wellAttempts; i++)
            window.Add(new Attempt("a", "us-east-1", AttemptResult.Answered, 200, TimeSpan.FromMilliseconds(1)));
        return CauseRanking.Rank(DashboardSamples.Open with { Anomalies = [] }, window, unwell: 2, servers: 2)[0].Confidence;
    }
}
