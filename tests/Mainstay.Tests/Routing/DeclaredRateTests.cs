using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class DeclaredRateTests
{
    private const long Second = 1_000_000;

    [Fact]
    public void Of_more_than_the_rate_exactly_the_rate_is_taken()
    {
        var rate = new DeclaredRate(Second);
        var taken = 0;
        // 300 a second for a minute, of which 200 may come: with the 200 that may come at once at first.
        for (var i = 0; i < 300 * 60; i++)
        {
            var now = i * Second / 300;
            if (rate.IsFull(now, 200))
                continue;
            rate.Note(now, 200);
            taken++;
        }
        Assert.InRange(taken, 200 * 61 - 2, 200 * 61 + 2);
    }

    [Fact]
    public void What_came_all_the_same_is_made_up_for_within_a_second()
    {
        var rate = new DeclaredRate(Second);
        for (var i = 0; i < 10_000; i++)
            rate.Note(now: 0, 10);
        Assert.True(rate.IsFull(Second / 2, 10));
        Assert.False(rate.IsFull(Second + (Second / 5), 10));
    }

    [Fact]
    public void In_no_time_more_than_the_rate_and_one_second_s_worth_comes_through()
    {
        var gaps = Gen.Choose(0, (int)Second / 4).NonEmptyListOf();
        Property.Holds(gaps.SelectMany(g => Gen.Choose(1, 20).Select(r => (g, r))), drawn =>
        {
            var (run, perSecond) = drawn;
            var rate = new DeclaredRate(Second);
            long now = 0;
            var taken = 0;
            foreach (var gap in run)
            {
                now += gap;
                if (rate.IsFull(now, perSecond))
                    continue;
                rate.Note(now, perSecond);
                taken++;
            }
            return taken <= perSecond + (perSecond * (double)now / Second) + 1;
        });
    }
}
