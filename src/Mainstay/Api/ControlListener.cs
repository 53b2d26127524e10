using Mainstay.Control;
using Mainstay.Control.Signals;
using Mainstay.Control.Usage;
using Mainstay.Dashboard;
using Mainstay.Routing;
using Microsoft.AspNetCore.Http.Features;

namespace Mainstay.Api;

/// <summary>The control listener: API, dashboard and status page. It needs nothing registered in the host, and holds no state
/// but the number of its listeners.</summary>
internal static class ControlListener
{
    /// <summary>Orders and the sign-in form are small.</summary>
    private const long MostBodyBytes = 64 * 1024;

    private const string ContentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <param name="app">Its only routes are these.</param>
    /// <param name="snapshot">The latest one; called at any time from any thread.</param>
    /// <param name="order">Has the control loop carry an order out; the token is cancelled after five seconds.</param>
    /// <param name="explain">Asks the data plane why a request went where it went; null from it: no data plane answers.</param>
    /// <param name="access">Who may do what.</param>
    /// <param name="reviewsFolder">state/reviews.</param>
    /// <param name="clock">The clock of pages and streams.</param>
    /// <param name="test">Sends a test by a channel, for somebody; answers why it was not taken, or nothing.</param>
    /// <param name="metrics">All metrics as text, true: as OpenMetrics; null: none are told.</param>
    /// <param name="usage">What callers used of models; null: nobody counts.</param>
    /// <param name="series">Takes signals in, and tells them; null: nobody keeps them.</param>
    /// <param name="hear">Takes what a provider says of its health: feed, text; answers what is wrong or nothing, null for a feed that is none.</param>
    public static void Map(
        WebApplication app,
        Func<Snapshot> snapshot,
        Func<Order, CancellationToken, Task<OrderResult>> order,
        Func<string, CancellationToken, Task<DecisionAnswer?>> explain,
        Access access,
        string reviewsFolder,
        TimeProvider clock,
        Func<string, string, CancellationToken, Task<string>> test,
        Func<bool, string>? metrics = null,
        Func<UsageQuery, CancellationToken, Task<UsageAnswer>>? usage = null,
        SeriesStore? series = null,
        Func<string, string, string?>? hear = null)
    {
        var reviews = new ReviewFolder(reviewsFolder);
        var dashboard = new DashboardRoutes(snapshot, order, explain, access, reviews, test, clock);
        app.Use(next => http => GuardAsync(http, next, access, dashboard, app.Logger));
        StatusApi.Map(app, snapshot, clock);
        if (metrics is not null)
            MetricsApi.Map(app, metrics);
        if (usage is not null)
        {
            UsageApi.Map(app, usage, clock);
            dashboard.MapUsage(app, usage);
        }
        if (series is not null)
            SeriesApi.Map(app, series, hear ?? ((_, _) => null), clock);
        IncidentsApi.Map(app, snapshot, reviews);
        ExplainApi.Map(app, explain);
        RemediesApi.Map(app, order, clock);
        DrainsApi.Map(app, snapshot, order, clock);
        PracticesApi.Map(app, snapshot, order, clock);
        AlertsApi.Map(app, snapshot, order, test, clock);
        new EventsApi(snapshot, clock).Map(app);
        dashboard.Map(app);
    }

    private static async Task GuardAsync(HttpContext http, RequestDelegate next, Access access, DashboardRoutes dashboard, ILogger log)
    {
        SetHeaders(http.Response.Headers);
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
            body.MaxRequestBodySize = MostBytes(http.Request.Path);
        var ruling = access.Judge(http.Request);
        http.Items[typeof(Ruling)] = ruling.Who;
        try
        {
            if (!ruling.IsGranted)
            {
                await RefuseAsync(http, dashboard, ruling.Status, ruling.Message);
                return;
            }
            await next(http);
            if (!http.Response.HasStarted && http.Response.StatusCode is 404 or 405 && http.Response.ContentType is null)
                await RefuseAsync(http, dashboard, http.Response.StatusCode, Explain(http));
        }
        catch (BadHttpRequestException e)
        {
            await RefuseAsync(http, dashboard, e.StatusCode, $"The request cannot be read: {e.Message}");
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody waits for the answer any more.
        }
        catch (Exception e)
        {
            log.LogError(e, "{Method} {Path} failed on the control listener; traffic is not concerned", http.Request.Method, http.Request.Path);
            await RefuseAsync(http, dashboard, StatusCodes.Status500InternalServerError,
                "This page failed; the log says why. Traffic is not concerned.");
        }
    }

    private static long MostBytes(PathString path) =>
        SeriesApi.TakesMuch(path) ? SeriesApi.MostBodyBytes : AlertsApi.TakesMuch(path) ? AlertsApi.MostBodyBytes : MostBodyBytes;

    private static async Task RefuseAsync(HttpContext http, DashboardRoutes dashboard, int status, string message)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }
        if (status is StatusCodes.Status401Unauthorized)
            http.Response.Headers.WWWAuthenticate = "Bearer realm=\"mainstay\"";
        if (http.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
            || http.Request.Path.StartsWithSegments("/v1", StringComparison.OrdinalIgnoreCase)
            || http.Request.Path.StartsWithSegments("/health", StringComparison.OrdinalIgnoreCase))
            await ApiJson.WriteErrorAsync(http, status, message);
        else
            await dashboard.WriteRefusalAsync(http, status, message);
    }

    private static string Explain(HttpContext http) => http.Response.StatusCode is StatusCodes.Status405MethodNotAllowed
        ? $"{http.Request.Path} does not take {http.Request.Method}."
        : $"There is nothing at {http.Request.Path}. The dashboard is at /, the API at /api/status, /api/incidents, /api/alerts, /api/drains, /api/usage and /api/series.";

    private static void SetHeaders(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
    }
}
