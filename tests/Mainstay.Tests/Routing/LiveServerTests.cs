using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class LiveServerTests
{
    private readonly ManualTime _clock = new();

    [Fact]
    public void The_control_plane_is_told_of_limits_and_of_what_was_forced()
    {
        var given = Tables.Live(Tables.Service(Tables.Server("a", "r1", weight: 2)) with { Limits = new LimitPolicy { Concurrency = 8 } }, _clock).Servers[0];
        given.TryEnter(force: false);
        given.Break();
        given.TryEnter(force: true);
        var report = given.Report(_clock.GetUtcNow());
        Assert.Equal((16, false, 2, 2, 1L, true), (report.Limit, report.IsLimitLearned, report.Outstanding, report.Waiting, report.Forced, report.BreakerOpen));

        var learned = Tables.Live(Tables.Service(Tables.Server("a", "r1")) with { Limits = new LimitPolicy { IsAdaptive = true } }, _clock).Servers[0];
        Assert.True(learned.Report(_clock.GetUtcNow()) is { IsLimitLearned: true, Limit: > 0 });
        Assert.Null(Tables.Live(Tables.Service(Tables.Server("a", "r1")), _clock).Servers[0].Report(_clock.GetUtcNow()).Limit);
    }

    [Fact]
    public void Places_are_counted_once_whatever_the_order_of_entering_failing_and_leaving()
    {
        // Each step is an act and a number that chooses the place: enter, enter by force, leave in one of three ways (again
        // and again, too), or let time pass, so that breakers open, half-open and close on the way.
        var steps = Gen.Choose(0, 5).SelectMany(act => Gen.Choose(0, 99).Select(which => (act, which))).ListOf();
        Property.Holds(steps, run =>
        {
            var clock = new ManualTime();
            var server = Tables.Live(Tables.Service(Tables.Server("a", "r1")), clock).Servers[0];
            var places = new List<LiveServer.Place>();
            var left = new HashSet<LiveServer.Place>();
            foreach (var (act, which) in run)
            {
                var chosen = places.Count == 0 ? null : places[which % places.Count];
                if (act <= 1 && server.TryEnter(force: act == 1) is { } place)
                    places.Add(place);
                else if (act is >= 2 and <= 4 && chosen is not null)
                {
                    chosen.Leave(act switch { 2 => true, 3 => false, _ => null });
                    left.Add(chosen);
                }
                else if (act == 5)
                    clock.Advance(TimeSpan.FromMilliseconds(which * 50));
                if (server.Outstanding != places.Count - left.Count)
                    return false;
            }
            places.ForEach(p => p.Leave(failed: null));
            clock.Advance(TimeSpan.FromSeconds(30));
            // Nothing left behind: no place counted, and no try that is said to be under way for ever.
            return server.Outstanding == 0 && server.Breaker.MayEnter();
        });
    }

    [Fact]
    public void Many_threads_leave_it_at_zero()
    {
        var server = Server(Tables.Server("a", "r1"));
        Parallel.For(0, 8, worker =>
        {
            for (var i = 0; i < 2000; i++)
            {
                var place = server.TryEnter(force: true)!;
                place.Leave(failed: (i + worker) % 3 == 0);
                place.Leave(failed: null);
            }
        });
        Assert.Equal(0, server.Outstanding);
    }

    [Fact]
    public void Two_probes_in_a_row_change_what_is_believed()
    {
        var server = Server(Tables.Server("a", "r1"));
        server.NoteProbe(well: false);
        server.NoteProbe(well: true);
        server.NoteProbe(well: false);
        Assert.True(server.IsWell);
        server.NoteProbe(well: false);
        Assert.False(server.IsWell);
        server.NoteProbe(well: true);
        server.NoteProbe(well: false);
        server.NoteProbe(well: true);
        Assert.False(server.IsWell);
        server.NoteProbe(well: true);
        Assert.True(server.IsWell);
    }

    [Fact]
    public void Well_again_by_probes_it_gets_a_try_at_once()
    {
        var server = Server(Tables.Server("a", "r1"));
        server.Break();
        server.Sicken();
        server.NoteProbe(well: true);
        Assert.False(server.Breaker.MayEnter());
        server.NoteProbe(well: true);
        Assert.True(server.Breaker.MayEnter());
    }

    [Fact]
    public void Declared_capacity_counts_by_the_second()
    {
        var server = Server(Tables.Server("a", "r1", capacity: 2));
        server.TryEnter(force: false)!.Leave(failed: false);
        Assert.False(server.IsFull);
        server.TryEnter(force: false)!.Leave(failed: false);
        Assert.True(server.IsFull);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(server.IsFull);
    }

    private LiveServer Server(Server spec) => Tables.Live(Tables.Service(spec), _clock).Servers[0];
}
