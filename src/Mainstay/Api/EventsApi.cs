using System.Globalization;
using System.Text.Json;
using Mainstay.Control;

namespace Mainstay.Api;

/// <summary>
/// GET /api/events: server-sent events, one <c>tick</c> for each new snapshot, with what changed in a few numbers; who wants more
/// asks /api/status. The number of listeners is bounded, and one that does not read is let go.
/// </summary>
internal sealed class EventsApi(Func<Snapshot> snapshot, TimeProvider clock, int mostListeners = 100)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan HeartbeatEvery = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan WritesWithin = TimeSpan.FromSeconds(10);

    private int _listeners;

    public void Map(WebApplication app) => app.MapGet("/api/events", http => ListenAsync(http, app.Lifetime.ApplicationStopping));

    private async Task ListenAsync(HttpContext http, CancellationToken stopping)
    {
        if (Interlocked.Increment(ref _listeners) > mostListeners)
        {
            Interlocked.Decrement(ref _listeners);
            http.Response.Headers.RetryAfter = "30";
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status503ServiceUnavailable,
                $"{mostListeners} listeners are connected, which is the most. Close a dashboard, or ask /api/status every few seconds instead.");
            return;
        }
        try
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
            await SendAsync(http.Response, over.Token);
        }
        catch (OperationCanceledException)
        {
            // The listener went away, stopped reading, or the program stops.
        }
        finally
        {
            Interlocked.Decrement(ref _listeners);
        }
    }

    private async Task SendAsync(HttpResponse response, CancellationToken over)
    {
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        await WriteAsync(response, "retry: 2000\n\n", over);
        var sent = DateTimeOffset.MinValue;
        var wrote = clock.GetTimestamp();
        using var timer = new PeriodicTimer(Look, clock);
        do
        {
            var now = snapshot();
            if (now.At != sent)
            {
                sent = now.At;
                await WriteAsync(response, EventOf(now), over);
                wrote = clock.GetTimestamp();
            }
            else if (clock.GetElapsedTime(wrote) >= HeartbeatEvery)
            {
                await WriteAsync(response, ": still here\n\n", over);
                wrote = clock.GetTimestamp();
            }
        }
        while (await timer.WaitForNextTickAsync(over));
    }

    private async Task WriteAsync(HttpResponse response, string text, CancellationToken over)
    {
        using var deadline = new CancellationTokenSource(WritesWithin, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, over);
        await response.WriteAsync(text, either.Token);
        await response.Body.FlushAsync(either.Token);
    }

    private static string EventOf(Snapshot now)
    {
        var tick = new TickEvent(now.At, now.TableVersion, now.Paused, now.Incidents.Count(i => i.IsOpen));
        var id = now.At.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        return $"event: tick\nid: {id}\ndata: {JsonSerializer.Serialize(tick, ApiJson.Options)}\n\n";
    }
}

/// <param name="At">End of the tick.</param>
internal sealed record TickEvent(DateTimeOffset At, long TableVersion, bool Paused, int OpenIncidents);
