using System.Collections.Immutable;
using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class PickerTests
{
    private readonly ManualTime _clock = new();
    private readonly Picker _picker = new(seed: 1);

    [Fact]
    public void The_first_region_that_is_well_serves()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("b", "r2"), Tables.Server("c", "r3"));
        Assert.Equal("a", Pick(service));
        service.Named("a").Sicken();
        Assert.Equal("b", Pick(service));
        service.Named("b").Break();
        Assert.Equal("c", Pick(service));
    }

    [Fact]
    public void Regions_go_by_the_order_of_the_service_not_of_its_servers()
    {
        var spec = Tables.Service(Tables.Server("a", "r1"), Tables.Server("b", "r2")) with { Regions = ["r2", "r1"] };
        Assert.Equal("b", Pick(Tables.Live(spec, _clock)));
    }

    [Fact]
    public void A_higher_rank_serves_only_what_no_server_of_a_lower_one_can()
    {
        var service = Live(Tables.Server("far", "r1", rank: 2), Tables.Server("a", "r1"), Tables.Server("b", "r2"));
        Assert.Equal("a", Pick(service));
        service.Named("a").Break();
        Assert.Equal("b", Pick(service));
        service.Named("b").Break();
        Assert.Equal("far", Pick(service));
    }

    [Fact]
    public void Within_a_region_the_least_outstanding_work_for_the_weight()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("b", "r1", weight: 3));
        var picks = new List<string?>();
        for (var i = 0; i < 40; i++)
        {
            var server = _picker.Pick(service, [], 0)!;
            Assert.NotNull(server.TryEnter(force: false));
            picks.Add(server.Spec.Name);
        }
        Assert.Equal(30, picks.Count(name => name == "b"));
    }

    [Fact]
    public void Equals_are_chosen_alike()
    {
        var service = Live([.. Enumerable.Range(0, 5).Select(i => Tables.Server($"s{i}", "r1"))]);
        var picks = Enumerable.Range(0, 10_000).GroupBy(_ => Pick(service)).ToDictionary(g => g.Key!, g => g.Count());
        Assert.Equal(5, picks.Count);
        // 2000 each; five standard deviations are 200.
        Assert.All(picks.Values, count => Assert.InRange(count, 1800, 2200));
    }

    [Fact]
    public void Shared_regions_are_used_alike()
    {
        var spec = Tables.Service(Tables.Server("a", "r1"), Tables.Server("b", "r2")) with { ShareRegions = true };
        var service = Tables.Live(spec, _clock);
        var first = _picker.Pick(service, [], 0)!;
        Assert.NotNull(first.TryEnter(force: false));
        Assert.NotEqual(first, _picker.Pick(service, [], 0));
    }

    [Theory]
    [InlineData(0, 0.0, "b")]
    [InlineData(0.25, 0.2, "a")]
    [InlineData(0.25, 0.25, "b")]
    [InlineData(1, 0.999, "a")]
    public void An_overlay_leaves_a_region_the_share_of_requests_that_draw_below_it(double share, double draw, string expected)
    {
        var spec = Tables.Service(Tables.Server("a", "r1"), Tables.Server("b", "r2"));
        var service = Tables.Live(spec, _clock, new Overlay("1-1", null, "r1", null, share));
        Assert.Equal(expected, _picker.Pick(service, [], draw)!.Spec.Name);
    }

    [Fact]
    public void An_overlay_of_one_server_leaves_its_neighbour_alone_and_other_services_untouched()
    {
        var spec = Tables.Service(Tables.Server("a", "r1"), Tables.Server("b", "r1"), Tables.Server("c", "r2"));
        var own = Tables.Live(spec, _clock, new Overlay("1-1", "moderation", "r1", "a", 0));
        Assert.All(Enumerable.Range(0, 50), _ => Assert.Equal("b", Pick(own)));
        var foreign = Tables.Live(spec, _clock, new Overlay("1-1", "other", "r1", null, 0));
        Assert.NotEqual("c", Pick(foreign));
    }

    [Fact]
    public void A_drained_server_is_used_before_none()
    {
        var spec = Tables.Service(Tables.Server("a", "r1"), Tables.Server("b", "r2"));
        var service = Tables.Live(spec, _clock, new Overlay("1-1", null, "r1", null, 0));
        service.Named("b").Break();
        Assert.Equal("a", Pick(service));
    }

    [Fact]
    public void When_none_is_well_one_that_is_not_is_used()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("b", "r2"));
        service.Named("a").Break();
        service.Named("b").Break();
        Assert.Equal("a", Pick(service));
    }

    [Fact]
    public void A_second_attempt_prefers_another_region()
    {
        var service = Live(Tables.Server("a1", "r1"), Tables.Server("a2", "r1"), Tables.Server("b", "r2"));
        var tried = ImmutableArray.Create(service.Named("a1"));
        Assert.Equal("b", Pick(service, tried));
        service.Named("b").Break();
        Assert.Equal("a2", Pick(service, tried));
    }

    [Fact]
    public void A_second_attempt_stays_in_its_rank_while_a_server_of_it_can_serve()
    {
        var service = Live(Tables.Server("a1", "r1"), Tables.Server("a2", "r1"), Tables.Server("far", "r2", rank: 2));
        var tried = ImmutableArray.Create(service.Named("a1"));
        Assert.Equal("a2", Pick(service, tried));
        service.Named("a2").Break();
        Assert.Equal("far", Pick(service, tried));
    }

    [Fact]
    public void A_full_server_spills_to_the_next_region_and_comes_back_with_the_next_second()
    {
        var service = Live(Tables.Server("a", "r1", capacity: 2), Tables.Server("b", "r2", capacity: 1));
        List<string?> served = [];
        for (var i = 0; i < 4; i++)
        {
            var server = _picker.Pick(service, [], 0)!;
            server.TryEnter(force: false)!.Leave(failed: false);
            served.Add(server.Spec.Name);
        }
        // Declared capacity is a wish, not a wall: when all are full, the first region takes the rest.
        Assert.Equal(["a", "a", "b", "a"], served);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("a", Pick(service));
    }

    [Fact]
    public void Never_a_tried_server_and_none_only_when_all_are_tried()
    {
        // A service of 1 to 9 servers: each has region, rank and a state; and which of them were tried.
        var gen = Gen.Choose(1, 9).SelectMany(count => Gen.Choose(0, 2 * 2 * 3 * 5 * 2 - 1).ListOf(count))
            .SelectMany(codes => Gen.Choose(0, 99).Select(draw => (codes.ToList(), draw / 100.0)));
        Property.Holds(gen, drawn =>
        {
            var (codes, draw) = drawn;
            var spec = Tables.Service([.. codes.Select((code, i) => Tables.Server($"s{i}", $"r{code % 3}", 1 + (code / 3 % 2), capacity: 1))]);
            var service = Tables.Live(spec, _clock, new Overlay("1-1", null, "r1", null, 0.5));
            foreach (var (server, code) in service.Servers.Zip(codes))
                Spoil(server, code / 6 % 5);
            var tried = service.Servers.Where((_, i) => codes[i] / 30 % 2 == 1).ToImmutableArray();
            var picked = _picker.Pick(service, tried, draw);
            // None of them is down: those are the only others that are never picked.
            return picked is null ? tried.Length == service.Servers.Length : !tried.Contains(picked);
        });
    }

    [Fact]
    public void A_slow_server_serves_only_what_no_other_can_and_before_one_that_fails()
    {
        var service = Live(Tables.Server("slow", "r1"), Tables.Server("b", "r2"), Tables.Server("c", "r3"));
        service.Named("slow").Breaker.Eject(TimeSpan.FromMilliseconds(10));
        Assert.Equal("b", Pick(service));
        service.Named("b").Breaker.Rest(TimeSpan.FromSeconds(5));
        service.Named("c").Breaker.Rest(TimeSpan.FromSeconds(5));
        Assert.Equal("b", Pick(service));
        service.Named("b").Break();
        service.Named("c").Break();
        Assert.Equal("slow", Pick(service));
        Assert.Equal([PassedOver.No, PassedOver.BreakerOpen, PassedOver.BreakerOpen], Explain(service, service.Named("slow"), []));
    }

    [Fact]
    public void A_server_that_is_down_is_not_picked_whatever_else_fails_until_a_try_is_due()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("b", "r1"));
        service.Named("a").BringDown();
        service.Named("b").BringDown();
        Assert.Null(Pick(service));
        Assert.Equal([PassedOver.Down, PassedOver.Down], Explain(service, null, []));
        _clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.NotNull(Pick(service));
    }

    [Fact]
    public void While_all_are_down_no_hold_is_waited_out_and_one_try_at_a_time_is_made()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("b", "r1"));
        service.Named("a").BringDown();
        service.HastenIfAllDown();
        Assert.Equal("b", Pick(service));
        service.Named("b").BringDown();
        service.HastenIfAllDown();
        service.Named(Pick(service)!).TryEnter(force: false);
        service.Named(Pick(service)!).TryEnter(force: false);
        Assert.Null(Pick(service));
        service.HastenIfAllDown();
        Assert.Null(Pick(service));
    }

    [Fact]
    public void A_lone_server_that_is_down_waits_out_its_hold()
    {
        var service = Live(Tables.Server("a", "r1"));
        service.Named("a").BringDown();
        service.HastenIfAllDown();
        Assert.Null(Pick(service));
    }

    [Fact]
    public void A_region_that_is_not_allowed_never_serves_whatever_fails()
    {
        var spec = Tables.Service(Tables.Server("a", "r1"), Tables.Server("b", "r2")) with { AllowedRegions = ["r1"] };
        var service = Tables.Live(spec, _clock, new Overlay("1-1", null, "r1", null, 0));
        service.Named("a").Sicken();
        service.Named("a").Break();
        Assert.Equal("a", Pick(service));
        Assert.Null(Pick(service, [service.Named("a")]));
        Assert.Equal([PassedOver.Tried, PassedOver.NotAllowed], Explain(service, null, tried: [service.Named("a")]));
    }

    [Fact]
    public void Every_server_that_does_not_serve_has_a_reason()
    {
        var spec = Tables.Service(
            Tables.Server("tried", "r1"), Tables.Server("neighbour", "r1"), Tables.Server("drained", "r2"), Tables.Server("broken", "r3"),
            Tables.Server("sick", "r3"), Tables.Server("full", "r3", capacity: 1), Tables.Server("busy", "r3"), Tables.Server("a", "r3"),
            Tables.Server("b", "r3"), Tables.Server("later", "r4"), Tables.Server("fallback", "r3", rank: 2));
        var service = Tables.Live(spec, _clock, new Overlay("1-1", null, "r2", null, 0.5));
        service.Named("broken").Break();
        service.Named("sick").Sicken();
        service.Named("full").TryEnter(force: false)!.Leave(failed: null);
        service.Named("busy").TryEnter(force: false);
        ImmutableArray<LiveServer> tried = [service.Named("tried")];
        var chosen = _picker.Pick(service, tried, draw: 0.5);
        Assert.Equal("r3", chosen?.Spec.Region);
        PassedOver[] ofTwins = chosen!.Spec.Name == "a" ? [PassedOver.No, PassedOver.Chance] : [PassedOver.Chance, PassedOver.No];
        Assert.Equal(
            [
                PassedOver.Tried, PassedOver.RegionTried, PassedOver.Drained, PassedOver.BreakerOpen, PassedOver.Unwell, PassedOver.Full,
                PassedOver.Busier, .. ofTwins, PassedOver.Region, PassedOver.Rank,
            ],
            Explain(service, chosen, tried, draw: 0.5));
    }

    [Fact]
    public void When_the_chosen_is_not_well_either_the_others_are_behind_it_for_another_reason()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("b", "r2"), Tables.Server("c", "r2", rank: 2));
        foreach (var server in service.Servers)
            server.Break();
        Assert.Equal([PassedOver.No, PassedOver.Region, PassedOver.Rank], Explain(service, service.Named("a"), []));
    }

    private static PassedOver[] Explain(LiveService service, LiveServer? chosen, ImmutableArray<LiveServer> tried, double draw = 0)
    {
        var why = new PassedOver[service.Servers.Length];
        Picker.Explain(service, tried, draw, chosen, why);
        return why;
    }

    private static void Spoil(LiveServer server, int how)
    {
        if (how == 1)
            server.Break();
        else if (how == 2)
            server.Sicken();
        else if (how == 3)
            server.TryEnter(force: false)!.Leave(failed: null);
    }

    private LiveService Live(params ImmutableArray<Server> servers) => Tables.Live(Tables.Service(servers), _clock);

    private string? Pick(LiveService service, ImmutableArray<LiveServer>? tried = null) =>
        _picker.Pick(service, tried ?? [], draw: 0)?.Spec.Name;
}
