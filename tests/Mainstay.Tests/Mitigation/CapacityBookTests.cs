using Mainstay.Tests.Routing;

namespace Mainstay.Tests.Mitigation;

public sealed class CapacityBookTests
{
    private readonly Scene _scene = new(Scene.Configure(Control.Config.RemedyMode.Act, Scene.Service("chat", null, "a", "b")));

    [Fact]
    public void What_was_never_carried_is_unknown()
    {
        Carry(50, 0);
        Assert.Equal(50, Of("a1")!.Value, 6);
        Assert.Null(Of("b1"));
    }

    [Fact]
    public void The_most_that_was_carried_well_counts()
    {
        Carry(50, 0);
        Carry(20, 0);
        Assert.Equal(50, Of("a1")!.Value, 6);
        Carry(80, 20);
        Assert.Equal(50, Of("a1")!.Value, 6);
        Carry(80, 0);
        Assert.Equal(80, Of("a1")!.Value, 6);
    }

    [Fact]
    public void A_burst_shorter_than_ten_windows_counts_by_its_average()
    {
        Carry(10, 0);
        _scene.Answered("a1", 110);
        _scene.Tick();
        _scene.Capacity.Learn([new("chat", "a", "a1")], _scene.History);
        Assert.Equal(20, Of("a1")!.Value, 6);
    }

    [Fact]
    public void What_is_declared_stands()
    {
        Carry(50, 0);
        Assert.Equal(30, _scene.Capacity.Of("chat", Tables.Server("a1", "a", capacity: 30)));
    }

    private double? Of(string server) => _scene.Capacity.Of("chat", Tables.Server(server, server[..1]));

    /// <summary>Ten seconds of traffic on a1.</summary>
    private void Carry(int well, int failed)
    {
        for (var i = 0; i < 10; i++)
        {
            _scene.Answered("a1", well);
            _scene.Failed("a1", failed);
            var tick = _scene.Tick();
            if (i == 9)
                _scene.Capacity.Learn(tick.Windows.Servers.Keys, _scene.History);
        }
    }
}
