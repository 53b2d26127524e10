namespace Mainstay.Api;

/// <summary>GET /metrics, for Prometheus.</summary>
internal static class MetricsApi
{
    private const string Text = "text/plain; version=0.0.4; charset=utf-8";
    private const string OpenMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// <param name="app">Where it is answered.</param>
    /// <param name="read">All metrics as they are now; true: as OpenMetrics.</param>
    public static void Map(WebApplication app, Func<bool, string> read) => app.MapMethods("/metrics", StatusApi.Watchers, http =>
    {
        var isOpen = http.Request.Headers.Accept.ToString().Contains("application/openmetrics-text", StringComparison.OrdinalIgnoreCase);
        http.Response.ContentType = isOpen ? OpenMetrics : Text;
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsync(read(isOpen), http.RequestAborted);
    });
}
