using Mainstay.Control.Incidents;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Tests.Incidents;

public sealed class CauseRankingTests
{
    [Theory]
    [InlineData(AttemptResult.NotReached, 2, "server or hardware failure", "servers are gone")]
    [InlineData(AttemptResult.Broken, 0, "server or hardware failure", "connections break")]
    [InlineData(AttemptResult.Truncated, 0, "server or hardware failure", "connections break")]
    [InlineData(AttemptResult.FirstByteTimeout, 2, "server or hardware failure", "servers accept requests and do not answer")]
    [InlineData(AttemptResult.Stalled, 0, "server or hardware failure", "servers accept requests and do not answer")]
    [InlineData(AttemptResult.ServerError, 0, "software or configuration change", "servers answer errors while they say that they are well")]
    [InlineData(AttemptResult.ServerError, 2, "software or configuration change", "servers answer errors")]
    public void Each_way_to_fail_has_its_cause(AttemptResult result, int unwell, string @class, string title)
    {
        var cause = Rank(Attempts(10, (result, 90)), unwell)[0];
        Assert.Equal((@class, title), (cause.Class, cause.Title));
        Assert.InRange(cause.Confidence, 0.3, 0.95);
        Assert.Contains(cause.Evidence, e => e.Contains("90 of 100", StringComparison.Ordinal));
        Assert.Contains($"health checks: {2 - unwell} of 2 servers well", cause.Evidence);
    }

    [Fact]
    public void Slowness_without_failures_is_a_shortage()
    {
        var cause = Assert.Single(Rank(Attempts(100), 0, "latency"));
        Assert.Equal(("resource shortage", "servers are slow while they say that they are well"), (cause.Class, cause.Title));
    }

    [Fact]
    public void When_most_fail_slowness_is_not_the_first_suspect() =>
        Assert.Equal("software or configuration change", Rank(Attempts(10, (AttemptResult.ServerError, 90)), 0, "latency")[0].Class);

    [Fact]
    public void The_likeliest_comes_first()
    {
        var causes = Rank(Attempts(0, (AttemptResult.NotReached, 80), (AttemptResult.ServerError, 20)), 2);
        Assert.Equal(["server or hardware failure", "software or configuration change"], causes.Select(c => c.Class));
        Assert.True(causes[0].Confidence > causes[1].Confidence);
    }

    [Fact]
    public void Failing_health_checks_alone_are_a_sign() => Assert.Equal("servers are gone", Rank(Attempts(0), 2, "probes")[0].Title);

    [Fact]
    public void Without_signs_it_says_that_it_does_not_know()
    {
        var cause = Assert.Single(Rank(Attempts(10), 0));
        Assert.Equal(("unknown", 0.0), (cause.Class, cause.Confidence));
    }

    private static System.Collections.Immutable.ImmutableArray<Cause> Rank(Window attempts, int unwell, string detector = "errors")
    {
        var scene = new Scene();
        return CauseRanking.Rank(scene.Incident("a", scene.Anomaly("a", null, detector)), attempts, unwell, servers: 2);
    }

    private static Window Attempts(int well, params (AttemptResult Result, int Count)[] failures)
    {
        var window = new Window();
        foreach (var (result, count) in failures.Append((AttemptResult.Answered, well)))
            for (var i = 0; i < count; i++)
                window.Add(Scene.Attempt("a1", result));
        return window;
    }
}
