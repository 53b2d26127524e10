using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class RetryBudgetTests
{
    private readonly ManualTime _clock = new();
    private readonly RetryBudget _budget;

    public RetryBudgetTests() => _budget = new RetryBudget(_clock);

    [Fact]
    public void Without_traffic_ten_a_second_are_allowed()
    {
        Assert.Equal(100, Spend(share: 0.2, tries: 500));
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(100, Spend(share: 0.2, tries: 500));
    }

    [Fact]
    public void With_traffic_a_share_of_it_comes_on_top()
    {
        for (var i = 0; i < 1000; i++)
            _budget.NoteRequest();
        Assert.Equal(300, Spend(share: 0.2, tries: 500));
    }

    [Fact]
    public void Requests_older_than_ten_seconds_allow_nothing()
    {
        for (var i = 0; i < 1000; i++)
            _budget.NoteRequest();
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(100, Spend(share: 0.2, tries: 500));
    }

    private int Spend(double share, int tries) => Enumerable.Range(0, tries).Count(_ => _budget.TrySpend(share));
}
