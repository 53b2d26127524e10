using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class RollingCountTests
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Slice = Window / 10;

    [Fact]
    public void Counts_as_a_list_of_all_events_would()
    {
        // Each step waits some milliseconds, from none to three windows, and then counts one.
        var waits = Gen.Frequency(
            (6, Gen.Choose(0, 400)), (3, Gen.Choose(400, 3000)), (1, Gen.Choose(3000, 30_000))).ListOf();
        Property.Holds(waits, steps =>
        {
            var clock = new ManualTime();
            var count = new RollingCount(clock, Window);
            var events = new List<long>();
            foreach (var wait in steps)
            {
                clock.Advance(TimeSpan.FromMilliseconds(wait));
                var slice = clock.GetTimestamp() / Slice.Ticks;
                if (count.Count != events.Count(e => e > slice - 10))
                    return false;
                count.Add();
                events.Add(slice);
                if (count.Count != events.Count(e => e > slice - 10))
                    return false;
            }
            return true;
        });
    }

    [Fact]
    public void Clear_forgets_and_counting_goes_on()
    {
        var clock = new ManualTime();
        var count = new RollingCount(clock, Window);
        count.Add();
        count.Clear();
        Assert.Equal(0, count.Count);
        count.Add();
        clock.Advance(Window - Slice);
        Assert.Equal(1, count.Count);
        clock.Advance(Slice);
        Assert.Equal(0, count.Count);
    }
}
