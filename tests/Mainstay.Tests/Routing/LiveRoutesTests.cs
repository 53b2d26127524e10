using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class LiveRoutesTests
{
    private readonly LiveRoutes _routes = new(new ManualTime());

    [Fact]
    public void Before_the_first_table_nothing_matches() => Assert.Null(_routes.Current.Match("any", "/"));

    [Theory]
    [InlineData("any", "/v1", "v1")]
    [InlineData("any", "/v1/chat", "v1")]
    [InlineData("any", "/v1?x=1", "v1")]
    [InlineData("any", "/v1/chat/completions", "completions")]
    [InlineData("any", "/v1/chatty", "v1")]
    [InlineData("any", "/v10", "root")]
    [InlineData("any", "/V1", "root")]
    [InlineData("any", "/", "root")]
    [InlineData("chat.example", "/v1/chat/completions", "host")]
    [InlineData("CHAT.example", "/anything", "host")]
    [InlineData("chat.example.org", "/v1", "v1")]
    [InlineData("any", "/slash", "root")]
    [InlineData("any", "/slash/x", "slash")]
    public void Host_beats_prefix_and_the_longest_prefix_wins_on_segment_borders(string host, string path, string expected)
    {
        _routes.Swap(new RouteTable(
            1,
            [
                Match("root", "/"), Match("v1", "/v1"), Match("completions", "/v1/chat/completions"), Match("slash", "/slash/"),
                Match("host", "/") with { Host = "chat.example" },
            ],
            []));
        Assert.Equal(expected, _routes.Current.Match(host, path)?.Spec.Name);
    }

    [Fact]
    public void Without_a_match_there_is_no_service()
    {
        _routes.Swap(new RouteTable(1, [Match("v1", "/v1")], []));
        Assert.Null(_routes.Current.Match("any", "/"));
        Assert.Null(_routes.Current.Match("any", ""));
    }

    [Fact]
    public void A_request_keeps_the_table_it_took()
    {
        _routes.Swap(new RouteTable(1, [Match("v1", "/v1")], []));
        var kept = _routes.Current;
        _routes.Swap(new RouteTable(2, [], []));
        Assert.Equal(1, kept.Table.Version);
        Assert.NotNull(kept.Match("any", "/v1"));
        Assert.Equal(2, _routes.Current.Table.Version);
    }

    [Fact]
    public void Servers_that_stay_keep_their_state_and_take_the_new_description()
    {
        var before = Swap(1, Tables.Server("a", "r1"), Tables.Server("b", "r1"));
        before.Named("a").Break();
        var place = before.Named("b").TryEnter(force: false);
        var after = Swap(2, Tables.Server("b", "r2", weight: 2), Tables.Server("a", "r1"), Tables.Server("c", "r1"));
        Assert.Same(before.Named("a"), after.Named("a"));
        Assert.True(after.Named("a").Breaker.IsOpen);
        Assert.Equal(1, after.Named("b").Outstanding);
        // A request keeps the description of the table that it took.
        Assert.Equal("r1", before.Named("b").Spec.Region);
        Assert.Equal("r2", after.Named("b").Spec.Region);
        Assert.False(after.Named("c").Breaker.IsOpen);
        Assert.Same(before.Retries, after.Retries);
        place!.Leave(failed: false);
        Assert.Equal(0, after.Named("b").Outstanding);
    }

    [Fact]
    public void A_server_that_left_and_came_back_starts_anew()
    {
        Swap(1, Tables.Server("a", "r1")).Named("a").Break();
        Swap(2, Tables.Server("b", "r1"));
        Assert.False(Swap(3, Tables.Server("a", "r1")).Named("a").Breaker.IsOpen);
    }

    private LiveService Swap(long version, params System.Collections.Immutable.ImmutableArray<Server> servers)
    {
        _routes.Swap(new RouteTable(version, [Tables.Service(servers)], []));
        return _routes.Current.Services[0];
    }

    private static Service Match(string name, string prefix) =>
        Tables.Service(Tables.Server(name, "r1")) with { Name = name, PathPrefix = prefix };

    [Fact]
    public void A_remedy_that_gives_traffic_back_lets_breakers_try_at_once()
    {
        var routes = new LiveRoutes(new ManualTime());
        var service = Tables.Service(Tables.Server("a1", "a"), Tables.Server("b1", "b"));
        routes.Swap(new RouteTable(1, [service], [new("1-1", service.Name, "a", null, 0)]));
        var (drained, other) = (routes.Current.Services[0].Named("a1"), routes.Current.Services[0].Named("b1"));
        drained.Break();
        other.Break();
        routes.Swap(new RouteTable(2, [service], [new("1-1", service.Name, "a", null, 0)]));
        Assert.False(drained.Breaker.MayEnter());
        routes.Swap(new RouteTable(3, [service], [new("1-1", service.Name, "a", null, 0.05)]));
        Assert.True(drained.Breaker.MayEnter());
        Assert.True(drained.Breaker.IsOpen);
        Assert.False(other.Breaker.MayEnter());
    }
}
