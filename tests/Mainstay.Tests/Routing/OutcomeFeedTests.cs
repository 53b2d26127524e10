using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class OutcomeFeedTests
{
    [Fact]
    public void Keeps_the_first_and_counts_what_it_drops()
    {
        var feed = new OutcomeFeed(capacity: 3);
        for (var i = 1; i <= 5; i++)
            feed.Report(Saw(i));
        Assert.Equal(2, feed.Dropped);
        Assert.Equal([1, 2, 3], Drain(feed));
    }

    [Fact]
    public void Takes_more_once_it_was_read()
    {
        var feed = new OutcomeFeed(capacity: 1);
        feed.Report(Saw(1));
        feed.Report(Saw(2));
        Assert.Equal([1], Drain(feed));
        feed.Report(Saw(3));
        Assert.Equal([3], Drain(feed));
        Assert.Equal(1, feed.Dropped);
    }

    [Fact]
    public void Loses_nothing_uncounted_between_threads()
    {
        var feed = new OutcomeFeed(capacity: 100);
        Parallel.For(0, 8, _ =>
        {
            for (var i = 0; i < 100; i++)
                feed.Report(Saw(i));
        });
        Assert.Equal(700, feed.Dropped);
        Assert.Equal(100, Drain(feed).Count);
    }

    private static Probe Saw(int ms) =>
        new(DateTimeOffset.UnixEpoch, "moderation", "a", "r1", Well: true, TimeSpan.FromMilliseconds(ms), "");

    private static List<int> Drain(OutcomeFeed feed)
    {
        var seen = new List<int>();
        while (feed.Reader.TryRead(out var observation))
            seen.Add((int)((Probe)observation).Elapsed.TotalMilliseconds);
        return seen;
    }
}
