using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class SeasonalProfileTests
{
    private const long Monday = 1_767_571_200;
    private const int Hour = 3_600;

    [Fact]
    public void A_daily_rhythm_is_found_and_predicted_from_the_second_day()
    {
        var profile = new SeasonalProfile();
        for (var hour = 0; hour < 24 * 8; hour++)
        {
            var value = Value(hour);
            var expected = profile.Expect(Monday + (hour * Hour), value, 50);
            Assert.Equal(hour < 24 ? double.NaN : value, expected);
        }
        Assert.True(profile.IsRhythmic);

        static double Value(int hour) => hour % 24 is > 8 and < 20 ? 100 : 10;
    }

    [Fact]
    public void A_quiet_weekend_is_found_where_there_are_weeks()
    {
        var profile = new SeasonalProfile();
        var expected = double.NaN;
        for (var hour = 0; hour < 24 * 7 * 5; hour++)
            expected = profile.Expect(Monday + (hour * Hour), hour % 168 < 120 ? 100 + (hour % 24) : 10, 80);
        Assert.True(profile.IsRhythmic);
        Assert.Equal(10, expected);
    }

    [Fact]
    public void Noise_has_no_rhythm()
    {
        var profile = new SeasonalProfile();
        var random = new Random(1);
        for (var hour = 0; hour < 24 * 30; hour++)
            profile.Expect(Monday + (hour * Hour), random.NextDouble(), 0.5);
        Assert.False(profile.IsRhythmic);
    }
}
