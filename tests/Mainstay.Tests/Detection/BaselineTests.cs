using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class BaselineTests
{
    private readonly Baseline _baseline = new();

    [Fact]
    public void It_is_known_from_the_eighth_window_on()
    {
        for (var i = 0; i < 8; i++)
        {
            Assert.False(_baseline.IsKnown || _baseline.IsLatencyKnown);
            _baseline.Learn(100, 0);
            _baseline.LearnTypicalMs(20);
        }
        Assert.True(_baseline.IsKnown && _baseline.IsLatencyKnown);
    }

    [Fact]
    public void Usual_is_the_share_of_all_failures_but_never_below_half_a_percent()
    {
        Assert.Equal(0.005, _baseline.ErrorShare);
        for (var i = 0; i < 10; i++)
            _baseline.Learn(100, 0);
        Assert.Equal(0.005, _baseline.ErrorShare);
        for (var i = 0; i < 10; i++)
            _baseline.Learn(100, 4);
        Assert.Equal(0.02, _baseline.ErrorShare, 9);
    }

    [Fact]
    public void Typical_is_the_median_and_a_few_odd_windows_do_not_move_it()
    {
        foreach (var ms in new double[] { 20, 21, 19, 20, 22, 18, 20, 20, 900, 1000 })
            _baseline.LearnTypicalMs(ms);
        Assert.InRange(_baseline.TypicalMs, 19.5, 20.5);
        Assert.Equal(0.25, _baseline.Spread);
    }

    [Fact]
    public void Only_the_last_two_minutes_count()
    {
        for (var i = 0; i < 120; i++)
            _baseline.LearnTypicalMs(20);
        for (var i = 0; i < 120; i++)
            _baseline.LearnTypicalMs(80);
        Assert.Equal(80, _baseline.TypicalMs, 6);
    }

    [Fact]
    public void Unusual_windows_are_ignored_until_they_have_come_for_ten_minutes()
    {
        for (var i = 0; i < 600; i++)
            Assert.False(_baseline.Accepts(usual: false));
        Assert.True(_baseline.Accepts(usual: false));
        Assert.True(_baseline.Accepts(usual: true));
        Assert.False(_baseline.Accepts(usual: false));
        Assert.False(_baseline.AcceptsTimes(usual: false));
    }
}
