using System.Globalization;
using Mainstay.Control;
using Mainstay.Control.Incidents;

namespace Mainstay.Api;

/// <summary>GET /api/incidents, /api/incidents/{number} and its review as Markdown.</summary>
internal static class IncidentsApi
{
    public static void Map(WebApplication app, Func<Snapshot> snapshot, ReviewFolder reviews)
    {
        app.MapGet("/api/incidents", http => ApiJson.WriteAsync(http, new IncidentList(snapshot().Incidents)));
        app.MapGet("/api/incidents/{number}", http => Find(snapshot(), http) is { } incident
            ? ApiJson.WriteAsync(http, incident)
            : ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, Unknown(http)));
        app.MapGet("/api/incidents/{number}/review", http => WriteReviewAsync(http, Find(snapshot(), http), reviews));
    }

    /// <summary>The incident that the path names; null if none is known.</summary>
    public static Incident? Find(Snapshot snapshot, HttpContext http) =>
        int.TryParse(http.Request.RouteValues["number"] as string, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? snapshot.Incidents.FirstOrDefault(i => i.Number == number)
            : null;

    public static string Unknown(HttpContext http) =>
        $"No incident {http.Request.RouteValues["number"]} is kept here. GET /api/incidents lists those that are; older reviews stand in state/reviews.";

    private static Task WriteReviewAsync(HttpContext http, Incident? incident, ReviewFolder reviews)
    {
        if (incident is null)
            return ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, Unknown(http));
        if (reviews.TryRead(incident, out var why) is not { } markdown)
            return ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, why);
        http.Response.ContentType = "text/markdown; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsync(markdown, http.RequestAborted);
    }
}

/// <summary>Open ones first, then resolved ones, newest first.</summary>
internal sealed record IncidentList(System.Collections.Immutable.ImmutableArray<Incident> Incidents);
