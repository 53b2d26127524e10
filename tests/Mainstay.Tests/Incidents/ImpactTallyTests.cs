using Mainstay.Control.Incidents;
using Mainstay.Routing;

namespace Mainstay.Tests.Incidents;

public sealed class ImpactTallyTests
{
    private static readonly Incident Incident = new Scene() is var scene ? scene.Incident("a", scene.Anomaly("a")) : null!;
    private readonly ImpactTally _tally = new(Impact.None);

    [Fact]
    public void Failed_slow_and_rescued_requests_count_by_customer()
    {
        Add(Failed("acme"), Failed("acme"), Answered("acme", 900), Answered("acme", 90), Answered(null, 900));
        var impact = _tally.ToImpact();
        Assert.Equal((5, 2, 2, 0), (impact.Requests, impact.Failed, impact.Slow, impact.Rescued));
        Assert.Equal([new("chat", "acme", 2, 1), new CustomerImpact("chat", "(unknown)", 0, 1)], impact.Customers.AsEnumerable());
    }

    [Fact]
    public void Only_what_this_region_failed_counts_as_rescued_and_the_first_says_what_it_lost()
    {
        Add(Rescued("b1", "c1", 5), Rescued("a1", "b1", 7), Rescued("a1", "b1", 900));
        var impact = _tally.ToImpact();
        Assert.Equal((3, 0, 2, 7.0), (impact.Requests, impact.Failed, impact.Rescued, impact.FirstRescueMs));
    }

    [Fact]
    public void Other_services_and_earlier_requests_do_not_count()
    {
        Add(Failed("acme") with { Service = "vision" }, Failed("acme") with { At = Scene.Start.AddTicks(-1) });
        Assert.Equal(0, _tally.ToImpact().Requests);
    }

    [Fact]
    public void Customers_beyond_the_first_thousand_count_together()
    {
        for (var i = 0; i < 3000; i++)
            Add(Failed($"customer {i}"));
        Add(Failed("customer 7"));
        var impact = _tally.ToImpact();
        Assert.Equal(3001, impact.Failed);
        Assert.Equal(100, impact.Customers.Length);
        Assert.Equal(new("chat", "(others)", 2000, 0), impact.Customers[0]);
        Assert.Equal(new("chat", "customer 7", 2, 0), impact.Customers[1]);
    }

    private static Outcome Failed(string? customer) => Scene.Outcome(Scene.Start, "chat", OutcomeResult.Failed, 0) with { Customer = customer };

    private static Outcome Answered(string? customer, double ms) =>
        Scene.Outcome(Scene.Start, "chat", OutcomeResult.Succeeded, ms, Scene.Attempt("a1")) with { Customer = customer };

    private static Outcome Rescued(string failed, string answered, double lostMs) => Scene.Outcome(
        Scene.Start, "chat", OutcomeResult.Succeeded, 20, Scene.Attempt(failed, AttemptResult.Broken, lostMs), Scene.Attempt(answered));

    private void Add(params Outcome[] outcomes) => _tally.Add(outcomes, Scene.Start, Incident, _ => TimeSpan.FromMilliseconds(500));
}
