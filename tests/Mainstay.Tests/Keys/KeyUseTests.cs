using FsCheck.Fluent;
using Mainstay.Routing.Keys;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Tests.Keys;

/// <summary>What a key may use in a minute and on a day.</summary>
public sealed class KeyUseTests
{
    private static readonly CallerKey Key = new() { Name = "team-a", Sha256 = new string('0', 64) };

    private static KeyUse Of(TimeProvider clock, CallerKey key)
    {
        var use = new KeyUse(clock);
        use.SetLimits(key);
        return use;
    }

    /// <summary>Whatever comes whenever: in no minute more than the limit and one burst, and no more requests than that either.</summary>
    [Fact]
    public void No_minute_brings_more_than_the_limit_and_one_burst() => Property.Holds(
        from pauses in Gen.Choose(0, 20_000).Two().Select(p => p.Item1 * p.Item2 / 20_000).ListOf(80)
        from tokens in Gen.Choose(1, 400).ListOf(80)
        select pauses.Zip(tokens).ToList(),
        steps =>
        {
            var clock = new ManualTime();
            var use = Of(clock, Key with { Rate = new KeyRate(10, 1000) });
            var taken = new List<(DateTimeOffset At, long Tokens)>();
            foreach (var (pause, tokens) in steps)
            {
                clock.Advance(TimeSpan.FromMilliseconds(pause));
                if (use.TryTake("fast", tokens, 0, 0, out _) is { } ticket)
                {
                    ticket.Settle(tokens, 0);
                    taken.Add((clock.GetUtcNow(), tokens));
                }
            }
            return taken.TrueForAll(first =>
            {
                var minute = taken.Where(t => t.At >= first.At && t.At < first.At + TimeSpan.FromMinutes(1)).ToList();
                return minute.Count <= 20 && minute.Sum(t => t.Tokens) <= 2000;
            });
        });

    [Fact]
    public void The_wait_that_is_told_is_exact()
    {
        var clock = new ManualTime();
        var use = Of(clock, Key with { Rate = new KeyRate(2, null) });
        Assert.NotNull(use.TryTake("fast", 1, 1, 0, out _));
        Assert.NotNull(use.TryTake("fast", 1, 1, 0, out _));
        Assert.Null(use.TryTake("fast", 1, 1, 0, out var refusal));
        Assert.Equal(new KeyRefusal(KeyLimit.Requests, 2, TimeSpan.FromSeconds(30), null), refusal);
        clock.Advance(TimeSpan.FromSeconds(29.9));
        Assert.Null(use.TryTake("fast", 1, 1, 0, out _));
        clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.NotNull(use.TryTake("fast", 1, 1, 0, out _));
    }

    [Fact]
    public void What_was_expected_is_corrected_to_what_was_used()
    {
        var use = Of(new ManualTime(), Key with { Rate = new KeyRate(null, 1000) });
        var ticket = use.TryTake("fast", 100, 800, 0, out _)!;
        Assert.Equal(100, use.Standing("fast").Tokens!.Value.Remaining);
        ticket.Settle(150, 0);
        ticket.Settle(150, 0);
        Assert.Equal(850, use.Standing("fast").Tokens!.Value.Remaining);
        use.TryTake("fast", 100, 100, 0, out _)!.Settle(1250, 0);
        Assert.Null(use.TryTake("fast", 1, 0, 0, out var refusal));
        Assert.Equal(TimeSpan.FromSeconds(401 * 60 / 1000.0), refusal!.Wait);
    }

    /// <summary>What was taken too much came back by itself while the bucket filled: it is not given twice.</summary>
    [Fact]
    public void What_has_filled_again_is_not_given_back()
    {
        var clock = new ManualTime();
        var use = Of(clock, Key with { Rate = new KeyRate(null, 1000) });
        var early = use.TryTake("fast", 0, 500, 0, out _)!;
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.NotNull(use.TryTake("fast", 0, 1000, 0, out _));
        early.Settle(0, 0);
        Assert.Null(use.TryTake("fast", 0, 400, 0, out _));
    }

