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
}
