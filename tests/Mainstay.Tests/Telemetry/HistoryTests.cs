namespace Mainstay.Tests.Telemetry;

public sealed class HistoryTests
{
    private readonly Scene _scene = new();

    [Fact]
    public void Traffic_is_that_of_the_last_ten_windows()
    {
        for (var i = 0; i < 10; i++)
        {
            _scene.Failed("a1", 500);
            _scene.Close();
        }
        for (var i = 0; i < 10; i++)
        {
            _scene.Answered("a1", 90, ms: 50);
            _scene.Failed("a1", 10);
            _scene.Close();
        }
        var traffic = _scene.History.Traffic(new("chat", "a"));
        Assert.Equal(100, traffic.Rate, 6);
        Assert.Equal(0.1, traffic.ErrorShare, 6);
        Assert.InRange(traffic.P50Ms, 48, 52);
        Assert.Equal(20, _scene.History.Of(new("chat", "a")).Length);
    }

    [Fact]
    public void Rates_follow_the_length_of_windows()
    {
        _scene.Answered("a1", 100);
        _scene.Close(seconds: 2);
        Assert.Equal(50, _scene.History.Traffic(new("chat")).Rate, 6);
        Assert.Equal(50, Assert.Single(_scene.History.Of(new("chat"))).Rate, 6);
    }

    [Fact]
    public void Five_minutes_are_kept_and_a_series_without_traffic_is_forgotten()
    {
        for (var i = 0; i < 320; i++)
        {
            _scene.Answered("a1", 1);
            _scene.Close();
        }
        Assert.Equal(300, _scene.History.Of(new("chat", "a", "a1")).Length);
        for (var i = 0; i < 299; i++)
            _scene.Close();
        Assert.Equal(300, _scene.History.Of(new("chat", "a", "a1")).Length);
        Assert.Equal(0, _scene.History.Traffic(new("chat")).Rate);
        _scene.Close();
        Assert.Empty(_scene.History.Of(new("chat", "a", "a1")));
        Assert.Equal(0, _scene.History.Traffic(new("nobody")).Rate);
    }
}
