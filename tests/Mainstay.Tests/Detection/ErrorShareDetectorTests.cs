using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class ErrorShareDetectorTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 5, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void One_failed_request_at_low_traffic_alarms_nobody()
    {
        var detector = new ErrorShareDetector();
        for (var i = 0; i < 2_000; i++)
        {
            detector.Judge(Start.AddMinutes(i), i % 400 == 399 ? 1 : 0, 1);
            Assert.False(detector.Alarming);
        }
    }

    [Fact]
    public void Errors_beyond_the_usual_share_alarm_within_two_windows_and_calm_down()
    {
        var detector = Known();
        detector.Judge(Start.AddMinutes(100), 20, 200);
        detector.Judge(Start.AddMinutes(101), 20, 200);
        Assert.True(detector.Alarming);
        Assert.Equal(Start.AddMinutes(100), detector.Since);
        Assert.Equal(0.1, detector.RecentShare, 0.001);
        for (var i = 102; i < 130; i++)
            detector.Judge(Start.AddMinutes(i), 2, 200);
        Assert.False(detector.Alarming);
    }

    /// <summary>The same 10 % of errors: much traffic tells it at once, little traffic takes longer, but it is told.</summary>
    [Fact]
    public void Less_traffic_takes_longer()
    {
        int Windows(int volume)
        {
            var detector = Known();
            for (var i = 1; i < 1_000; i++)
            {
                detector.Judge(Start.AddMinutes(100 + i), (volume * i / 10) - (volume * (i - 1) / 10), volume);
                if (detector.Alarming)
                    return i;
            }
            return int.MaxValue;
        }
        Assert.Equal(1, Windows(1_000));
        Assert.InRange(Windows(10), 5, 30);
    }

    [Fact]
    public void What_lasts_becomes_the_usual()
    {
        var detector = Known();
        for (var i = 0; i < 400; i++)
            detector.Judge(Start.AddMinutes(100 + i), 20, 200);
        Assert.Equal(0.1, detector.UsualShare, 0.02);
        Assert.False(detector.Alarming);
    }

    [Fact]
    public void Impossible_windows_are_refused()
    {
        var detector = new ErrorShareDetector();
        Assert.False(detector.Judge(Start, -1, 5));
        Assert.False(detector.Judge(Start, 6, 5));
        Assert.True(detector.Judge(Start, 0, 0));
    }

    [Fact]
    public void A_restored_detector_goes_on_as_the_saved_one()
    {
        var (whole, parts) = (Known(), Known());
        for (var i = 0; i < 300; i++)
        {
            if (i % 20 == 7)
                parts = ErrorShareDetector.Restore(parts.Save())!;
            foreach (var detector in new[] { whole, parts })
                detector.Judge(Start.AddMinutes(100 + i), i % 90 > 60 ? 10 : 2, 100);
            Assert.Equal((whole.Alarming, whole.Since, whole.UsualShare, whole.RecentShare), (parts.Alarming, parts.Since, parts.UsualShare, parts.RecentShare));
        }
        Assert.Null(ErrorShareDetector.Restore([1]));
    }

    private static ErrorShareDetector Known()
    {
        var detector = new ErrorShareDetector();
        for (var i = 0; i < 100; i++)
            detector.Judge(Start.AddMinutes(i), 2, 200);
        return detector;
    }
}
