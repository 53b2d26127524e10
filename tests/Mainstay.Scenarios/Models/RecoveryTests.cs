namespace Mainstay.Scenarios;

/// <summary>A primary that is dead for a while: it is left alone, nobody notices, and it has its traffic back as soon as it is well.</summary>
[Collection(Measured.Name)]
public sealed class RecoveryTests
{
    private const int MostOnADeadPrimary = 12;
    private const int Rate = 10;

    /// <summary>A minute of traffic; a quarter of it, with the same bound, where not everything is run.</summary>
    private static readonly TimeSpan Dead = TimeSpan.FromSeconds(Environment.GetEnvironmentVariable("MAINSTAY_TESTS") == "all" ? 60 : 15);
    private static readonly TimeSpan BackWithin = TimeSpan.FromSeconds(6);

    [Theory]
    [InlineData("503", false)]
    [InlineData("503", true)]
    [InlineData("reset", false)]
    [InlineData("silence", true)]
    [InlineData("error in a 200", false)]
    [InlineData("cut", false)]
    public async Task It_is_left_alone_and_has_its_traffic_back(string death, bool isProbed)
    {
        var (primary, other) = (new FakeProvider(), new FakeProvider());
        await using var house = await ModelHouse.StartAsync(
            [new HouseModel("fast", "openai", [(primary, ""), (other, "")])], more: isProbed ? "    health: { path: /health, every: 500ms, timeout: 1s }" : "");
        await using var traffic = new ModelTraffic(
            () => house.Caller.AskAsync(CallerMode.OpenAiStream, "fast"), a => a.Broken is null && a.IsDone && a.Text == other.Text, Rate);
        await traffic.MoreAsync(10);
        Assert.True(primary.Requests.Count >= 10 && other.Requests.Count == 0, $"{primary.Requests.Count}, {other.Requests.Count}");

        var before = primary.Requests.Count;
        primary.ProbeStatus = 503;
        primary.Always(death switch
        {
            "503" => Fault.Of(ProviderError.Unavailable),
            "reset" => new Fault(FaultKind.Reset),
            "silence" => new Fault(FaultKind.Silence),
            "cut" => new Fault(FaultKind.CutByReset),
            _ => new Fault(FaultKind.ErrorFirst),
        });
        await Task.Delay(Dead, Patience.Clock);
        var onTheDead = primary.Requests.Count - before;

        var well = Patience.Clock.GetTimestamp();
        primary.ProbeStatus = 200;
        primary.Always(Fault.None);
        var failing = primary.Requests.Count;
        await Patience.UntilAsync("the primary's traffic", () => primary.Requests.Count(r => r.IsServed) > before && primary.Requests.Count >= failing + 3);
        var took = Patience.Clock.GetElapsedTime(well);
        await traffic.StopAsync();

        Assert.Empty(traffic.Failures);
        Assert.InRange(onTheDead, 1, MostOnADeadPrimary);
        Assert.InRange(took, TimeSpan.Zero, BackWithin);
    }

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
        Assert.InRange(int.Parse(limited.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 1, 2);
        // Nobody is asked before it is time.
        Assert.Equal((1, 1), (primary.Requests.Count, other.Requests.Count));

        await Task.Delay(TimeSpan.FromSeconds(int.Parse(again.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture)) + TimeSpan.FromMilliseconds(300), Patience.Clock);
        Assert.Equal(200, (await house.Caller.AskAsync(CallerMode.OpenAiWhole, "fast")).Status);
        Assert.Single(primary.Requests);
    }
}
