using Mainstay.Routing.Models;

namespace Mainstay.Tests.Models;

public sealed class TokenPaceTests
{
    [Fact]
    public void A_stream_that_slows_down_many_times_over_drips()
    {
        var pace = new TokenPace();
        for (var i = 0; i < 40; i++)
            Assert.False(pace.Drips(0.03));
        Assert.False(pace.Drips(2));
        Assert.False(pace.Drips(2));
        Assert.False(pace.Drips(2));
        Assert.True(pace.Drips(2));
    }

    [Fact]
    public void A_stream_that_drips_from_early_on_is_not_taken_for_a_slow_one()
    {
        var pace = new TokenPace();
        for (var i = 0; i < 7; i++)
            Assert.False(pace.Drips(0.003));
        for (var i = 0; i < 3; i++)
            Assert.False(pace.Drips(0.6));
        Assert.True(pace.Drips(0.6));
    }

    [Fact]
    public void One_long_pause_is_no_drip()
    {
        var pace = new TokenPace();
        for (var i = 0; i < 200; i++)
            Assert.False(pace.Drips(i % 20 == 19 ? 5 : 0.03));
    }

    [Fact]
    public void A_stream_that_was_slow_from_the_start_does_not_drip()
    {
        var pace = new TokenPace();
        for (var i = 0; i < 100; i++)
            Assert.False(pace.Drips(2));
    }

    [Fact]
    public void Gaps_that_nobody_minds_are_no_drip_however_quick_it_was()
    {
        var pace = new TokenPace();
        for (var i = 0; i < 16; i++)
            pace.Drips(0.0001);
        for (var i = 0; i < 100; i++)
            Assert.False(pace.Drips(0.25));
    }
}
