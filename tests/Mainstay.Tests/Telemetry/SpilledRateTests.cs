using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Tests.Telemetry;

public sealed class SpilledRateTests
{
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_region_that_just_took_over_shows_its_share_of_the_last_ten_seconds()
    {
        var history = new History();
        for (var second = 0; second < 10; second++)
            history.Add(Closed(second, second < 8 ? "us-east-1" : "us-east-2"));
        Assert.Equal(80, history.Traffic(new("chat", "us-east-1")).Rate, 6);
        Assert.Equal(20, history.Traffic(new("chat", "us-east-2")).Rate, 6);
    }

    [Fact]
    public void A_service_that_just_began_shows_what_it_asks_for()
    {
        var history = new History();
        history.Add(new ClosedWindows(Start, Start.AddSeconds(1), new Dictionary<SeriesKey, Window>(), [], [], new Dictionary<SeriesKey, ServerReport>()));
        history.Add(Closed(1, "us-east-1"));
        Assert.Equal(100, history.Traffic(new("chat")).Rate, 6);
    }

    private static ClosedWindows Closed(int second, string region)
    {
        var window = new Window();
        for (var i = 0; i < 100; i++)
            window.Add(new Attempt("a", region, AttemptResult.Answered, 200, TimeSpan.FromMilliseconds(1)));
        var series = new Dictionary<SeriesKey, Window> { [new("chat")] = window, [new("chat", region)] = window };
        return new(Start.AddSeconds(second), Start.AddSeconds(second + 1), series, [], [], new Dictionary<SeriesKey, ServerReport>());
    }
}
