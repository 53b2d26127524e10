namespace Mainstay.Scenarios;

/// <summary>The fake providers themselves, asked without anything between: good answers are good, and faults are faults.</summary>
public sealed class FakeProviderTests
{
    /// <summary>What a caller without a gateway suffers from.</summary>
    public static TheoryData<string> Faults() =>
    [
        nameof(FaultKind.Error), nameof(FaultKind.Html), nameof(FaultKind.Reset), nameof(FaultKind.HalfHeader), nameof(FaultKind.CutByReset),
        nameof(FaultKind.CutCleanly), nameof(FaultKind.CutByClose), nameof(FaultKind.CutInChunk), nameof(FaultKind.ErrorFirst), nameof(FaultKind.ErrorMiddle),
        nameof(FaultKind.Malformed), nameof(FaultKind.Silence), nameof(FaultKind.Stall), nameof(FaultKind.CommentsOnly), nameof(FaultKind.RoleOnly),
        nameof(FaultKind.Empty),
    ];

    [Fact]
    public async Task It_gives_the_same_text_in_every_mode()
    {
        await using var provider = new FakeProvider();
        using var caller = new ModelCaller(provider.Url);
        foreach (var mode in CallerMode.All)
        {
            var answer = await caller.AskAsync(mode, "fake-8b");
            Assert.Equal((200, provider.Text, mode.Finish, mode.IsStream), (answer.Status, answer.Text, answer.Finish, answer.IsDone));
            Assert.Equal((provider.Tokens.Count, "fake-8b"), (answer.Tokens, answer.Model));
            var tool = await caller.AskAsync(mode, "fake-8b", mode.Tools);
            Assert.Equal((ProviderApi.Tool.Name, string.Concat(ProviderApi.Tool.Arguments)), (tool.ToolName, tool.ToolArguments));
        }
    }

    [Fact]
    public async Task It_goes_on_exactly_where_a_beginning_ends()
    {
        await using var provider = new FakeProvider();
        using var caller = new ModelCaller(provider.Url);
        var begun = provider.Text[..37];
        var body = $$"""{"model":"m","messages":[{"role":"user","content":"?"},{"role":"assistant","content":{{FakeText.Quote(begun)}}}]}""";
        Assert.Equal(provider.Text[37..], (await caller.PostAsync(CallerMode.OpenAiWhole.Path, body)).Text);
        provider.Prefill = Prefill.Refuses;
        Assert.Equal(400, (await caller.PostAsync(CallerMode.OpenAiWhole.Path, body)).Status);
        provider.Prefill = Prefill.Repeats;
        Assert.Equal(provider.Text, (await caller.PostAsync(CallerMode.OpenAiWhole.Path, body)).Text);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_fault_is_one(string kind)
    {
        await using var provider = new FakeProvider();
        provider.Always(new Fault(Enum.Parse<FaultKind>(kind)));
        using var caller = new ModelCaller(provider.Url);
        foreach (var mode in CallerMode.All)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(500), Patience.Clock);
            try
            {
                var answer = await caller.AskAsync(mode, "m", cancel: patience.Token);
                Assert.False(answer is { Status: 200, Broken: null, Finish: not null } && answer.Text == provider.Text && answer.IsDone == mode.IsStream, $"{mode}: {answer}");
            }
            catch (System.Text.Json.JsonException)
            {
                // No client could read it.
            }
        }
    }

    [Fact]
    public async Task It_notes_that_a_caller_left()
    {
        await using var provider = new FakeProvider().Always(new Fault(FaultKind.Stall));
        using var caller = new ModelCaller(provider.Url);
        using var leaves = new CancellationTokenSource();
        var asking = caller.AskAsync(CallerMode.OpenAiStream, "m", cancel: leaves.Token);
        await Patience.UntilAsync("the request", () => provider.Requests.Count == 1);
        Assert.False(provider.Requests.First().Abandoned.IsCompleted);

        await leaves.CancelAsync();

        await provider.Requests.First().Abandoned.WaitAsync(Patience.Generous, Patience.Clock);
        Assert.NotNull((await asking).Broken);
    }

    [Fact]
    public async Task It_dies_and_comes_back_on_the_same_port()
    {
        await using var provider = new FakeProvider();
        using var caller = new ModelCaller(provider.Url);
        await provider.StopAsync();
        Assert.NotNull((await caller.AskAsync(CallerMode.OpenAiWhole, "m")).Broken);
        provider.Start();
        Assert.Equal(200, (await caller.AskAsync(CallerMode.OpenAiWhole, "m")).Status);
    }
}
