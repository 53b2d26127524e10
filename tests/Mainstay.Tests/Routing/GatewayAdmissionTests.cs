using System.Security.Cryptography;
using System.Text;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Waiting for a place, being shed, and what that costs the servers: nothing. Real sockets on both sides.</summary>
public sealed class GatewayAdmissionTests
{
    private static readonly LimitPolicy One = new() { Concurrency = 1 };

    [Fact]
    public async Task Beyond_the_limit_requests_wait_and_the_important_are_served_first()
    {
        await using var server = new ScriptedServer(_ => Task.CompletedTask);
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")) with
        {
            Limits = One,
            Admission = new AdmissionPolicy { Header = "X-Priority" },
        });
        var first = house.AskAsync(HttpMethod.Get, "/first");
        var held = await server.NextAsync();
        var sheddable = house.AskAsync(HttpMethod.Get, "/sheddable", headers: ("X-Priority", "sheddable"));
        await WaitingAsync(house, 1);
        var critical = house.AskAsync(HttpMethod.Get, "/critical", headers: ("X-Priority", "Critical"));
        await WaitingAsync(house, 2);
        Assert.Equal(1, server.Received);

        await held.AnswerAsync(200, "one");
        Assert.Equal((200, "one"), await first.Patiently());
        held = await server.NextAsync();
        Assert.Equal("/critical", held.Target);
        await held.AnswerAsync(200, "two");
        Assert.Equal((200, "two"), await critical.Patiently());
        held = await server.NextAsync();
        await held.AnswerAsync(200, "three");
        Assert.Equal((200, "three"), await sheddable.Patiently());
        Assert.Equal((0, 0), (house.Outstanding, house.Service.Admission.Waiting));
    }

    [Fact]
    public async Task Time_in_which_the_process_stood_still_sheds_nobody_later()
    {
        await using var server = new ScriptedServer(_ => Task.CompletedTask);
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")) with
        {
            Limits = One,
            Timeouts = new Timeouts { Total = TimeSpan.FromSeconds(5) },
        });
        house.Clock.StandStill(TimeSpan.FromSeconds(30));
        var first = house.AskAsync(HttpMethod.Get, "/first");
        var held = await server.NextAsync();
        var second = house.AskAsync(HttpMethod.Get, "/second");
        await WaitingAsync(house, 1);
        await held.AnswerAsync(200, "one");
        Assert.Equal((200, "one"), await first.Patiently());
        await (await server.NextAsync()).AnswerAsync(200, "two");
        Assert.Equal((200, "two"), await second.Patiently());
    }

    [Fact]
    public async Task Who_is_shed_is_told_why_and_when_to_come_again_and_no_server_is_blamed()
    {
        await using var server = new ScriptedServer(_ => Task.CompletedTask);
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")) with
        {
            Limits = One,
            Admission = new AdmissionPolicy { Queue = 0, Otherwise = Priority.Sheddable },
        });
        var first = house.AskAsync(HttpMethod.Get);
        var held = await server.NextAsync();
        using (var answer = await house.SendAsync(HttpMethod.Get))
        {
            Assert.Equal(503, (int)answer.StatusCode);
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 3);
            var message = await answer.Content.ReadAsStringAsync().Patiently();
            Assert.Contains("overloaded", message, StringComparison.Ordinal);
            Assert.Contains("Priority: sheddable", message, StringComparison.Ordinal);
        }
        var outcome = await house.OutcomeAsync();
        Assert.True(outcome.Shed);
        Assert.Equal((OutcomeResult.Failed, 503, 0), (outcome.Result, outcome.Status, outcome.Attempts.Length));
        await held.AnswerAsync(200, "fine");
        Assert.Equal((200, "fine"), await first.Patiently());
        Assert.False((await house.OutcomeAsync()).Shed);
        Assert.Equal(Hold.None, house.Service.Servers[0].Breaker.Standing);
    }

    [Fact]
    public async Task Nobody_waits_longer_than_the_service_allows()
    {
        await using var server = new ScriptedServer(d => d.WaitForOtherSideToLeaveAsync());
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")) with { Limits = One });
        using var gone = new CancellationTokenSource();
        var first = house.SendAsync(HttpMethod.Get, cancel: gone.Token);
        await server.NextAsync();
        var waiting = house.AskAsync(HttpMethod.Get);
        await WaitingAsync(house, 1);
        house.Clock.Advance(TimeSpan.FromMilliseconds(520));
        var (status, message) = await waiting.Patiently();
        Assert.Equal(503, status);
        Assert.Contains("within 500 ms", message, StringComparison.Ordinal);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
    }

    [Fact]
    public async Task A_caller_that_leaves_the_queue_is_never_sent_on()
    {
        await using var server = new ScriptedServer(_ => Task.CompletedTask);
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")) with { Limits = One });
        var first = house.AskAsync(HttpMethod.Get);
        var held = await server.NextAsync();
        using var gone = new CancellationTokenSource();
        var leaver = house.SendAsync(HttpMethod.Get, cancel: gone.Token);
        await WaitingAsync(house, 1);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaver);
        await WaitingAsync(house, 0);
        Assert.Equal(OutcomeResult.CallerLeft, (await house.OutcomeAsync()).Result);
        await held.AnswerAsync(200, "fine");
        Assert.Equal(200, (await first.Patiently()).Status);
        Assert.Equal((1, 0), (server.Received, house.Outstanding));
    }

    [Fact]
    public async Task While_requests_wait_nothing_is_tried_twice_but_what_matters_most()
    {
        await using var bad = new ScriptedServer(_ => Task.CompletedTask);
        await using var good = new ScriptedServer(_ => Task.CompletedTask);
        await using var house = await GatewayHouse.StartAsync(Tables.Service(bad.In("r1"), good.In("r2")) with
        {
            Limits = One,
            Admission = new AdmissionPolicy { Header = "X-Priority" },
        });
        var (a, b) = (house.AskAsync(HttpMethod.Get), house.AskAsync(HttpMethod.Get));
        var (held, other) = (await bad.NextAsync(), await good.NextAsync());
        var waiting = house.AskAsync(HttpMethod.Get, headers: ("X-Priority", "critical"));
        await WaitingAsync(house, 1);
        await held.AnswerAsync(500, "ill");
        // The place it leaves goes to the one that waits; its own failure stands.
        var third = await bad.NextAsync();
        await third.AnswerAsync(200, "fine");
        Assert.Equal((200, "fine"), await waiting.Patiently());
        await other.AnswerAsync(200, "fine");
        Assert.Equal([200, 500], new[] { (await a.Patiently()).Status, (await b.Patiently()).Status }.Order());
        Assert.Equal(3, bad.Received + good.Received);
    }

    [Fact]
    public async Task Too_few_servers_left_and_those_full_one_that_fails_is_used_again()
    {
        await using var well = new ScriptedServer(_ => Task.CompletedTask);
        await using var ill = ScriptedServer.Answering("after all");
        await using var other = ScriptedServer.Refusing();
        await using var house = await GatewayHouse.StartAsync(Tables.Service(well.In("r1"), ill.In("r1"), other.In("r1")) with { Limits = One });
        house.Service.Named(ill.Name).Break();
        house.Service.Named(other.Name).BringDown();
        var first = house.AskAsync(HttpMethod.Get);
        var held = await well.NextAsync();
        Assert.Equal((200, "after all"), await house.AskAsync(HttpMethod.Get));
        Assert.Equal(1, house.Service.Named(ill.Name).Forced);
        await held.AnswerAsync(200, "fine");
        await first.Patiently();
    }

    [Fact]
    public async Task Enough_servers_left_requests_wait_rather_than_burden_one_that_fails()
    {
        await using var well = new ScriptedServer(_ => Task.CompletedTask);
        await using var ill = ScriptedServer.Answering("after all");
        await using var house = await GatewayHouse.StartAsync(Tables.Service(well.In("r1"), ill.In("r1")) with { Limits = One });
        house.Service.Named(ill.Name).Break();
        var first = house.AskAsync(HttpMethod.Get);
        var held = await well.NextAsync();
        var second = house.AskAsync(HttpMethod.Get);
        await WaitingAsync(house, 1);
        await held.AnswerAsync(200, "fine");
        await (await well.NextAsync()).AnswerAsync(200, "fine");
        Assert.Equal([(200, "fine"), (200, "fine")], new[] { await first.Patiently(), await second.Patiently() });
        Assert.Equal(0, ill.Received);
    }

    [Theory]
    [InlineData("X-Customer", "gold", Priority.Critical)]
    [InlineData("X-Customer", "lead", Priority.Default)]
    [InlineData("Authorization", "Bearer key", Priority.Sheddable)]
    [InlineData("X-Priority", " SHEDDABLE ", Priority.Sheddable)]
    [InlineData("X-Priority", "urgent", Priority.Default)]
    public async Task A_priority_comes_from_a_rule_or_from_the_header(string header, string value, Priority expected)
    {
        await using var server = new ScriptedServer(_ => Task.CompletedTask);
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")) with
        {
            Limits = One,
            Admission = new AdmissionPolicy
            {
                Queue = 0,
                Header = "X-Priority",
                Rules =
                [
                    new("X-Customer", "gold", null, Priority.Critical),
                    new("Authorization", null, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes("Bearer key"))), Priority.Sheddable),
                ],
            },
        });
        var first = house.AskAsync(HttpMethod.Get);
        var held = await server.NextAsync();
        var (_, message) = await house.AskAsync(HttpMethod.Get, headers: (header, value));
        Assert.Contains($"Priority: {expected.ToString().ToLowerInvariant()}.", message, StringComparison.Ordinal);
        await held.AnswerAsync(200, "fine");
        await first.Patiently();
    }

    private static async Task WaitingAsync(GatewayHouse house, int count)
    {
        using var enough = new CancellationTokenSource(Patience.Generous, TimeProvider.System);
        while (house.Service.Admission.Waiting != count)
        {
            enough.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
