using System.Collections.Immutable;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Which servers are far slower than their peers, and how many of them may be passed over.</summary>
public sealed class PeerCheckTests
{
    private readonly LiveRoutes _routes = new(new ManualTime());
    private readonly Random _random = new(1);
    private readonly PeerCheck _peers;

    public PeerCheckTests() => _peers = new PeerCheck(_routes);

    [Fact]
    public void A_server_that_becomes_ten_times_slower_than_its_peers_is_passed_over_within_seconds()
    {
        var service = Swap(Tables.Service(Servers(4)));
        Run(service, seconds: 10, medianOf: _ => 20);
        Assert.Empty(Slow(service));
        Run(service, seconds: 8, medianOf: name => name == "s2" ? 200 : 20);
        Assert.Equal(["s2"], Slow(service));
    }

    [Theory]
    [InlineData(20)]
    [InlineData(2000)]
    public void A_heavy_tail_that_all_have_alike_ejects_nobody(double median)
    {
        var service = Swap(Tables.Service(Servers(8)));
        Run(service, seconds: 300, medianOf: _ => median, perSecond: 8);
        Assert.Empty(Slow(service));
    }

    [Fact]
    public void Slow_all_together_is_not_slower_than_their_peers()
    {
        var service = Swap(Tables.Service(Servers(4)));
        Run(service, seconds: 10, medianOf: _ => 20);
        Run(service, seconds: 30, medianOf: _ => 2000);
        Assert.Empty(Slow(service));
    }

    [Fact]
    public void Milliseconds_that_nobody_notices_are_no_reason()
    {
        var service = Swap(Tables.Service(Servers(4)));
        Run(service, seconds: 30, medianOf: name => name == "s2" ? 9 : 1);
        Assert.Empty(Slow(service));
    }

    [Fact]
    public void Too_few_answers_are_no_evidence()
    {
        var service = Swap(Tables.Service(Servers(4)));
        Run(service, seconds: 60, medianOf: name => name == "s2" ? 2000 : 20, perSecond: 2);
        Assert.Empty(Slow(service));
    }

    [Fact]
    public void No_more_than_their_share_are_passed_over()
    {
        // A few quick ones make the measure; more slow ones than may go stay for the others.
        var service = Swap(Tables.Service(Servers(10)) with { Breaker = new BreakerPolicy { Eject = 0.2 } });
        Run(service, seconds: 30, medianOf: name => name is "s1" or "s2" or "s3" or "s4" ? 500 : 20);
        Assert.Equal(2, Slow(service).Length);
    }

    [Fact]
    public void Of_two_the_slower_one_is_passed_over()
    {
        var service = Swap(Tables.Service(Servers(2)));
        Run(service, seconds: 10, medianOf: name => name == "s0" ? 500 : 20);
        Assert.Equal(["s0"], Slow(service));
    }

    [Fact]
    public void Another_region_or_version_is_no_peer_unless_all_regions_are_used_alike()
    {
        ImmutableArray<Server> servers =
        [
            Tables.Server("near", "r1"), Tables.Server("far", "r2"), Tables.Server("new", "r1") with { Version = "v2" },
        ];
        static double Median(string name) => name == "near" ? 20 : 200;
        var apart = Swap(Tables.Service(servers));
        Run(apart, seconds: 20, Median);
        Assert.Empty(Slow(apart));
        var alike = Swap(Tables.Service(servers) with { ShareRegions = true });
        Run(alike, seconds: 20, Median);
        Assert.Equal(["far"], Slow(alike));
    }

    [Fact]
    public void Off_nobody_is_compared()
    {
        var service = Swap(Tables.Service(Servers(4)) with { Breaker = new BreakerPolicy { Slow = 0 } });
        Run(service, seconds: 30, medianOf: name => name == "s2" ? 2000 : 20);
        Assert.Empty(Slow(service));
    }

    private static ImmutableArray<Server> Servers(int count) => [.. Enumerable.Range(0, count).Select(i => Tables.Server($"s{i}", "r1"))];

    private LiveService Swap(Service service)
    {
        _routes.Swap(new RouteTable(1, [service], []));
        return _routes.Current.Services[0];
    }

    /// <summary>First bytes of lognormal length, sigma 1, on every server.</summary>
    private void Run(LiveService service, int seconds, Func<string, double> medianOf, int perSecond = 20)
    {
        for (var second = 0; second < seconds; second++)
        {
            foreach (var server in service.Servers)
                for (var i = 0; i < perSecond; i++)
                    server.FirstBytes.Add(TimeSpan.FromMilliseconds(medianOf(server.Spec.Name) * Math.Exp(Normal())));
            _peers.Beat();
        }
    }

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private static string[] Slow(LiveService service) =>
        [.. service.Servers.Where(s => s.Breaker.Standing == Hold.Slow).Select(s => s.Spec.Name)];
}
