using System.Net;
using System.Security.Cryptography;
using System.Text;
using Mainstay.Routing;
using Mainstay.Routing.Keys;
using Mainstay.Routing.Models;
using Mainstay.Tests.Routing;
using static Mainstay.Tests.Models.ModelHouse;

namespace Mainstay.Tests.Models;

/// <summary>What a caller gets with a key, without one, and beyond what it may do.</summary>
public sealed class KeyGateTests
{
    private static readonly CallerKey Key = new() { Name = "team-a", Sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("mk-secret"))) };

    private static async Task<GatewayHouse> StartAsync(CallerKey key, params Server[] servers)
    {
        var house = await GatewayHouse.StartAsync(Fast(servers) with { RequiresKey = true });
        house.Use(new RouteTable(119, [Fast(servers) with { RequiresKey = true }], []) { Keys = [key] });
        house.Caller.DefaultRequestHeaders.Add("Authorization", "Bearer mk-secret");
        return house;
    }

    private static Server Priced(Server server, double price) => server.As(s => s with { PromptPrice = price, AnswerPrice = price });

    [Theory]
    [InlineData(null, null, 401)]
    [InlineData("Authorization", "Bearer other", 401)]
    [InlineData("Authorization", "mk-secret", 401)]
    [InlineData("Authorization", "Bearer mk-secret", 200)]
    [InlineData("x-api-key", "mk-secret", 200)]
    [InlineData("api-key", "mk-secret", 200)]
    public async Task A_known_key_is_let_in_and_no_other(string? name, string? value, int status)
    {
        await using var server = Answering(Whole("hello"));
        await using var house = await StartAsync(Key, server.In("r1"));
        house.Caller.DefaultRequestHeaders.Clear();
        if (name is not null)
            house.Caller.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal(status, (int)answer.StatusCode);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.Equal(status == 401, body.Contains("\"code\":\"invalid_api_key\"", StringComparison.Ordinal));
        if (status == 200)
            Assert.Equal(("team-a", "team-a", "fast"), await house.OutcomeAsync() is var o ? (o.Key, o.Customer, o.Model) : default);
    }

    [Fact]
    public async Task A_key_may_use_its_models_alone()
    {
        await using var server = Answering(Whole("hello"));
        await using var house = await StartAsync(Key with { Models = ["large"] }, server.In("r1"));
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("team-a may not use the model fast", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Beyond_its_limit_a_caller_is_told_when_to_come_back()
    {
        await using var server = Answering(Whole("hello"), more: "x-ratelimit-limit-requests: 9999\r\n");
        await using var house = await StartAsync(Key with { Rate = new KeyRate(2, 100_000) }, server.In("r1"));
        using (var first = await house.ChatAsync(stream: false))
        {
            Assert.Equal(["2"], first.Headers.GetValues("x-ratelimit-limit-requests"));
            Assert.Equal(["1"], first.Headers.GetValues("x-ratelimit-remaining-requests"));
            Assert.Equal(["30s"], first.Headers.GetValues("x-ratelimit-reset-requests"));
            Assert.Equal(["100000"], first.Headers.GetValues("x-ratelimit-limit-tokens"));
        }
        (await house.ChatAsync(stream: false)).Dispose();
        using var third = await house.ChatAsync(stream: false);
        Assert.Equal(HttpStatusCode.TooManyRequests, third.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(30), third.Headers.RetryAfter!.Delta);
        Assert.Equal(["30000"], third.Headers.GetValues("retry-after-ms"));
        var decision = house.Gateway.Decisions.Find(third.Headers.GetValues("X-Request-Id").Single(), out _)!;
        Assert.Contains(DecisionText.Lines(decision), l => l.EndsWith("Not let in: its key has reached a limit of the minute (2).", StringComparison.Ordinal));
        Assert.Contains("\"code\":\"rate_limit_exceeded\"", await third.Content.ReadAsStringAsync());
        house.Clock.Advance(TimeSpan.FromSeconds(30));
        using var again = await house.ChatAsync(stream: false);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
    }

    [Fact]
    public async Task A_spent_budget_is_told_until_the_next_day()
    {
        await using var server = Answering(Whole("hello"));
        // An answer has 5 tokens at a price of one each; 20 and the prompt are expected.
        await using var house = await StartAsync(Key with { DayCost = 40 }, Priced(server.In("r1"), 1e6));
        using (var first = await house.ChatAsync(stream: false, more: ",\"max_tokens\":20"))
            Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal(5, (await house.OutcomeAsync()).Cost);
        using var answer = await house.ChatAsync(stream: false, more: ",\"max_tokens\":36");
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal(TimeSpan.FromDays(1), answer.Headers.RetryAfter!.Delta);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.Contains("\"code\":\"insufficient_quota\"", body);
        Assert.Contains("begins anew at 00:00 UTC", body);
        var decision = house.Gateway.Decisions.Find(answer.Headers.GetValues("X-Request-Id").Single(), out _)!;
        Assert.Contains(DecisionText.Lines(decision), l => l.EndsWith("Not let in: its key has too little left of its budget of the day (40).", StringComparison.Ordinal));
        house.Clock.Advance(TimeSpan.FromDays(1));
        using var tomorrow = await house.ChatAsync(stream: false, more: ",\"max_tokens\":36");
        Assert.Equal(HttpStatusCode.OK, tomorrow.StatusCode);
    }

    [Fact]
    public async Task A_fallback_that_is_too_dear_is_not_asked()
    {
        await using var cheap = Answering("no", 500);
        await using var dear = Answering(Whole("hello"));
        await using var house = await StartAsync(Key with { DayCost = 1 }, Priced(cheap.In("r1"), 1), Priced(dear.In("r2"), 1e6));
        using var answer = await house.WhileTimePassesAsync(house.ChatAsync(stream: false));
        Assert.NotEqual(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, dear.Received);
    }

    [Fact]
    public async Task The_cost_of_a_stream_is_that_of_the_server_that_did_it()
    {
        await using var server = Streaming(Role, Text("a"), Text("b"), Text("", "stop"), Done);
        await using var house = await StartAsync(Key, server.In("r1").As(s => s with { PromptPrice = 0, AnswerPrice = 500_000 }));
        using var answer = await house.ChatAsync(stream: true);
        await answer.Content.ReadAsStringAsync().Patiently();
        Assert.Equal(1, (await house.OutcomeAsync()).Cost);
    }

    [Theory]
    [InlineData(0.1201, "121ms")]
    [InlineData(6.5, "6.5s")]
    [InlineData(60, "1m0s")]
    public void Durations_are_written_as_OpenAI_writes_them(double seconds, string text) =>
        Assert.Equal(text, KeyGate.Written(TimeSpan.FromSeconds(seconds)));
}
