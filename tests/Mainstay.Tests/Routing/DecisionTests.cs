using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>What the gateway writes into the record, which of it is sampled, and how another process asks for it.</summary>
public sealed class DecisionTests
{
    [Fact]
    public async Task A_rescued_request_is_explained_with_both_choices()
    {
        await using var bad = ScriptedServer.Answering("sorry", 503);
        await using var good = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(bad.In("r1"), good.In("r2"));
        await house.AskAsync(HttpMethod.Get);
        var outcome = await house.OutcomeAsync();
        var decision = house.Gateway.Decisions.Find(outcome.RequestId, out _)!;
        Assert.Equal((outcome.Service, outcome.TableVersion, outcome.Status, outcome.Total), (decision.Service, decision.TableVersion, decision.Status, decision.Total));
        Assert.Equal(outcome.Attempts, decision.Steps.Where(s => s.Kind == DecisionStepKind.Attempt)
            .Select(s => new Attempt(s.Server!, s.Region!, s.Result!.Value, s.Status, s.FirstByte)));
        Assert.Equal([bad.Name, good.Name], decision.Steps.Where(s => s.Kind == DecisionStepKind.Choice).Select(s => s.Server));
        Assert.Equal([PassedOver.Region], decision.Steps[0].Candidates.Skip(1).Select(c => c.Why));
        var retried = decision.Steps.Single(s => s.Kind == DecisionStepKind.Reflex);
        Assert.Equal((Reflex.Retried, 1L, 101L), (retried.Reflex, retried.Amount, retried.Of));
    }

    [Fact]
    public async Task Why_it_was_not_tried_again_stands_in_the_record()
    {
        await using var bad = ScriptedServer.Answering("sorry", 503);
        await using var other = ScriptedServer.Answering("sorry", 503);
        await using var house = await GatewayHouse.StartAsync(bad.In("r1"), other.In("r2"));
        await house.AskAsync(HttpMethod.Post, body: "once");
        Assert.Equal([Reflex.NotRepeatable], await ReflexesAsync(house));
        await house.AskAsync(HttpMethod.Get);
        Assert.Equal([Reflex.Retried, Reflex.NoOtherServer], await ReflexesAsync(house));
    }

    [Fact]
    public async Task A_breaker_that_is_not_heeded_because_too_few_servers_are_left_stands_in_the_record()
    {
        await using var a = ScriptedServer.Answering("fine");
        await using var b = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(a.In("r1"), b.In("r1"));
        house.Service.Servers[0].Break();
        await house.AskAsync(HttpMethod.Get);
        Assert.Empty(await ReflexesAsync(house));
        house.Service.Servers[1].Break();
        await house.AskAsync(HttpMethod.Get);
        var decision = house.Gateway.Decisions.Find((await house.OutcomeAsync()).RequestId, out _)!;
        var panic = Assert.Single(decision.Steps, s => s.Kind == DecisionStepKind.Reflex);
        Assert.Equal((Reflex.Panic, 0L, 2L), (panic.Reflex, panic.Amount, panic.Of));
        Assert.Contains(DecisionText.Lines(decision), line => line.Contains("only 0 of 2 servers are left", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_that_no_service_matches_is_recorded_too()
    {
        await using var house = await GatewayHouse.StartAsync(Tables.Service(Tables.Server("127.0.0.1:1", "r1")) with { PathPrefix = "/only" });
        using var answer = await house.SendAsync(HttpMethod.Get, "/else");
        var decision = house.Gateway.Decisions.Find(answer.Headers.GetValues("X-Request-Id").Single(), out _)!;
        Assert.Null(decision.Service);
        Assert.Equal(404, decision.Status);
    }

    [Fact]
    public void Of_the_notable_one_a_second_is_sampled_of_the_others_one_a_minute()
    {
        var clock = new ManualTime();
        var (ring, feed) = (new DecisionRing(clock), new OutcomeFeed());
        var sampler = new DecisionSampler(feed);
        var notable = 0;
        var usual = 0;
        for (var i = 1; i <= 3000; i++)
        {
            clock.Advance(TimeSpan.FromMilliseconds(100));
            var failed = i % 2 == 0;
            ring.Begin($"f-{i:x}", null, 1, 0);
            sampler.Offer(new Outcome(
                clock.GetUtcNow(), $"f-{i:x}", 1, "s", null, failed ? OutcomeResult.Failed : OutcomeResult.Succeeded, 200, default, default,
                [new Attempt("a", "r", AttemptResult.Answered, 200, default)]), ring);
            while (feed.Reader.TryRead(out var observation))
                _ = ((DecisionReport)observation).Decision.RequestId == $"f-{i:x}" && failed ? ++notable : ++usual;
        }
        Assert.Equal((300, 5), (notable, usual));
    }

    [Fact]
    public async Task Another_process_asks_over_the_socket()
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-decisions-").FullName;
        var path = Path.Combine(folder, DecisionSocket.Name);
        Assert.Null(await DecisionSocket.AskAsync(path, "f-1", TimeProvider.System, default));
        var clock = new ManualTime();
        var service = Tables.Live(Tables.Service(Tables.Server("a1", "a"), Tables.Server("b1", "b")), clock);
        var ring = new DecisionRing(clock);
        var record = ring.Begin("f-1", service, 7, 0.25);
        record.Chose([], 0.25, service.Servers[0]);
        record.Acted(Reflex.Hedged, 80);
        record.Ended(OutcomeResult.Succeeded, 200, default, TimeSpan.FromMilliseconds(5));
        using var stop = new CancellationTokenSource();
        var serving = DecisionSocket.ServeAsync(path, ring, TimeProvider.System, stop.Token);
        try
        {
            var answer = await DecisionSocket.AskAsync(path, "f-1", TimeProvider.System, default).Patiently();
            Assert.Equal(DecisionText.Lines(ring.Find("f-1", out _)!), DecisionText.Lines(answer!.Decision!));
            answer = await DecisionSocket.AskAsync(path, new string('x', 5000) + "\nf-1", TimeProvider.System, default).Patiently();
            Assert.Null(answer!.Decision);
            Assert.Contains("reaches back", answer.Why, StringComparison.Ordinal);
        }
        finally
        {
            await stop.CancelAsync();
            await serving.Patiently();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<IEnumerable<Reflex?>> ReflexesAsync(GatewayHouse house) =>
        house.Gateway.Decisions.Find((await house.OutcomeAsync()).RequestId, out _)!.Steps
            .Where(s => s.Kind == DecisionStepKind.Reflex).Select(s => s.Reflex).ToList();
}
