using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Who waits, who is served first, and who is shed.</summary>
public sealed class AdmissionTests
{
    private static readonly AdmissionPolicy Policy = new() { Queue = 3, Wait = TimeSpan.FromMilliseconds(500) };
    private readonly ManualTime _clock = new();
    private readonly LiveService _service;
    private readonly LiveServer.Place _place;

    public AdmissionTests()
    {
        _service = Live(_clock);
        _place = _service.Servers[0].TryEnter(force: false)!;
    }

    [Fact]
    public void A_free_place_is_handed_to_the_most_important()
    {
        var (sheddable, standard, critical) = (Wait(Priority.Sheddable), Wait(Priority.Default), Wait(Priority.Critical));
        Assert.Equal(3, _service.Admission.Waiting);
        _place.Leave(failed: false);
        var (place, why) = Ended(critical);
        Assert.Equal(Shed.No, why);
        Assert.Equal(1, _service.Servers[0].Outstanding);
        place!.Leave(failed: false);
        Ended(standard).Place!.Leave(failed: false);
        Assert.False(sheddable.IsFaulted);
        Ended(sheddable).Place!.Leave(failed: false);
        Assert.Equal((0, 0), (_service.Admission.Waiting, _service.Servers[0].Outstanding));
    }

    [Fact]
    public void A_full_queue_sheds_the_least_important_first()
    {
        var (a, b, c) = (Wait(Priority.Default), Wait(Priority.Sheddable), Wait(Priority.Default));
        var critical = Wait(Priority.Critical);
        Assert.Equal(Shed.QueueFull, Ended(b).Why);
        var other = Wait(Priority.Default);
        Assert.Equal(Shed.QueueFull, Ended(a).Why);
        Assert.Equal(Shed.QueueFull, Ended(Wait(Priority.Sheddable)).Why);
        Assert.False(c.IsCompleted || critical.IsCompleted || other.IsCompleted);
        Assert.Equal((2, 1, 0), (_service.Admission.ShedOf(Priority.Sheddable), _service.Admission.ShedOf(Priority.Default), _service.Admission.ShedOf(Priority.Critical)));
    }

    [Fact]
    public void What_was_shed_is_told_for_ten_seconds_by_priority()
    {
        var (a, b, c) = (Wait(Priority.Default), Wait(Priority.Sheddable), Wait(Priority.Critical));
        _ = Wait(Priority.Default);
        _ = Wait(Priority.Sheddable);
        var report = _service.Report(_clock.GetUtcNow());
        Assert.Equal((3, 0, 0, 2), (report.Waiting, report.ShedCritical, report.ShedDefault, report.ShedSheddable));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(a.IsCompleted && b.IsCompleted && c.IsCompleted);
        report = _service.Report(_clock.GetUtcNow());
        Assert.Equal((0, 1, 2, 2), (report.Waiting, report.ShedCritical, report.ShedDefault, report.ShedSheddable));
        _clock.Advance(TimeSpan.FromSeconds(11));
        report = _service.Report(_clock.GetUtcNow());
        Assert.Equal((0, 0, 0), (report.ShedCritical, report.ShedDefault, report.ShedSheddable));
    }

    [Fact]
    public void Nobody_waits_longer_than_the_service_allows()
    {
        var waiting = Wait(Priority.Critical);
        _clock.Advance(TimeSpan.FromMilliseconds(490));
        Assert.False(waiting.IsCompleted);
        _clock.Advance(TimeSpan.FromMilliseconds(20));
        Assert.Equal(Shed.WaitedTooLong, Ended(waiting).Why);
        Assert.Equal(0, _service.Admission.Waiting);
        Assert.Equal(0, _clock.ArmedTimers);
    }

    [Fact]
    public void A_caller_that_leaves_frees_its_place_in_the_queue_at_once()
    {
        using var caller = new CancellationTokenSource();
        var waiting = Wait(Priority.Default, caller: caller.Token);
        caller.Cancel();
        Assert.Equal(Shed.CallerLeft, Ended(waiting).Why);
        Assert.Equal(0, _service.Admission.Waiting);
        Assert.Equal(0, _service.Admission.ShedOf(Priority.Default));
        // One that had left before is not kept, either.
        Assert.Equal(Shed.CallerLeft, Ended(Wait(Priority.Default, caller: caller.Token)).Why);
    }

    [Fact]
    public void Whose_deadline_cannot_be_met_any_more_is_not_served()
    {
        var late = Wait(Priority.Critical, within: TimeSpan.FromMilliseconds(50));
        var other = Wait(Priority.Default);
        _clock.Advance(TimeSpan.FromMilliseconds(55));
        _place.Leave(failed: false);
        Assert.Equal(Shed.TooLate, Ended(late).Why);
        Assert.NotNull(Ended(other).Place);
    }

    [Fact]
    public void The_oldest_goes_first_and_once_the_queue_has_stood_for_a_while_the_newest()
    {
        var (a, b, c) = (Wait(Priority.Default), Wait(Priority.Default), Wait(Priority.Default));
        _place.Leave(failed: false);
        var place = Ended(a).Place!;
        _clock.Advance(TimeSpan.FromMilliseconds(101));
        place.Leave(failed: false);
        Ended(c);
        Assert.False(b.IsCompleted);
    }

