using System.Globalization;
using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class DecisionRingTests
{
    private readonly ManualTime _clock = new();

    [Fact]
    public void A_slot_takes_512_bytes_so_that_the_ring_takes_32_MiB() =>
        Assert.Equal(512, System.Runtime.CompilerServices.Unsafe.SizeOf<DecisionSlot>());

    [Fact]
    public void A_choice_says_of_every_server_why_not()
    {
        var service = Tables.Live(
            Tables.Service(
                Tables.Server("a1", "a"), Tables.Server("a2", "a"), Tables.Server("b1", "b"), Tables.Server("b2", "b"), Tables.Server("c1", "c", rank: 2)),
            _clock, new Overlay("7", null, "a", "a2", 0.05));
        service.Named("a1").Break();
        Assert.NotNull(service.Named("b1").TryEnter(force: false));
        var ring = new DecisionRing(_clock);
        var record = ring.Begin("f-1f", service, 118, 0.5);
        record.Chose([], 0.5, service.Named("b2"));
        _clock.Advance(TimeSpan.FromMilliseconds(4));
        record.Tried(service.Named("b2"), AttemptResult.Answered, 200, record.Arrived, TimeSpan.FromMilliseconds(3));
        record.Ended(OutcomeResult.Succeeded, 200, TimeSpan.FromMilliseconds(3), TimeSpan.FromMilliseconds(4));

        var decision = ring.Find("f-1f", out var why)!;
        Assert.Equal("", why);
        Assert.Equal(
            ("f-1f", "moderation", 118L, OutcomeResult.Succeeded, 200), (decision.RequestId, decision.Service, decision.TableVersion, decision.Result, decision.Status));
        var choice = decision.Steps[0];
        Assert.Equal(("b2", "b"), (choice.Server, choice.Region));
        Assert.Equal(
            [("b2", PassedOver.No, 0), ("b1", PassedOver.Busier, 1), ("c1", PassedOver.Rank, 0), ("a1", PassedOver.BreakerOpen, 0), ("a2", PassedOver.Drained, 0)],
            choice.Candidates.OrderBy(c => c.Server != "b2").ThenBy(c => c.Why is PassedOver.BreakerOpen or PassedOver.Drained).Select(c => (c.Server, c.Why, c.Outstanding)));
        Assert.Equal(0.05, choice.Candidates.Single(c => c.Server == "a2").Share);
        Assert.Equal((AttemptResult.Answered, 200, 3.0), (decision.Steps[1].Result, decision.Steps[1].Status, decision.Steps[1].FirstByte.TotalMilliseconds));
    }

    [Fact]
    public void What_does_not_fit_is_counted()
    {
        var service = Tables.Live(Tables.Service([.. Enumerable.Range(0, 100).Select(i => Tables.Server($"a{i}", "a"))]), _clock);
        var record = new DecisionRing(_clock) is var ring ? ring.Begin("f-1", service, 1, 0) : default;
        for (var i = 0; i < 9; i++)
        {
            record.Chose([], 0, service.Servers[99]);
            record.Tried(service.Servers[99], AttemptResult.Broken, 0, record.Arrived, default);
        }
        var decision = ring.Find("f-1", out _)!;
        Assert.Equal([16, 16, 0, 0, 0, 0], decision.Steps.Where(s => s.Kind == DecisionStepKind.Choice).Select(s => s.Candidates.Length));
        Assert.Equal((84, 100), (decision.Steps[0].CandidatesLeftOut, decision.Steps[4].CandidatesLeftOut));
        Assert.Equal("a99", decision.Steps[0].Candidates[0].Server);
        Assert.Equal(6, decision.StepsLeftOut);
    }

    [Fact]
    public void A_request_that_came_a_round_later_takes_the_place_and_the_former_holder_writes_no_more()
    {
        var ring = new DecisionRing(_clock, capacity: 16);
        var first = ring.Begin("f-3", null, 1, 0);
        var second = ring.Begin("f-13", null, 2, 0);
        first.Ended(OutcomeResult.Failed, 502, default, default);
        first.Acted(Reflex.Shed);
        Assert.Null(ring.Find("f-3", out _));
        Assert.Null(ring.Find("f-13", out _)!.Result);
        Assert.Empty(ring.Find("f-13", out _)!.Steps);
        second.Ended(OutcomeResult.Succeeded, 200, default, default);
        Assert.Equal(200, ring.Find("f-13", out _)!.Status);
        ring.Begin("f-3", null, 9, 0).Ended(OutcomeResult.Failed, 500, default, default);
        Assert.Equal(2, ring.Find("f-13", out _)!.TableVersion);
    }

    [Theory]
    [InlineData("f-99", "has not come in yet; the newest is f-20")]
    [InlineData("f-1", "is not in the record. The record reaches back to 2026-01-01 00:00:17 UTC (16 requests)")]
    [InlineData("e-20", "ids of this one begin with f-")]
    [InlineData("nonsense", "is not in the record")]
    [InlineData("f-xyz", "is not in the record")]
    [InlineData("f-7fffffffffffffffff", "is not in the record")]
    [InlineData("", "is not in the record")]
    public void An_unknown_id_is_told_how_far_back_the_record_reaches(string id, string expected)
    {
        var ring = new DecisionRing(_clock, capacity: 16);
        Assert.Null(ring.Find(id, out var none));
        Assert.Contains("No request has come in", none, StringComparison.Ordinal);
        for (var number = 1; number <= 32; number++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            ring.Begin($"f-{number:x}", null, 1, 0);
        }
        Assert.Null(ring.Find(id, out var why));
        Assert.Contains(expected, why, StringComparison.Ordinal);
        Assert.Contains("kept in the process that served the request", why, StringComparison.Ordinal);
    }

    /// <summary>Every field of a record follows from its number, so a record mixed of two requests, or of two states of one,
    /// shows. Few places make writers meet.</summary>
    [Fact]
    public void A_record_is_never_torn_however_many_write() => Property.Holds(
        from writers in Gen.Choose(1, 3)
        from capacity in Gen.Choose(1, 6)
        from requests in Gen.Choose(50, 400)
        select (writers, capacity, requests),
        given =>
        {
            var ring = new DecisionRing(_clock, given.capacity);
            var last = 0L;
            var torn = 0;
            var found = 0;
            void Write()
            {
                while (Interlocked.Increment(ref last) is var n && n <= given.requests)
                {
                    var record = ring.Begin(string.Create(CultureInfo.InvariantCulture, $"f-{n:x}"), null, n, n);
                    for (var i = 0; i < 5; i++)
                        record.Acted(Reflex.Waited, n, n % 60_000);
                    record.Ended(OutcomeResult.Succeeded, (int)(n % 60_000), new TimeSpan(n), new TimeSpan(n));
                }
            }
            void Read()
            {
                while (Volatile.Read(ref last) is var n && n <= given.requests)
                {
                    for (var back = 0; back <= given.capacity; back++)
                    {
                        if (n - back <= 0 || ring.Find(string.Create(CultureInfo.InvariantCulture, $"f-{n - back:x}"), out _) is not { } decision)
                            continue;
                        found++;
                        if (!IsWhole(decision, n - back))
                            Interlocked.Increment(ref torn);
                    }
                }
            }
            Task.WaitAll([Task.Run(Read), .. Enumerable.Range(0, given.writers).Select(_ => Task.Run(Write))]);
            // At rest the newest of each place is there, and whole.
            for (var n = given.requests - given.capacity + 1; n <= given.requests; n++)
                if (n > 0 && ring.Find(string.Create(CultureInfo.InvariantCulture, $"f-{n:x}"), out _) is { } rest && !(IsWhole(rest, n) && rest.Status == n))
                    torn++;
            return torn == 0;
        },
        cases: 300);

    private static bool IsWhole(Decision decision, long n) =>
        decision.TableVersion == n && decision.Draw == n
        && decision.Steps.All(s => s.Amount == n && s.Of == n)
        && (decision.Result is null ? decision.Total == default : decision.Total.Ticks == n && decision.FirstByte.Ticks == n && decision.Status == n);
}
