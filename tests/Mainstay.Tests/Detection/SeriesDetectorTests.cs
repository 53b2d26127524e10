using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class SeriesDetectorTests
{
    [Fact]
    public void A_value_beyond_all_before_stands_out_and_its_neighbours_do_not()
    {
        var detector = new SeriesDetector();
        var random = new Random(1);
        for (var i = 0; i < 2_000; i++)
            detector.Judge(100 + random.NextDouble());
        Assert.True(detector.Judge(110).Score > 0.99);
        Assert.Equal(0, detector.Judge(100.5).Score);
    }

    [Fact]
    public void New_series_are_silent()
    {
        var detector = new SeriesDetector();
        for (var i = 0; i < 30; i++)
            Assert.Equal(0, detector.Judge(i % 7 == 0 ? 1e6 : i).Score);
    }
}
