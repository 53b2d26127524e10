using FsCheck.Fluent;
using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class RecordAgeTests
{
    [Fact]
    public void The_age_is_that_of_the_last_point_as_high() => Property.Holds(
        Gen.Choose(0, 50).ArrayOf(300),
        values =>
        {
            var record = new RecordAge<FourteenLevels>();
            for (var n = 0; n < values.Length; n++)
            {
                var age = record.Of(values[n], out var highest);
                var last = n == 0 ? -1 : Array.FindLastIndex(values, n - 1, n, v => v >= values[n]);
                var right = last < 0
                    ? n == 0 || (age == n && highest == values[..n].Max())
                    : float.IsNaN(highest) && age <= (n - last) * 2.7 && n - last <= age * 2.7;
                if (!right || (n > 0 && record.Highest() != values[..n].Max()))
                    return false;
                record.Add(values[n]);
            }
            return true;
        },
        cases: 500);

    [Fact]
    public void What_is_older_than_the_largest_block_is_forgotten()
    {
        var record = new RecordAge<FourteenLevels>();
        record.Add(100);
        for (var i = 0; i < 20_000; i++)
            record.Add(i % 10);
        Assert.Equal(9, record.Highest());
        Assert.Equal(8_192, record.Of(50, out var highest));
        Assert.Equal(9, highest);
    }

    [Fact]
    public void A_record_makes_two_however_long_the_past_is()
    {
        foreach (var length in new[] { 200, 1_000, 5_000 })
        {
            var record = new RecordBand();
            for (var i = 0; i < length; i++)
                record.Add(i % 10);
            Assert.Equal(2, record.Surprise(9.2, 1), 0.1);
            Assert.Equal(2, record.Surprise(-0.2, 1), 0.1);
            Assert.InRange(record.Surprise(5, 1), 0, 0.5);
            Assert.Equal(3, record.Surprise(9 + 9, 1), 0.01);
            Assert.Equal((0, 9), record.Range());
        }
    }

    /// <summary>A slow rise is a record although each point is hardly higher than the one before; half as large it is none.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(0.4, false)]
    public void A_slow_rise_is_measured_against_what_was_before_it(double rise, bool record)
    {
        var mean = new SmoothBand();
        for (var i = 0; i < 1_000; i++)
            mean.Add(10 + (0.01 * (i % 3)));
        var highest = 0.0;
        for (var i = 1; i <= 30; i++)
        {
            highest = Math.Max(highest, mean.Surprise(10 + (rise * i / 30), 1));
            mean.Add(10 + (rise * i / 30));
        }
        Assert.Equal(record, highest >= 2);
    }
}
