namespace Mainstay.Scenarios;

/// <summary>A caller that leaves: what it asked for is not gone on with at the provider, in whatever phase it leaves.</summary>
public sealed class CallerLeavesTests
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData("openai", true, nameof(FaultKind.Silence))]
    [InlineData("openai", true, nameof(FaultKind.RoleOnly))]
    [InlineData("openai", true, nameof(FaultKind.Stall))]
    [InlineData("openai", true, nameof(FaultKind.None))]
    [InlineData("openai", false, nameof(FaultKind.Silence))]
    [InlineData("openai", false, nameof(FaultKind.Stall))]
    [InlineData("anthropic", true, nameof(FaultKind.Stall))]
    [InlineData("anthropic", false, nameof(FaultKind.Silence))]
    public async Task Its_request_is_cancelled(string api, bool isStream, string kind)
    {
        var (primary, other) = (new FakeProvider { TokenGap = TimeSpan.FromMilliseconds(100) }, new FakeProvider());
        primary.Always(new Fault(Enum.Parse<FaultKind>(kind)));
        await using var house = await ModelHouse.StartAsync(
            [new HouseModel("fast", api, [(primary, ""), (other, "")])], "connect: 1s, first_token: 30s, idle: 30s, total: 60s");
        using var leaves = new CancellationTokenSource();
        var asking = house.Caller.AskAsync(new CallerMode(api, isStream), "fast", cancel: leaves.Token);
        await Patience.UntilAsync("the request at the provider", () => primary.Requests.Count == 1);
        await Task.Delay(TimeSpan.FromMilliseconds(300), Patience.Clock);
        Assert.False(primary.Requests.First().Abandoned.IsCompleted);

        var left = Patience.Clock.GetTimestamp();
        await leaves.CancelAsync();

        await primary.Requests.First().Abandoned.Patiently();
        Assert.InRange(Patience.Clock.GetElapsedTime(left, primary.Requests.First().AbandonedAt), TimeSpan.Zero, Within);
        Assert.NotNull((await asking).Broken);
        Assert.Equal((1, 0), (primary.Requests.Count, other.Requests.Count));
    }
}