    [Fact]
    public void What_becomes_free_by_time_alone_is_handed_over_within_a_beat()
    {
        _place.Leave(failed: false);
        _service.Servers[0].BringDown();
        var waiting = Wait(Priority.Default);
        Assert.False(waiting.IsCompleted);
        _service.Servers[0].Breaker.Hint();
        _clock.Advance(TimeSpan.FromMilliseconds(20));
        Assert.NotNull(Ended(waiting).Place);
    }

    [Fact]
    public void It_counts_as_overloaded_for_a_second_after_it_shed_somebody()
    {
        Assert.False(_service.Admission.IsOverloaded);
        var waiting = Wait(Priority.Default);
        Assert.True(_service.Admission.IsOverloaded);
        _clock.Advance(TimeSpan.FromMilliseconds(510));
        Ended(waiting);
        Assert.True(_service.Admission.IsOverloaded);
        _clock.Advance(TimeSpan.FromMilliseconds(1010));
        Assert.False(_service.Admission.IsOverloaded);
    }

    [Fact]
    public void Places_never_leak_nor_exceed_the_limit_whatever_the_order_of_things()
    {
        // An act, a priority and which: come, end an attempt, leave the queue, or let time pass.
        var steps = Gen.Choose(0, 5).SelectMany(act => Gen.Choose(0, 99).Select(which => (act, which))).ListOf();
        Property.Holds(steps, run =>
        {
            var clock = new ManualTime();
            var service = Live(clock, limit: 2, servers: 2);
            var waiting = new List<(Priority Priority, CancellationTokenSource Caller, Task<(LiveServer.Place? Place, Shed)> Task)>();
            var under = new List<LiveServer.Place>();
            foreach (var (act, which) in run)
            {
                if (act <= 2)
                {
                    var caller = new CancellationTokenSource();
                    var priority = (Priority)(which % 3);
                    waiting.Add((priority, caller, Wait(service, clock, priority, TimeSpan.FromSeconds(60), caller.Token)));
                }
                else if (act == 3 && under.Count > 0)
                {
                    under[which % under.Count].Leave(failed: which % 7 == 0);
                    under.RemoveAt(which % under.Count);
                }
                else if (act == 4 && waiting.Count > 0)
                    waiting[which % waiting.Count].Caller.Cancel();
                else if (act == 5)
                    clock.Advance(TimeSpan.FromMilliseconds(which * 6));
                var left = waiting.Where(w => !w.Task.IsCompleted).ToList();
                foreach (var (priority, _, task) in waiting.Except(left))
                    if (task.Result.Place is { } place)
                        under.Add(place);
                waiting = left;
                if (service.Servers.Any(s => s.Outstanding > 2) || service.Servers.Sum(s => s.Outstanding) != under.Count
                    || service.Admission.Waiting != waiting.Count || waiting.Count > Policy.Queue)
                    return false;
            }
            waiting.ForEach(w => w.Caller.Cancel());
            under.ForEach(p => p.Leave(failed: null));
            return service.Servers.All(s => s.Outstanding == 0) && service.Admission.Waiting == 0 && clock.ArmedTimers == 0;
        });
    }

    [Fact]
    public void The_more_important_never_waits_behind_the_less_important()
    {
        var priorities = Gen.Choose(0, 2).Select(p => (Priority)p).ListOf();
        Property.Holds(priorities, all =>
        {
            var clock = new ManualTime();
            var service = Live(clock);
            var place = service.Servers[0].TryEnter(force: false)!;
            var waiting = all.Select(p => (Priority: p, Task: Wait(service, clock, p, TimeSpan.FromSeconds(60), default))).ToList();
            waiting.RemoveAll(w => w.Task.IsCompleted);
            // Whoever was shed mattered no more than any who waits.
            while (waiting.Count > 0)
            {
                place.Leave(failed: false);
                var served = waiting.Single(w => w.Task.IsCompleted);
                if (served.Priority != waiting.Min(w => w.Priority))
                    return false;
                waiting.Remove(served);
                place = served.Task.Result.Place!;
            }
            return true;
        });
    }

    private static LiveService Live(ManualTime clock, int limit = 1, int servers = 1) => Tables.Live(
        Tables.Service([.. Enumerable.Range(0, servers).Select(i => Tables.Server($"s{i}", "r1"))]) with
        {
            Limits = new LimitPolicy { Concurrency = limit },
        },
        clock);

    private Task<(LiveServer.Place? Place, Shed Why)> Wait(Priority priority, TimeSpan? within = null, CancellationToken caller = default) =>
        Wait(_service, _clock, priority, within ?? TimeSpan.FromSeconds(60), caller);

    private static Task<(LiveServer.Place? Place, Shed Why)> Wait(
        LiveService service, ManualTime clock, Priority priority, TimeSpan within, CancellationToken caller)
    {
        LiveServer.Place? Enter() => service.Servers.Select(s => s.TryEnter(force: false)).FirstOrDefault(p => p is not null);
        return service.Admission.WaitAsync(priority, Policy, Enter, clock.GetTimestamp() + within.Ticks, caller);
    }

    private static (LiveServer.Place? Place, Shed Why) Ended(Task<(LiveServer.Place? Place, Shed Why)> wait)
    {
        Assert.True(wait.IsCompleted);
        return wait.Result;
    }
}
