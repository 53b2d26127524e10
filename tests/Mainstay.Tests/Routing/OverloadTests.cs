namespace Mainstay.Tests.Routing;

/// <summary>
/// What servers behind gateways that have to find out their limits answer in time while five times as much arrives as they carry.
/// </summary>
public sealed class OverloadTests
{
    private const double Load = 5;
    private const double Before = 0.6;
    private const int Seeds = 10;

    private static readonly Dictionary<string, OverloadedServers.World> Worlds = new(StringComparer.Ordinal)
    {
        ["collapsing"] = new() { WaitingCost = 0.02 },
        ["two gateways"] = new() { WaitingCost = 0.02, Gateways = 2 },
        ["heavy tail"] = new() { Sigma = 1 },
        ["collapsing, heavy tail"] = new() { Sigma = 1, WaitingCost = 0.02 },
        ["one slot"] = new() { Slots = 1, Mean = 0.02 },
        ["64 slots"] = new() { Slots = 64, Mean = 0.2 },
        ["work that shares its server"] = new() { Slots = 64, Mean = 0.02, BatchCost = 0.05 },
    };

    [Theory]
    [InlineData("collapsing", 0.93, 0.999)]
    [InlineData("two gateways", 0.80, 0.93)]
    [InlineData("heavy tail", 0.85, 0.95)]
    [InlineData("collapsing, heavy tail", 0.80, 0.90)]
    [InlineData("one slot", 0.95, 0.999)]
    [InlineData("64 slots", 0.90, 0.90)]
    [InlineData("work that shares its server", 0.70, 0.999)]
    public void At_five_times_their_capacity_servers_answer_what_they_can_and_the_critical_first(string world, double goodput, double critical)
    {
        for (var seed = 1; seed <= Property.Cases(Seeds); seed++)
        {
            var servers = new OverloadedServers(Worlds[world], seed);
            servers.Run(10, Before * servers.Capacity);
            var overload = servers.Run(10, Load * servers.Capacity);
            // What arrived at the end of the overload may still be under way in the second after it.
            servers.Run(1, Before * servers.Capacity);
            var after = servers.Run(5, Before * servers.Capacity);
            var seen = $"seed {seed}: goodput {overload.Goodput / servers.Capacity:0.000}, critical {overload.Critical:0.0000}, afterwards {after.Success:0.000}";
            Assert.True(overload.Goodput > goodput * servers.Capacity && overload.Critical >= critical && after.Success > 0.95, seen);
        }
    }

    [Fact]
    public void Gateways_that_know_nothing_of_each_other_do_not_starve_their_servers_for_ever()
    {
        for (var seed = 1; seed <= Property.Cases(Seeds); seed++)
        {
            var servers = new OverloadedServers(Worlds["two gateways"], seed);
            servers.Run(20, Load * servers.Capacity);
            var later = servers.Run(20, Load * servers.Capacity);
            Assert.True(later.Goodput > 0.5 * servers.Capacity, $"seed {seed}: goodput {later.Goodput / servers.Capacity:0.000}");
        }
    }

    [Fact]
    public void Work_that_takes_three_times_as_long_from_now_on_is_no_queue()
    {
        for (var seed = 1; seed <= Property.Cases(Seeds); seed++)
        {
            var servers = new OverloadedServers(Worlds["collapsing"], seed);
            servers.Run(10, Before * servers.Capacity);
            servers.Run(10, Load * servers.Capacity);
            servers.SetMean(0.24);
            var capacity = servers.Capacity / 3;
            servers.Run(10, Load * capacity);
            var later = servers.Run(20, Load * capacity);
            Assert.True(later.Goodput > 0.75 * capacity, $"seed {seed}: goodput {later.Goodput / capacity:0.000}");
        }
    }
}
