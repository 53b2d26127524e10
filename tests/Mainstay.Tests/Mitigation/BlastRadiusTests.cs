using Mainstay.Control;
using Mainstay.Control.Mitigation;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Mitigation;

public sealed class BlastRadiusTests
{
    [Theory]
    // Two regions of one server each are left; a fifth more than the rate may be asked for.
    [InlineData(100, 60.0, true, BlastVerdict.Carried)]
    [InlineData(101, 60.0, true, BlastVerdict.OverCapacity)]
    [InlineData(101, 60.0, false, BlastVerdict.Unknown)]
    [InlineData(1, null, false, BlastVerdict.Unknown)]
    public void What_the_others_carry_decides(double rate, double? capacity, bool declared, BlastVerdict verdict)
    {
        var regions = new[] { Region("a", 1, capacity), Region("b", 1, capacity), Region("c", 1, capacity) }
            .Select(r => r with { Servers = [.. r.Servers.Select(s => s with { IsCapacityDeclared = declared })] });
        var service = Assert.Single(Measure(Seen(rate, [.. regions]), "a").Services);
        Assert.Equal((verdict, 1, 2), (service.Verdict, service.ServersTaken, service.ServersLeft));
    }

    [Fact]
    public void Servers_that_are_unwell_or_held_back_or_drained_are_not_left()
    {
        var regions = new[] { Region("a", 2, 100), Region("b", 2, 100), Region("c", 2, 100) };
        regions[1] = regions[1] with { Servers = [regions[1].Servers[0] with { Well = false }, regions[1].Servers[1] with { BreakerOpen = true }] };
        var seen = Seen(10, regions);
        Assert.Equal(2, Measure(seen, "a").Services[0].ServersLeft);
        seen = seen with { Drains = [Drained("c")] };
        var blast = Measure(seen, "a");
        Assert.True(blast.LeavesNobody);
        Assert.Contains("c is drained by ada", Assert.Single(blast.Elsewhere), StringComparison.Ordinal);
        Assert.False(Measure(seen with { Drains = [Drained("c") with { Service = "vision" }] }, "a").LeavesNobody);
        Assert.Equal(1, Measure(seen, null, "a2").Services[0].ServersLeft);
    }

    [Fact]
    public void Remedies_in_force_and_open_incidents_are_named()
    {
        var blast = Measure(DashboardSamples.Snapshot, "us-west-2");
        Assert.Equal(["moderation", "chat"], blast.Services.Select(s => s.Service).OrderDescending());
        Assert.Contains(blast.Elsewhere, line => line.StartsWith("incident 41 is open", StringComparison.Ordinal));
        Assert.Contains("remedy 41-1 is in force: drain us-east-1 of moderation", blast.Elsewhere);
    }

    [Fact]
    public void A_server_of_two_regions_needs_its_region()
    {
        var same = Region("b", 1, 100) with { Servers = [.. Region("a", 1, 100).Servers] };
        var seen = Seen(1, [Region("a", 1, 100), same]);
        Assert.Null(BlastRadius.TryMeasure(seen, null, null, "a1", out var wrong));
        Assert.Contains("stands in a and b", wrong, StringComparison.Ordinal);
        Assert.NotNull(BlastRadius.TryMeasure(seen, null, "b", "a1", out _));
    }

    private static BlastRadius Measure(Snapshot seen, string? region, string? server = null) =>
        BlastRadius.TryMeasure(seen, null, region, server, out _)!;

    private static Snapshot Seen(double rate, RegionStatus[] regions) => Snapshot.None with
    {
        Services = [new("chat", new(rate, 0, 1, 1), [.. regions], [])],
    };

    private static RegionStatus Region(string name, int servers, double? capacity) => new(
        name, 1, "well", TrafficStatus.None,
        [.. Enumerable.Range(1, servers).Select(i => new ServerStatus($"{name}{i}", 1, "stable", true, false, 0, capacity, TrafficStatus.None) { IsCapacityDeclared = capacity is not null })],
        []);

    private static Drain Drained(string region) => new() { Number = 1, Region = region, Who = "ada", Why = "", Since = Scene.Start };
}
