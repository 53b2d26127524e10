using Mainstay.Routing;
using Mainstay.Tests.Routing;
using static Mainstay.Tests.Models.ModelHouse;

namespace Mainstay.Tests.Models;

/// <summary>What telemetry is told of a request to a model.</summary>
public sealed class ModelTrailTests
{
    private const string Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Fact]
    public async Task A_stream_that_went_on_elsewhere_says_so()
    {
        await using var cut = CutAfter(Role, "data: no json\n\n", Text("The quick "), Text("brown "));
        await using var other = Streaming(Role, Text("fox"), Text("", "length"), Done);
        await using var house = await GatewayHouse.StartAsync(Fast(cut.In("r1"), other.In("r2")));
        house.Caller.DefaultRequestHeaders.Add("traceparent", Parent);
        using var answer = await house.ChatAsync(stream: true);
        Assert.Equal("The quick brown fox", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
        var outcome = await house.OutcomeAsync();
        var trail = outcome.Trail!;
        Assert.Equal(("chat", ModelApi.OpenAi, "fast", true, "m"), (trail.Operation, trail.Api, trail.Asked, trail.IsNamed, trail.Answered));
        Assert.Equal((true, "length", 1, 1), (trail.IsStream, trail.Finish, trail.Continued, trail.Malformed));
        Assert.Equal((Parent, null), (trail.TraceParent, trail.TraceId));
        Assert.Equal(other.In("r2").Url.Port, trail.Port);
        Assert.Equal(2, outcome.Attempts.Length);
        Assert.All(outcome.Attempts, a => Assert.InRange(a.Ended, a.Began, outcome.Total));
        // Each region has what was used there: the part before the cut, and the rest.
        Assert.Equal([("r1", 2L), ("r2", 1L)], outcome.Charges.Select(c => (c.Region, c.AnswerTokens)));
        Assert.All(outcome.Charges, c => Assert.True(c.PromptTokens > 0));
    }

    [Fact]
    public async Task All_attempts_are_of_the_one_trace_that_is_told()
    {
        await using var bad = CutAfter(Role);
        await using var good = Answering(Whole("whole"));
        await using var house = await GatewayHouse.StartAsync(Fast(bad.In("r1"), good.In("r2")));
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal(Whole("whole"), await answer.Content.ReadAsStringAsync().Patiently());
        var trail = (await house.OutcomeAsync()).Trail!;
        Assert.Equal(("stop", null), (trail.Finish, trail.TraceParent));
        foreach (var server in new[] { bad, good })
            Assert.StartsWith($"00-{trail.TraceId}-", (await server.NextAsync()).Header("traceparent"), StringComparison.Ordinal);
    }
}
