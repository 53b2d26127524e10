using System.CommandLine;
using System.Globalization;
using Mainstay.Commands;
using Mainstay.Control;
using Mainstay.Control.Alerts;
using Mainstay.Control.Notify;
using Mainstay.Tests.Alerts;
using Mainstay.Tests.Api;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Commands;

public sealed class AlertCommandTests : IAsyncLifetime
{
    private ListenerFixture _listener = null!;

    public async Task InitializeAsync() => _listener = await ListenerFixture.StartAsync();

    public async Task DisposeAsync() => await _listener.DisposeAsync();

    [Fact]
    public async Task A_list_shows_alerts_and_channels_plainly()
    {
        var alert = Alert.Of(AlertHouse.Anomaly("us-east-1"), DashboardSamples.Now);
        _listener.Snapshot = _listener.Snapshot with
        {
            Alerts = new AlertsStatus
            {
                Groups = [new AlertGroup { Number = 7, Key = alert.GroupKey, Title = "us-east-1: gone\u001b[2J", Opened = DashboardSamples.Now, Told = DashboardSamples.Now, Channels = ["ops"] }],
                Alerts = [alert],
                Count = 1,
                OpenGroups = 1,
                Channels = [new ChannelStatus("ops", 2, 10, null, "answered 503", null, [])],
            },
        };
        var (exit, output, error) = await RunAsync("alert", "list");
        Assert.Equal((0, ""), (exit, error));
        foreach (var words in new[] { "Alert 7", "us-east-1: gone", "told: ops", "100 % failed", "answered 503" })
            Assert.Contains(words, output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
        Assert.Contains("answered 503", (await RunAsync("notify", "list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Orders_reach_the_instance()
    {
        Assert.Equal(0, (await RunAsync("alert", "ack", "7", "--why", "mine")).Exit);
        Assert.Equal(0, (await RunAsync("alert", "silence", "region=us-east-1", "service!=chat", "--for", "2h")).Exit);
        Assert.Equal(0, (await RunAsync("alert", "unsilence", "3")).Exit);
        Assert.Equal(["AcknowledgeOrder", "SilenceOrder", "UnsilenceOrder"], _listener.Orders.Select(o => o.GetType().Name));
        Assert.Equal(2, ((SilenceOrder)_listener.Orders[1]).Matchers.Length);
        var good = await RunAsync("notify", "test", "ops");
        Assert.Equal((0, "ops took the test."), (good.Exit, good.Output.Trim()));
        var bad = await RunAsync("notify", "test", "broken");
        Assert.Equal((1, "it is broken"), (bad.Exit, bad.Error.Trim()));
    }

    [Theory]
    [InlineData("alert", "silence", "zone=a", "--for", "2h")]
    [InlineData("alert", "silence", "region=a", "--for", "2")]
    public async Task What_cannot_work_is_said_before_anything_is_sent(params string[] line)
    {
        Assert.Equal(CommandRun.Mistake, (await RunAsync(line)).Exit);
        Assert.Empty(_listener.Orders);
    }

    private async Task<(int Exit, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        var clock = new SampleClock(DashboardSamples.Now);
        var root = new RootCommand { AlertCommand.Build(clock), NotifyCommand.Build(clock) };
        string[] where = args is [_, "list"] ? ["--control", Here] : ["--control", Here, "--token-file", Path.Combine(_listener.State, "token")];
        var exit = await root.Parse([.. args, .. where]).InvokeAsync(new InvocationConfiguration { Output = output, Error = error });
        return (exit, output.ToString(), error.ToString());
    }

    private string Here => _listener.Address.GetLeftPart(UriPartial.Authority);
}
