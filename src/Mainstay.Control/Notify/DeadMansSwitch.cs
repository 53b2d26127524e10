using Mainstay.Control.Config;

namespace Mainstay.Control.Notify;

/// <summary>
/// Tells somebody outside again and again that Mainstay lives: who stops hearing it alarms, also when this whole machine is gone. It is
/// silent while the control loop stands still, since nobody would be told of anything then.
/// </summary>
/// <param name="dispatcher">Sends it.</param>
/// <param name="configured">Whom to tell, as configured now; null: nobody.</param>
/// <param name="ticked">End of the control loop's last tick.</param>
public sealed class DeadMansSwitch(Dispatcher dispatcher, Func<OwnHeartbeat?> configured, Func<DateTimeOffset> ticked, Troubles troubles, TimeProvider clock)
{
    private static readonly TimeSpan StandsStillAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    public async Task RunAsync(CancellationToken cancel)
    {
        DateTimeOffset? last = null;
        while (!cancel.IsCancellationRequested)
        {
            var now = clock.GetUtcNow();
            if (configured() is not { } heartbeat)
            {
                troubles.Note("heartbeat", null);
                last = null;
            }
            else if ((last is null || now - last >= heartbeat.Every) && now - ticked() < StandsStillAfter)
            {
                last = now;
                troubles.Note("heartbeat", await dispatcher.BeatAsync(heartbeat.Url, cancel) is { } trouble
                    ? $"{trouble}. Who watches over Mainstay from outside will think that it is down."
                    : null);
            }
            await Task.Delay(Look, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
