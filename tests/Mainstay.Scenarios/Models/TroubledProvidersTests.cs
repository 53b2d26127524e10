using System.Globalization;

namespace Mainstay.Scenarios;

/// <summary>Providers that come and go, and such that are all limited at once.</summary>
public sealed class TroubledProvidersTests
{
    private const int Rate = 10;

    [Fact]
    public async Task A_primary_that_flaps_is_not_noticed()
    {
        var (primary, other) = (new FakeProvider(), new FakeProvider());
        await using var house = await ModelHouse.StartAsync([new HouseModel("fast", "openai", [(primary, ""), (other, "")])]);
        FaultKind[] kinds = [FaultKind.Error, FaultKind.None, FaultKind.CutByReset, FaultKind.None, FaultKind.Reset, FaultKind.None, FaultKind.ErrorFirst];
        primary.Script = request => new Fault(kinds[request.Number % kinds.Length]);
        await using var traffic = new ModelTraffic(
            () => house.Caller.AskAsync(CallerMode.OpenAiStream, "fast"), a => a.Broken is null && a.IsDone && a.Text == other.Text, Rate);
        await traffic.MoreAsync(150);
        await traffic.StopAsync();
        Assert.Empty(traffic.Failures);
    }

    [Fact]
    public async Task When_all_are_limited_the_soonest_is_named_and_kept()
    {
        var (primary, other) = (new FakeProvider(), new FakeProvider());
        primary.Always(Fault.Of(ProviderError.Limited.With("Retry-After: 30")));
        other.First(Fault.Of(ProviderError.Limited.With("Retry-After: 2")));
        await using var house = await ModelHouse.StartAsync([new HouseModel("fast", "openai", [(primary, ""), (other, "")])]);

        var limited = await house.Caller.AskAsync(CallerMode.OpenAiWhole, "fast");
        var again = await house.Caller.AskAsync(CallerMode.OpenAiWhole, "fast");
        Assert.Equal((429, 429), (limited.Status, again.Status));
        Assert.InRange(int.Parse(limited.Headers["Retry-After"], CultureInfo.InvariantCulture), 1, 2);
        // Nobody is asked before it is time.
        Assert.Equal((1, 1), (primary.Requests.Count, other.Requests.Count));

        await Task.Delay(TimeSpan.FromSeconds(int.Parse(again.Headers["Retry-After"], CultureInfo.InvariantCulture)) + TimeSpan.FromMilliseconds(300), Patience.Clock);
        Assert.Equal(200, (await house.Caller.AskAsync(CallerMode.OpenAiWhole, "fast")).Status);
        Assert.Single(primary.Requests);
    }

    [Fact]
    public async Task Kept_connections_that_have_gone_stale_are_not_noticed()
    {
        var (openai, anthropic) = (new FakeProvider(), new FakeProvider());
        openai.Always(new Fault(FaultKind.StaleAfter));
        anthropic.Always(new Fault(FaultKind.StaleAfter));
        // No other server could take over.
        await using var house = await ModelHouse.StartAsync([new HouseModel("fast", "openai", [(openai, "")]), new HouseModel("fast", "anthropic", [(anthropic, "")])]);
        foreach (var mode in Enumerable.Repeat(CallerMode.All, 5).SelectMany(modes => modes))
        {
            var answer = await house.Caller.AskAsync(mode, "fast");
            Assert.True(answer.Status == 200 && answer.Broken is null && answer.Text == openai.Text && answer.IsDone == mode.IsStream, $"{mode}: {answer}");
        }
        Assert.Equal((10, 10), (openai.Requests.Count, anthropic.Requests.Count));
    }

    [Fact]
    public async Task Two_providers_that_flap_in_turn_are_not_noticed()
    {
        var (primary, other) = (new FakeProvider(), new FakeProvider());
        await using var house = await ModelHouse.StartAsync([new HouseModel("fast", "openai", [(primary, ""), (other, "")])]);
        FaultKind[] kinds = [FaultKind.Error, FaultKind.CutByReset, FaultKind.Reset, FaultKind.ErrorFirst, FaultKind.CutCleanly];
        // Each fails for 1.2 of 5 seconds, and between the two lies more than a breaker's first hold, so that the one that was well again is known to
        // be; a request that meets both would find nobody. The first answers of a process take long: they come before.
        Assert.Equal(200, (await house.Caller.AskAsync(CallerMode.OpenAiStream, "fast")).Status);
        var start = Patience.Clock.GetTimestamp();
        Fault Now(ProviderRequest request, double from) =>
            Patience.Clock.GetElapsedTime(start).TotalSeconds % 5 is var at && at >= from && at < from + 1.2 ? new Fault(kinds[request.Number % kinds.Length]) : Fault.None;
        primary.Script = request => Now(request, 0);
        other.Script = request => Now(request, 2.5);
        await using var traffic = new ModelTraffic(
            () => house.Caller.AskAsync(CallerMode.OpenAiStream, "fast"), a => a.Broken is null && a.IsDone && a.Text == other.Text, Rate);
        await traffic.MoreAsync(120);
        await traffic.StopAsync();
        Assert.True(traffic.Failures.Count == 0, $"{traffic.Failures.Count} of {traffic.Answered} failed:\n{string.Join("\n\n", traffic.Failures.Take(3))}");
    }
}
