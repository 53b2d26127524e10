using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>
/// Many callers at once, on several threads, of servers that fail in every way, with company for slow attempts, callers that leave, and tables that
/// change below all of it: every place is given back. What each server does is drawn from a seed; which request meets it, and how
/// they interleave, is not.
/// </summary>
public sealed class GatewayCrowdTests
{
    private const int Callers = 8;

    private readonly ConcurrentDictionary<string, CancellationTokenSource> _leaving = new();
    private readonly Channel<(TimeSpan By, TaskCompletionSource Done)> _moves = Channel.CreateUnbounded<(TimeSpan, TaskCompletionSource)>();

    private enum Act
    {
        Answer,
        Slow,
        Fail,
        Busy,
        Reset,
        Cut,
        Leave,
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Every_place_is_given_back(int seed)
    {
        var each = Property.Cases(600);
        await using var one = Server(seed);
        await using var two = Server(seed + 10);
        await using var three = Server(seed + 20);
        await using var house = await GatewayHouse.StartAsync(Service([one.In("r1"), two.In("r1"), three.In("r2")]));
        var moving = MoveAsync(house.Clock);
        var seen = new HashSet<LiveServer>(house.Service.Servers);
        var outcomes = new List<Outcome>();

        var asking = Enumerable.Range(0, Callers).Select(caller => Task.Run(() => AskAsync(house, seed, caller, each))).ToList();
        for (var i = 1; i <= Callers * each; i++)
        {
            outcomes.Add(await house.OutcomeAsync());
            if (i % 50 != 0)
                continue;
            // A server goes, comes back as another, with another weight.
            var (version, without) = (118 + i, (i / 50) % 3);
            Server[] servers = [one.In("r1"), two.In("r1") with { Weight = 1 + (i % 4) }, three.In("r2")];
            house.Use(new RouteTable(version, [Service([.. servers.Where((_, at) => at != without || i % 100 == 0)])], []));
            seen.UnionWith(house.Service.Servers);
        }
        await Task.WhenAll(asking).Patiently();
        _moves.Writer.Complete();
        await moving.Patiently();

        Assert.All(seen, s => Assert.Equal((0, 0), (s.Outstanding, s.Waiting)));
        // No try of a held server is thought to be under way for ever.
        house.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.All(seen, s => Assert.True(s.HasPlace && s.Breaker.MayEnter()));
        // It was as lively as it should be.
        var attempts = outcomes.SelectMany(o => o.Attempts).Select(a => a.Result).ToHashSet();
        Assert.Superset(
            new HashSet<AttemptResult> { AttemptResult.Answered, AttemptResult.ServerError, AttemptResult.Broken, AttemptResult.Truncated, AttemptResult.CallerLeft, AttemptResult.Outrun },
            attempts);
        Assert.Contains(outcomes, o => o.Rescued);
        Assert.True(seen.Count > 3);
    }

    private static Service Service(ImmutableArray<Server> servers) => Tables.Service(servers) with
    {
        Regions = ["r1", "r2"],
        Hedge = new HedgePolicy { After = TimeSpan.FromMilliseconds(100), Budget = 1 },
        Limits = new LimitPolicy { Concurrency = 4 },
        Breaker = new BreakerPolicy { Failures = 8 },
        Retry = new RetryPolicy { Budget = 1 },
        // The clock moves in leaps: only what is meant to be late is.
        Timeouts = new Timeouts { Connect = TimeSpan.FromHours(1), Idle = TimeSpan.FromHours(1), Total = TimeSpan.FromHours(2) },
    };

    private ScriptedServer Server(int seed)
    {
        var number = 0;
        return new ScriptedServer(async delivery =>
        {
            var draw = new Random((seed * 1_000_003) + Interlocked.Increment(ref number)).Next(100);
            await delivery.ReadBodyAsync();
            var act = delivery.Header("X-Leaves") is not null && draw < 50 ? Act.Leave
                : draw < 55 ? Act.Answer : draw < 70 ? Act.Slow : draw < 80 ? Act.Fail : draw < 85 ? Act.Busy : draw < 93 ? Act.Reset : Act.Cut;
            switch (act)
            {
                case Act.Leave:
                    await _leaving[delivery.Header("X-Leaves")!].CancelAsync();
                    await delivery.WaitForOtherSideToLeaveAsync();
                    break;
                case Act.Slow:
                    await PassAsync(TimeSpan.FromMilliseconds(150));
                    // Time for company to come, without which it is the one that answers.
                    for (var turn = 0; turn < 50; turn++)
                        await Task.Yield();
                    await delivery.AnswerAsync(200, "slow");
                    break;
                case Act.Reset:
                    await delivery.ResetAsync();
                    break;
                case Act.Cut:
                    await delivery.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe beginning");
                    await delivery.CloseAsync();
                    break;
                default:
                    await delivery.AnswerAsync(act == Act.Fail ? 500 : act == Act.Busy ? 503 : 200, "whole");
                    break;
            }
        });
    }

    private async Task AskAsync(GatewayHouse house, int seed, int caller, int requests)
    {
        var random = new Random((seed * 100) + caller);
        for (var i = 0; i < requests; i++)
        {
            var name = $"{caller}-{i}";
            using var leave = _leaving[name] = new CancellationTokenSource();
            List<(string, string)> headers = [("Idempotency-Key", name)];
            if (random.Next(8) == 0)
                headers.Add(("X-Leaves", name));
            using var body = random.Next(3) == 0 ? new StringContent(new string('x', random.Next(20_000))) : null;
            try
            {
                using var answer = await house.SendAsync(body is null ? HttpMethod.Get : HttpMethod.Post, "/predict", body, leave.Token, [.. headers]);
                await answer.Content.ReadAsStringAsync(leave.Token).Patiently();
            }
            catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && leave.IsCancellationRequested))
            {
                // Cut, or it left.
            }
            await PassAsync(TimeSpan.FromMilliseconds(10));
        }
    }

    private async Task PassAsync(TimeSpan time)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_moves.Writer.TryWrite((time, done)))
            await done.Task;
    }

    /// <summary>One thread moves the clock, for all.</summary>
    private async Task MoveAsync(ManualTime clock)
    {
        await foreach (var (by, done) in _moves.Reader.ReadAllAsync())
        {
            clock.Advance(by);
            done.SetResult();
        }
    }
}
