using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Which of a region's servers: by work and pace, zone, and how long it has been back.</summary>
public sealed class PickerPaceTests
{
    private readonly ManualTime _clock = new();
    private readonly Picker _picker = new(seed: 1);

    [Fact]
    public void A_quicker_server_comes_first_until_its_work_outweighs_it()
    {
        var service = Live(Tables.Server("quick", "r1"), Tables.Server("slow", "r1"));
        Answer(service.Named("quick"), milliseconds: 20);
        Answer(service.Named("slow"), milliseconds: 55);
        // 20 ms x (1 + n + 1) against 55 ms x (1 + 1): quick serves while n <= 3.
        Assert.Equal(["quick", "quick", "quick", "quick", "slow"], Enter(service, 5).Take(5));
    }

    [Fact]
    public void A_server_that_hangs_is_left_before_any_deadline()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("hangs", "r1"));
        Answer(service.Named("a"), milliseconds: 50);
        Answer(service.Named("hangs"), milliseconds: 10);
        Assert.Equal("hangs", Enter(service, 1)[0]);
        _clock.Advance(TimeSpan.FromMilliseconds(150));
        Assert.Equal(["a", "a"], Enter(service, 2));
    }

    [Fact]
    public void A_server_of_which_nothing_is_known_is_thought_as_quick_as_the_quickest()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("new", "r1"));
        Answer(service.Named("a"), milliseconds: 50);
        Assert.Equal(5, Enter(service, 10).Count(name => name == "new"));
    }

    [Fact]
    public void A_slow_server_is_tried_again_when_it_was_left_alone()
    {
        var service = Live(Tables.Server("a", "r1"), Tables.Server("slow", "r1"));
        Answer(service.Named("slow"), milliseconds: 400);
        for (var second = 0; second < 60; second++)
        {
            Answer(service.Named("a"), milliseconds: 100);
            _clock.Advance(TimeSpan.FromSeconds(1));
            if (_picker.Pick(service, [], 0) == service.Named("slow"))
            {
                Assert.InRange(second, 20, 40);
                return;
            }
        }
        Assert.Fail("It was never tried again.");
    }

    [Fact]
    public void A_server_that_gets_a_part_of_its_work_back_is_chosen_by_work_alone()
    {
        var spec = Tables.Service(Tables.Server("quick", "r1"), Tables.Server("back", "r1"));
        var service = Live(spec, zone: null, new Overlay("1-1", spec.Name, "r1", "back", 0.05));
        Answer(service.Named("quick"), milliseconds: 50);
        Answer(service.Named("back"), milliseconds: 400);
        Assert.InRange(Enumerable.Range(0, 100).Count(_ => _picker.Pick(service, [], draw: 0.04)!.Name == "back"), 35, 65);
        Assert.Equal("quick", _picker.Pick(service, [], draw: 0.05)!.Name);
        Assert.Equal(5, Enter(service, 10).Count(name => name == "back"));
    }

    [Fact]
    public void The_own_zone_comes_first_until_it_would_take_twice_as_long()
    {
        var spec = Tables.Service(Tables.Server("near", "r1") with { Zone = "a" }, Tables.Server("far", "r1") with { Zone = "b" });
        var names = Enter(Live(spec, "a"), 4);
        Assert.Equal(["near", "near"], names[..2]);
        Assert.Equal(1, names.Count(name => name == "far"));
        Assert.Equal(2, Enter(Live(spec, zone: null), 4).Count(name => name == "far"));
        var service = Live(spec, "a");
        service.Named("near").Break();
        Assert.Equal("far", Enter(service, 1)[0]);
    }

    [Fact]
    public void Another_zone_is_a_reason()
    {
        var service = Live(Tables.Service(Tables.Server("near", "r1") with { Zone = "a" }, Tables.Server("far", "r1")), "a");
        var why = new PassedOver[2];
        Picker.Explain(service, [], 0, service.Named("near"), why);
        Assert.Equal([PassedOver.No, PassedOver.Zone], why);
    }

    [Fact]
    public void A_slower_server_is_passed_over_for_that()
    {
        var service = Live(Tables.Server("quick", "r1"), Tables.Server("slow", "r1"));
        Answer(service.Named("quick"), milliseconds: 20);
        Answer(service.Named("slow"), milliseconds: 50);
        var why = new PassedOver[2];
        Picker.Explain(service, [], 0, service.Named("quick"), why);
        Assert.Equal([PassedOver.No, PassedOver.Slower], why);
    }

    [Fact]
    public void A_server_that_comes_back_gets_a_tenth_at_first_and_all_of_it_after_the_slow_start()
    {
        var service = Live([.. Enumerable.Range(0, 11).Select(i => Tables.Server($"s{i}", "r1"))]);
        var back = service.Named("s0");
        back.Sicken();
        back.NoteProbe(well: true);
        back.NoteProbe(well: true);
        // A weight of 0.1 beside ten of 1.
        Assert.InRange(Enter(service, 500).Count(name => name == "s0"), 4, 6);
        _clock.Advance(TimeSpan.FromSeconds(5));
        Enter(service, 500);
        Assert.InRange(back.Outstanding, 45, 50);
        _clock.Advance(TimeSpan.FromSeconds(5));
        Enter(service, 100);
        Assert.All(service.Servers, s => Assert.InRange(s.Outstanding, 98, 102));
    }

    [Fact]
    public void A_closing_breaker_starts_slowly_and_a_new_server_only_beside_others()
    {
        var routes = new LiveRoutes(_clock);
        routes.Swap(new RouteTable(1, [Tables.Service(Tables.Server("a", "r1"))], []));
        Assert.Equal(1, LoadOf(routes.Current.Services[0].Named("a")));
        routes.Swap(new RouteTable(2, [Tables.Service(Tables.Server("a", "r1"), Tables.Server("b", "r1"))], []));
        var service = routes.Current.Services[0];
        Assert.Equal(10, LoadOf(service.Named("b")));
        var a = service.Named("a");
        a.Break();
        a.Breaker.Hint();
        a.TryEnter(force: false)!.Leave(failed: false);
        Assert.False(a.Breaker.IsOpen);
        Assert.Equal(10, LoadOf(a));
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(1, LoadOf(a));
    }

    private static double LoadOf(LiveServer server) => server.Load(server.Now, slowStart: 10 * TimeSpan.TicksPerSecond);

    private string[] Enter(LiveService service, int count)
    {
        var names = new string[count];
        for (var i = 0; i < count; i++)
        {
            var server = _picker.Pick(service, [], 0)!;
            Assert.NotNull(server.TryEnter(force: false));
            names[i] = server.Spec.Name;
        }
        return names;
    }

    private static void Answer(LiveServer server, int milliseconds)
    {
        var place = server.TryEnter(force: false)!;
        place.NoteFirstByte(TimeSpan.FromMilliseconds(milliseconds), AttemptResult.Answered, refused: false);
        place.Leave(failed: false);
    }

    private LiveService Live(params System.Collections.Immutable.ImmutableArray<Server> servers) => Live(Tables.Service(servers), zone: null);

    private LiveService Live(Service service, string? zone, params System.Collections.Immutable.ImmutableArray<Overlay> overlays)
    {
        var routes = new LiveRoutes(_clock);
        routes.Swap(new RouteTable(1, [service], overlays) { Zone = zone });
        return routes.Current.Services[0];
    }
}
