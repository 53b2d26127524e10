using FsCheck.Fluent;
using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class RecordAgeTests
{
    /// <summary>The age is known to within its block: no point that is surely younger was as high, and one that is at most four times as old was.</summary>
    [Fact]
    public void The_age_is_that_of_the_last_point_as_high() => Property.Holds(
        Gen.Choose(0, 50).ArrayOf(300),
        values =>
        {
            var record = new RecordAge();
            for (var n = 0; n < values.Length; n++)
            {
                var age = record.Of(values[n], out var highest);
                var last = Array.FindLastIndex(values, Math.Max(0, n - 1), n, v => v >= values[n]);
                if (n > 0 && (last < 0) != float.IsFinite(highest))
                    return false;
                if (last < 0 && n > 0 && (age != n || highest != values[..n].Max()))
                    return false;
                if (last >= 0 && ((n - last) * 2.7 < age || (n - last) > age * 2.7))
                    return false;
                record.Add(values[n]);
            }
            return true;
        },
        cases: 500);
}
