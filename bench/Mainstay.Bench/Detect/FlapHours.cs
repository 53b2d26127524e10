using System.Collections.Immutable;
using Mainstay.Control;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Notify;
using Mainstay.Control.Storage;
using Mainstay.Routing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Bench.Detect;

/// <summary>An hour in which a trouble comes and goes each minute, and two quiet ones: the real control loop on a clock of its own, and the
/// real delivery to a real receiver.</summary>
internal static class FlapHours
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <returns>Deliveries that the receiver took.</returns>
    public static async Task<int> RunAsync(string folder, TimeProvider clock, CancellationToken cancel)
    {
        await using var receiver = new StormReceiver();
        using var state = StateFolder.Open(folder);
        var config = new MainstayConfig
        {
            File = Path.Combine(folder, "mainstay.yaml"),
            StateFolder = folder,
            Services = [],
            Notify = [new ChannelConfig { Name = "receiver", Kind = ChannelKind.Webhook, Limit = 1000, Address = new WebAddress(new Uri($"http://127.0.0.1:{receiver.Port}/"), null) }],
        };
        var troubles = new Troubles();
        var virtualClock = new StartClock();
        using var alerting = new Alerting(folder, troubles, virtualClock, 1, NullLogger<Alerting>.Instance);
        using var dispatcher = new Dispatcher(alerting.Outbox, () => config.Notify, troubles, clock, NullLogger<Dispatcher>.Instance);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var delivering = dispatcher.RunAsync(stop.Token);
        var loop = new ControlLoop(config, new OutcomeFeed().Reader, state, RouteTable.Empty, _ => { }, alerting, troubles, virtualClock, NullLogger<ControlLoop>.Instance);
        for (var second = 1; second <= 3 * 3600; second++)
        {
            var now = Start.AddSeconds(second);
            Task<OrderResult>? raised = null;
            if (second <= 3600 && second % 30 == 0)
                raised = loop.AskAsync(new RaiseOrder([Flap(second % 60 == 30 ? now.AddHours(1) : now)], "bench"), cancel);
            loop.Tick(now);
            if (raised is not null && !(await raised).Done)
                throw new InvalidOperationException((await raised).Message);
        }
        for (var i = 0; i < 100 && alerting.Outbox.Status().Any(c => c.Waiting > 0); i++)
            await Task.Delay(TimeSpan.FromMilliseconds(100), clock, cancel);
        await stop.CancelAsync();
        await delivering;
        return receiver.Deliveries;
    }

    private static RaisedAlert Flap(DateTimeOffset until) =>
        new("storm", "Flap", ImmutableSortedDictionary<string, string>.Empty) { Service = "moderation", Region = "us-east-1", Until = until };

    private sealed class StartClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Start;
    }
}
