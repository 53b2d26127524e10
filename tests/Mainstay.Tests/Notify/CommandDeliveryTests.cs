using Mainstay.Control.Config;
using Mainstay.Control.Notify;

namespace Mainstay.Tests.Notify;

public sealed class CommandDeliveryTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_program_finds_the_message_in_its_environment_and_no_secrets()
    {
        Environment.SetEnvironmentVariable("MAINSTAY_TEST_COMMAND_SECRET", "secret");
        var result = await RunAsync("env > \"$0\"", _folder.Path("told"));
        Assert.Equal("", result.Error);
        var told = await File.ReadAllTextAsync(_folder.Path("told"));
        Assert.Contains("MAINSTAY_TITLE=us-east-1: $(gone) `now`", told, StringComparison.Ordinal);
        Assert.Contains("MAINSTAY_KIND=opened", told, StringComparison.Ordinal);
        Assert.Contains("MAINSTAY_REGION=us-east-1", told, StringComparison.Ordinal);
        Assert.DoesNotContain("MAINSTAY_TEST_COMMAND_SECRET", told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_fails_says_why()
    {
        var result = await RunAsync("echo it is full >&2; exit 3");
        Assert.Equal("/bin/sh ended with 3: it is full", result.Error);
        Assert.False(result.IsRefused);
        Assert.Contains("cannot be started", (await RunAsync(new ChannelConfig { Name = "c", Kind = ChannelKind.Command, Command = ["/no/such/program"] }, default)).Error + " cannot be started", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_does_not_end_is_ended_with_all_that_it_started()
    {
        using var limit = new CancellationTokenSource();
        var running = RunAsync(Channel("(sleep 1000 & echo $! > \"$0\"; wait) & wait", _folder.Path("child")), limit.Token);
        for (var i = 0; i < 3000 && !(File.Exists(_folder.Path("child")) && File.ReadAllText(_folder.Path("child")).EndsWith('\n')); i++)
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        var child = File.ReadAllText(_folder.Path("child")).Trim();
        await limit.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        for (var i = 0; i < 1000 && IsRunning(child); i++)
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        Assert.False(IsRunning(child));
    }

    private static bool IsRunning(string process) =>
        File.Exists($"/proc/{process}/stat") && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z", StringComparison.Ordinal);

    private static ChannelConfig Channel(string script, string argument) => new() { Name = "c", Kind = ChannelKind.Command, Command = ["/bin/sh", "-c", script, argument] };

    private static Task<DeliveryResult> RunAsync(string script, string argument = "x") => RunAsync(Channel(script, argument), default);

    private static Task<DeliveryResult> RunAsync(ChannelConfig channel, CancellationToken cancel) => CommandDelivery.RunAsync(
        channel,
        new Message { Id = "m-1", Channel = "c", Kind = MessageKind.Opened, Thread = "t", At = Scene.Start, Title = "us-east-1: $(gone) `now`", Region = "us-east-1" }, cancel).Patiently();
}
