using FsCheck.Fluent;
using Mainstay.Control.Storage;

namespace Mainstay.Tests.Storage;

public sealed class FactTests
{
    [Fact]
    public void Any_change_of_any_field_shows() =>
        Property.Holds(Gen.Choose(0, int.MaxValue), seed =>
        {
            var random = new Random(seed);
            var fact = Make(random);
            Fact[] changed =
            [
                fact with { Sequence = fact.Sequence + 1 },
                fact with { At = fact.At.AddTicks(random.Next(1, 1000)) },
                fact with { Kind = fact.Kind + "x" },
                fact with { Incident = fact.Incident is null ? 0 : fact.Incident + 1 },
                fact with { Incident = fact.Incident is null ? 1 : null },
                fact with { Who = fact.Who + " " },
                fact with { Text = "x" + fact.Text },
                fact with { Previous = fact.Previous.Length == 0 ? "0" : "" },
                fact with { Hash = fact.Hash.ToUpperInvariant() + "0" },
                // Text that moves from one field to the next.
                fact with { Kind = fact.Kind + fact.Who, Who = "" },
                fact with { Who = fact.Who + "|" + fact.Text.Length + "|" + fact.Text, Text = "" },
            ];
            return fact.IsGenuine && changed.All(c => c == fact || !c.IsGenuine);
        });

    [Fact]
    public void The_same_moment_in_another_time_zone_is_no_change()
    {
        var fact = Make(new Random(1));
        Assert.True((fact with { At = fact.At.ToOffset(TimeSpan.FromHours(5)) }).IsGenuine);
    }

    [Fact]
    public void Each_follows_the_one_before()
    {
        var first = Fact.After(null, Scene.Start, "note", null, "ada", "one");
        var second = Fact.After(first, Scene.Start, "note", null, "ada", "two");
        Assert.Equal((1, "", 2, first.Hash), (first.Sequence, first.Previous, second.Sequence, second.Previous));
        Assert.Equal(64, first.Hash.Length);
    }

    private static Fact Make(Random random)
    {
        var before = random.Next(2) == 0 ? null : Fact.After(null, Scene.Start, "start", null, "mainstay", "");
        return Fact.After(
            before, Scene.Start.AddTicks(random.NextInt64(1L << 50)), Word(), random.Next(3) == 0 ? null : random.Next(1, 9), Word() + "a", Word());

        string Word() => new([.. Enumerable.Range(0, random.Next(8)).Select(_ => "ab|1\"\n ü"[random.Next(8)])]);
    }
}
