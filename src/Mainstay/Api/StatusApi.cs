using Mainstay.Control;

namespace Mainstay.Api;

/// <summary>GET /api/status, the snapshot as JSON, and GET /health.</summary>
internal static class StatusApi
{
    /// <summary>The loop ticks each second; after this long without one it is taken to stand still.</summary>
    public static readonly TimeSpan StandsStillAfter = TimeSpan.FromSeconds(10);

    /// <summary>Uptime watchers often ask with HEAD.</summary>
    public static readonly string[] Watchers = ["GET", "HEAD"];

    public static void Map(WebApplication app, Func<Snapshot> snapshot, TimeProvider clock)
    {
        app.MapGet("/api/status", http => ApiJson.WriteAsync(http,
            http.Request.Query["history"] == "none" ? WithoutHistory(snapshot()) : snapshot()));
        app.MapMethods("/health", Watchers, http => ApiJson.WriteAsync(http, HealthOf(snapshot(), clock.GetUtcNow())));
    }

    /// <summary>True if no tick has ended for long.</summary>
    public static bool StandsStill(Snapshot snapshot, DateTimeOffset now) => now - snapshot.At > StandsStillAfter;

    private static Snapshot WithoutHistory(Snapshot full) => full with
    {
        Services = [.. full.Services.Select(s => s with { History = [], Regions = [.. s.Regions.Select(r => r with { History = [] })] })],
    };

    /// <summary>Always 200: whoever restarts this process because judgement stands still would cut traffic that flows.</summary>
    private static HealthAnswer HealthOf(Snapshot snapshot, DateTimeOffset now) =>
        new("ok", snapshot.At == DateTimeOffset.UnixEpoch ? "starting" : StandsStill(snapshot, now) ? "stalled" : "ok", snapshot.At);
}

/// <param name="Status">"ok": the listener answers.</param>
/// <param name="Control">"ok", "starting" or "stalled": what the control loop does.</param>
/// <param name="Ticked">End of its last tick.</param>
internal sealed record HealthAnswer(string Status, string Control, DateTimeOffset Ticked);
