using System.Collections.Immutable;
using Mainstay.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Mainstay.Tests.Routing;

/// <summary>A second attempt beside a slow one. Real sockets on both sides.</summary>
public sealed class GatewayHedgeTests
{
    private static readonly TimeSpan After = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task A_slow_first_byte_gets_company_and_the_first_to_answer_wins()
    {
        await using var slow = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var quick = ScriptedServer.Answering("quick");
        await using var house = await StartAsync(slow.In("r1"), quick.In("r2"));
        var answer = house.AskAsync(HttpMethod.Get);
        await slow.NextAsync();
        await LetPassAsync(house);
        Assert.Equal((200, "quick"), await answer.Patiently());
        var outcome = await house.OutcomeAsync();
        Assert.Equal([(slow.Name, AttemptResult.Outrun), (quick.Name, AttemptResult.Answered)], outcome.Attempts.Select(a => (a.Server, a.Result)));
        Assert.False(outcome.Rescued);
        Assert.Equal(After, outcome.Attempts[0].FirstByte);
        Assert.Equal((0, Hold.None), (house.Outstanding, house.Service.Named(slow.Name).Breaker.Standing));
        // That it waited so long is not forgotten.
        var waited = house.Service.Named(slow.Name).FirstBytes;
        waited.Turn(keep: 1);
        Assert.Equal(1, waited.Count);
    }

