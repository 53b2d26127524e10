using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class ExhaustionForecastTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 5, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_disk_that_fills_steadily_is_full_when_the_forecast_says()
    {
        var forecast = new ExhaustionForecast();
        var random = new Random(1);
        Exhaustion? last = null;
        for (var minute = 0; minute < 120; minute++)
            last = forecast.Judge(Start.AddMinutes(minute), 400 + minute + random.NextDouble(), 700);
        Assert.Equal(3, last!.Value.Left.TotalHours, 0.1);
        Assert.Equal(60, last.Value.PerHour, 1.0);
        Assert.InRange(last.Value.AtLeast, last.Value.Left * 0.9, last.Value.Left);
    }

    [Fact]
    public void What_only_wavers_is_never_full()
    {
        var forecast = new ExhaustionForecast();
        var random = new Random(2);
        var warnings = 0;
        for (var minute = 0; minute < 5_000; minute++)
            if (forecast.Judge(Start.AddMinutes(minute), 500 + (20 * random.NextDouble()), 700)?.Left < TimeSpan.FromHours(12))
                warnings++;
        Assert.Equal(0, warnings);
    }

    [Fact]
    public void A_burst_that_is_over_makes_nobody_hurry()
    {
        var forecast = new ExhaustionForecast();
        Exhaustion? last = null;
        for (var minute = 0; minute < 600; minute++)
            last = forecast.Judge(Start.AddMinutes(minute), minute is > 300 and < 330 ? 100 + (5 * (minute - 300)) : minute <= 300 ? 100 : 250, 300);
        Assert.True(last is null || last.Value.Left > TimeSpan.FromHours(3), last.ToString());
    }

    [Fact]
    public void After_a_clean_up_the_past_does_not_count()
    {
        var forecast = new ExhaustionForecast();
        for (var minute = 0; minute < 120; minute++)
            forecast.Judge(Start.AddMinutes(minute), 5 * minute, 700);
        Assert.Null(forecast.Judge(Start.AddMinutes(120), 100, 700));
    }

    [Fact]
    public void Full_is_full_and_nonsense_is_passed_over()
    {
        var forecast = new ExhaustionForecast();
        Assert.Equal(TimeSpan.Zero, forecast.Judge(Start, 700, 700)!.Value.Left);
        Assert.Null(forecast.Judge(Start.AddMinutes(1), double.NaN, 700));
        Assert.Null(forecast.Judge(Start.AddMinutes(1), 1, 0));
        Assert.Null(forecast.Judge(Start, 1, 700));
    }

    [Fact]
    public void A_restored_forecast_goes_on_as_the_saved_one()
    {
        var (whole, first) = (new ExhaustionForecast(), new ExhaustionForecast());
        for (var minute = 0; minute < 200; minute++)
        {
            if (minute == 77)
                first = ExhaustionForecast.Restore(first.Save())!;
            var used = (minute * 2) + (minute % 7);
            Assert.Equal(whole.Judge(Start.AddMinutes(minute), used, 1_000), first.Judge(Start.AddMinutes(minute), used, 1_000));
        }
        Assert.Null(ExhaustionForecast.Restore([1, 2, 3]));
    }
}