    [Fact]
    public void A_model_has_its_own_limit_beside_that_of_all()
    {
        var use = Of(new ManualTime(), Key with { Rate = new KeyRate(3, null), ModelRates = [new ModelRate("fast", new KeyRate(1, null))] });
        Assert.NotNull(use.TryTake("fast", 1, 1, 0, out _));
        Assert.Null(use.TryTake("fast", 1, 1, 0, out var refusal));
        Assert.Equal("fast", refusal!.Model);
        Assert.NotNull(use.TryTake("large", 1, 1, 0, out _));
        Assert.NotNull(use.TryTake("large", 1, 1, 0, out _));
        Assert.Null(use.TryTake("large", 1, 1, 0, out refusal));
        Assert.Null(refusal!.Model);
    }

    [Fact]
    public void A_prompt_that_is_longer_than_a_minute_never_fits() =>
        Assert.True(Of(new ManualTime(), Key with { Rate = new KeyRate(null, 100) }).TryTake("fast", 101, 1, 0, out var refusal) is null && refusal!.Wait is null);

    [Fact]
    public void A_day_of_UTC_begins_with_nothing_used()
    {
        var clock = new ManualTime(new DateTimeOffset(2026, 3, 1, 23, 0, 0, TimeSpan.Zero));
        var use = Of(clock, Key with { DayTokens = 100, DayCost = 1 });
        use.TryTake("fast", 40, 20, 0.1, out _)!.Settle(90, 0.1);
        Assert.Null(use.TryTake("fast", 11, 0, 0, out var refusal));
        Assert.Equal(new KeyRefusal(KeyLimit.DayTokens, 100, TimeSpan.FromHours(1), null), refusal);
        clock.Advance(TimeSpan.FromHours(1));
        use.TryTake("fast", 50, 50, 1, out _)!.Settle(10, 1);
        Assert.Null(use.TryTake("fast", 1, 0, 0, out refusal));
        Assert.Equal(KeyLimit.DayCost, refusal!.Of);
    }

    /// <summary>Requests that come at once cannot spend the same rest of a budget.</summary>
    [Fact]
    public void What_is_under_way_is_kept_of_the_budget()
    {
        var use = Of(new ManualTime(), Key with { DayCost = 1 });
        var first = use.TryTake("fast", 1, 1, 0.4, out _)!;
        Assert.NotNull(use.TryTake("fast", 1, 1, 0.4, out _));
        Assert.Null(use.TryTake("fast", 1, 1, 0.4, out _));
        Assert.False(first.TryHold(0.7));
        Assert.True(first.TryHold(0.6));
        first.Settle(2, 0.1);
        Assert.NotNull(use.TryTake("fast", 1, 1, 0.4, out _));
    }

    [Fact]
    public void A_budget_survives_a_restart_of_the_same_day_alone()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        var path = Path.Combine(folder, SpentFile.Name);
        try
        {
            var clock = new ManualTime();
            var table = Mainstay.Routing.RouteTable.Empty with { Keys = [Key with { DayTokens = 100 }] };
            var before = new LiveKeys(clock);
            before.Of(table)[0].Use.TryTake("fast", 60, 0, 0, out _)!.Settle(60, 0.5);
            new SpentFile(path, before, clock, NullLogger<SpentFile>.Instance).Write();
            Assert.DoesNotContain(Key.Sha256, File.ReadAllText(path), StringComparison.Ordinal);

            Assert.Null(Again().TryTake("fast", 41, 0, 0, out _));
            Assert.NotNull(Again().TryTake("fast", 40, 0, 0, out _));
            clock.Advance(TimeSpan.FromDays(1));
            Assert.NotNull(Again().TryTake("fast", 100, 0, 0, out _));
            File.WriteAllText(path, "{");
            Assert.NotNull(Again().TryTake("fast", 100, 0, 0, out _));

            KeyUse Again()
            {
                var keys = new LiveKeys(clock);
                new SpentFile(path, keys, clock, NullLogger<SpentFile>.Instance).Restore();
                return keys.Of(table)[0].Use;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