    [Fact]
    public async Task The_first_wins_too_and_the_second_is_given_up()
    {
        await using var slow = new ScriptedServer(_ => Task.CompletedTask);
        await using var silent = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var house = await StartAsync(slow.In("r1"), silent.In("r2"));
        var answer = house.AskAsync(HttpMethod.Get);
        var held = await slow.NextAsync();
        await LetPassAsync(house);
        await silent.NextAsync();
        await held.AnswerAsync(200, "after all");
        Assert.Equal((200, "after all"), await answer.Patiently());
        var outcome = await house.OutcomeAsync();
        Assert.Equal([(slow.Name, AttemptResult.Answered), (silent.Name, AttemptResult.Outrun)], outcome.Attempts.Select(a => (a.Server, a.Result)));
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task The_loser_gives_its_place_back_and_nobody_is_blamed()
    {
        await using var slow = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var quick = ScriptedServer.Answering("quick");
        // One place each, and a breaker that opens at the first failure: the second round shows whether either was lost.
        await using var house = await GatewayHouse.StartAsync(Service([slow.In("r1"), quick.In("r2")]) with
        {
            Hedge = new HedgePolicy { After = After, Budget = 1 },
            Limits = new LimitPolicy { Concurrency = 1 },
            Breaker = new BreakerPolicy { Failures = 1 },
        });
        for (var round = 1; round <= 3; round++)
        {
            var answer = house.AskAsync(HttpMethod.Get);
            await slow.NextAsync();
            await LetPassAsync(house);
            Assert.Equal((200, "quick"), await answer.Patiently());
            var outcome = await house.OutcomeAsync();
            Assert.Equal((OutcomeResult.Succeeded, false), (outcome.Result, outcome.Rescued));
            Assert.Equal([(AttemptResult.Outrun, false), (AttemptResult.Answered, false)], outcome.Attempts.Select(a => (a.Result, a.Failed)));
            foreach (var server in house.Service.Servers)
                Assert.Equal((0, 0, Hold.None, true), (server.Outstanding, server.Waiting, server.Breaker.Standing, server.HasPlace));
            Assert.Equal(round, slow.Received);
            var decision = house.Gateway.Decisions.Find(outcome.RequestId, out _)!;
            Assert.Equal(Reflex.Hedged, Assert.Single(decision.Steps, s => s.Kind == DecisionStepKind.Reflex).Reflex);
            Assert.Contains(decision.Steps, s => s.Server == slow.Name && s.Result == AttemptResult.Outrun);
        }
    }

    [Theory]
    [InlineData(HttpProtocols.Http1, ServerProtocol.Http1)]
    [InlineData(HttpProtocols.Http2, ServerProtocol.Http2)]
    public async Task Servers_behind_TLS_are_outrun_too(HttpProtocols spoken, ServerProtocol protocol)
    {
        using var authority = new TestAuthority();
        using var folder = new TestFolder();
        using var certificate = authority.Issue("127.0.0.1");
        var read = new TaskCompletionSource();
        var left = new TaskCompletionSource();
        await using var slow = await KestrelServer.StartAsync(
            async http =>
            {
                await ReadAsync(http);
                http.RequestAborted.Register(left.SetResult);
                read.SetResult();
                await left.Task;
            },
            spoken, certificate);
        await using var quick = await KestrelServer.StartAsync(async http => await http.Response.WriteAsync(await ReadAsync(http)), spoken, certificate);
        await using var house = await GatewayHouse.StartAsync(Service([slow.In("r1"), quick.In("r2")]) with
        {
            Protocol = protocol,
            Tls = new ServerTls { Ca = folder.Write("ca.pem", authority.Pem) },
        });
        var answer = house.AskAsync(HttpMethod.Put, body: "judge this", headers: [("Transfer-Encoding", "chunked")]);
        await read.Task.Patiently();
        // Over HTTP/2 each attempt has a timer of its own.
        await LetPassAsync(house, others: protocol == ServerProtocol.Http2 ? 2 : 1);
        Assert.Equal((200, "judge this"), await answer.Patiently());
        await left.Task.Patiently();
        var outcome = await house.OutcomeAsync();
        Assert.Equal([AttemptResult.Outrun, AttemptResult.Answered], outcome.Attempts.Select(a => a.Result));
        Assert.All(house.Service.Servers, server => Assert.Equal((0, 0, Hold.None), (server.Outstanding, server.Waiting, server.Breaker.Standing)));
    }

    [Fact]
    public async Task Each_of_two_that_fail_keeps_its_own_reason()
    {
        await using var silent = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var refusing = ScriptedServer.Refusing();
        await using var house = await GatewayHouse.StartAsync(Service([silent.In("r1"), refusing.In("r2")]) with
        {
            Timeouts = new Timeouts { Connect = TimeSpan.FromHours(1), FirstByte = TimeSpan.FromSeconds(1) },
        });
        var answer = house.AskAsync(HttpMethod.Get);
        await silent.NextAsync();
        await LetPassAsync(house);
        var (status, _) = await house.WhileTimePassesAsync(answer);
        Assert.InRange(status, 502, 504);
        var outcome = await house.OutcomeAsync();
        Assert.Equal(
            [(silent.Name, AttemptResult.FirstByteTimeout, null), (refusing.Name, AttemptResult.NotReached, "it refused the connection")],
            outcome.Attempts.Select(a => (a.Server, a.Result, a.Why)));
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task One_that_fails_leaves_it_to_the_other()
    {
        await using var slow = new ScriptedServer(_ => Task.CompletedTask);
        await using var ill = ScriptedServer.Answering("ill", 500);
        await using var house = await StartAsync(slow.In("r1"), ill.In("r2"));
        var answer = house.AskAsync(HttpMethod.Get);
        var held = await slow.NextAsync();
        await LetPassAsync(house);
        await ill.NextAsync();
        await held.AnswerAsync(200, "after all");
        Assert.Equal((200, "after all"), await answer.Patiently());
        var outcome = await house.OutcomeAsync();
        Assert.Equal([AttemptResult.Answered, AttemptResult.ServerError], outcome.Attempts.Select(a => a.Result));
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_body_that_is_here_whole_goes_to_both()
    {
        var sent = new TaskCompletionSource();
        await using var slow = new ScriptedServer(async d =>
        {
            await d.ReadBodyAsync();
            sent.SetResult();
            await d.WaitForOtherSideToLeaveAsync();
        });
        string? received = null;
        await using var quick = new ScriptedServer(async d =>
        {
            received = await d.ReadBodyAsync();
            await d.AnswerAsync(200, "quick");
        });
        await using var house = await StartAsync(slow.In("r1"), quick.In("r2"));
        var body = new string('x', 100_000) + "end";
        var answer = house.AskAsync(HttpMethod.Post, body: body, headers: [("Idempotency-Key", "7"), ("Transfer-Encoding", "chunked")]);
        // The last chunk says that the gateway, too, has seen the end.
        await sent.Task.Patiently();
        await LetPassAsync(house);
        Assert.Equal((200, "quick"), await answer.Patiently());
        Assert.Equal(body, received);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task What_must_not_be_sent_twice_has_no_company()
    {
        await using var slow = new ScriptedServer(_ => Task.CompletedTask);
        await using var other = ScriptedServer.Answering("never");
        await using var house = await StartAsync(slow.In("r1"), other.In("r2"));
        var answer = house.AskAsync(HttpMethod.Post, body: "pay once");
        var held = await slow.NextAsync();
        await held.ReadBodyAsync();
        house.Clock.Advance(TimeSpan.FromSeconds(5));
        await held.AnswerAsync(200, "paid");
        Assert.Equal((200, "paid"), await answer.Patiently());
        Assert.Equal(0, other.Received);
    }

    [Fact]
    public async Task The_budget_bounds_them()
    {
        await using var slow = new ScriptedServer(_ => Task.CompletedTask);
        await using var quick = ScriptedServer.Answering("quick");
        await using var house = await StartAsync(slow.In("r1"), quick.In("r2"));
        var first = house.AskAsync(HttpMethod.Get);
        await slow.NextAsync();
        await LetPassAsync(house);
        Assert.Equal("quick", (await first.Patiently()).Body);
        // One of two is more than five percent.
        var second = house.AskAsync(HttpMethod.Get);
        var held = await slow.NextAsync();
        await LetPassAsync(house);
        await held.AnswerAsync(200, "slow");
        Assert.Equal("slow", (await second.Patiently()).Body);
        Assert.Equal(1, quick.Received);
    }

    /// <summary>A hedge goes to another server, never to the one that is slow already: where there is one alone, there is none.</summary>
    [Fact]
    public async Task One_server_alone_is_waited_for()
    {
        await using var slow = new ScriptedServer(_ => Task.CompletedTask);
        await using var house = await StartAsync(slow.In("r1"));
        var answer = house.AskAsync(HttpMethod.Get);
        var held = await slow.NextAsync();
        await LetPassAsync(house);
        await held.AnswerAsync(200, "after all");
        Assert.Equal((200, "after all"), await answer.Patiently());
        var outcome = await house.OutcomeAsync();
        Assert.Equal([AttemptResult.Answered], outcome.Attempts.Select(a => a.Result));
        var decision = house.Gateway.Decisions.Find(outcome.RequestId, out _)!;
        Assert.DoesNotContain(decision.Steps, s => s.Reflex == Reflex.Hedged && s.Kind == DecisionStepKind.Reflex);
        // Nothing of the budget was taken for it.
        Assert.Equal((1, 0, 0), (slow.Received, house.Outstanding, house.Service.State.Hedges.Standing(1).Used));
    }

    [Fact]
    public async Task A_caller_that_leaves_ends_both()
    {
        await using var slow = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var other = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var house = await StartAsync(slow.In("r1"), other.In("r2"));
        using var gone = new CancellationTokenSource();
        var answer = house.SendAsync(HttpMethod.Get, cancel: gone.Token);
        await slow.NextAsync();
        await LetPassAsync(house);
        await other.NextAsync();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
        var outcome = await house.OutcomeAsync();
        Assert.Equal(OutcomeResult.CallerLeft, outcome.Result);
        Assert.Equal([AttemptResult.CallerLeft, AttemptResult.CallerLeft], outcome.Attempts.Select(a => a.Result));
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public void The_usual_time_is_what_95_of_100_first_bytes_took_lately()
    {
        var routes = new LiveRoutes(new ManualTime());
        routes.Swap(new RouteTable(1, [Service([Tables.Server("a", "r1"), Tables.Server("b", "r2")]) with { Hedge = new HedgePolicy() }], []));
        var service = routes.Current.Services[0];
        var peers = new PeerCheck(routes);
        peers.Beat();
        Assert.Null(Hedging.After(service));
        for (var i = 0; i < 100; i++)
            service.Servers[i % 2].FirstBytes.Add(TimeSpan.FromMilliseconds(i < 94 ? 10 : 400));
        peers.Beat();
        Assert.InRange(Hedging.After(service)!.Value.TotalMilliseconds, 370, 430);
        for (var i = 0; i < 30; i++)
            peers.Beat();
        Assert.Null(Hedging.After(service));
    }

    private static Task<GatewayHouse> StartAsync(params ImmutableArray<Server> servers) => GatewayHouse.StartAsync(Service(servers));

    private static Service Service(ImmutableArray<Server> servers) => Tables.Service(servers) with { Hedge = new HedgePolicy { After = After } };

    private static async Task<string> ReadAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        return await reader.ReadToEndAsync();
    }

    /// <summary>Lets the time pass after which a second attempt is made, once the first waits for it.</summary>
    /// <param name="house">Whose clock it is.</param>
    /// <param name="others">Timers that are set besides: one is always that of the deadlines.</param>
    private static async Task LetPassAsync(GatewayHouse house, int others = 1)
    {
        using var enough = new CancellationTokenSource(Patience.Generous, TimeProvider.System);
        while (house.Clock.ArmedTimers <= others)
        {
            enough.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        house.Clock.Advance(After);
    }
}
