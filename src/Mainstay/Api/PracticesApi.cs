using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Control;
using Mainstay.Control.Mitigation;

namespace Mainstay.Api;

/// <summary>GET /api/practices, /api/practices/{number} and its report as Markdown; POST /api/practices and /api/practices/stop.</summary>
internal static class PracticesApi
{
    private const string Cure = "The body must be JSON such as {\"region\": \"us-east-1\", \"for\": \"10m\", \"why\": \"before the holidays\"}: region, and if wished service, for, why.";
    private static readonly TimeSpan Usual = TimeSpan.FromMinutes(10);

    public static void Map(WebApplication app, Func<Snapshot> snapshot, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        app.MapGet("/api/practices", http => ApiJson.WriteAsync(http, new PracticeList(snapshot().Practices)));
        app.MapGet("/api/practices/{number}", http => Find(snapshot(), http) is { } practice
            ? ApiJson.WriteAsync(http, practice)
            : ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, Unknown(http)));
        app.MapGet("/api/practices/{number}/report", http => WriteReportAsync(http, Find(snapshot(), http)));
        app.MapPost("/api/practices", http => BeginAsync(http, order, clock));
        app.MapPost("/api/practices/stop", http => RemediesApi.AnswerAsync(http, why => new StopPracticeOrder(RemediesApi.WhoOf(http), why), order, clock));
    }

    /// <summary>The practice that the path names; null if it is not kept.</summary>
    public static Practice? Find(Snapshot snapshot, HttpContext http) => snapshot.Practices.FirstOrDefault(p => p.Number == DrainsApi.Number(http));

    public static string Unknown(HttpContext http) =>
        $"No practice {http.Request.RouteValues["number"]} is kept here. GET /api/practices lists those that are; older reports stand in state/practice.";

    private static Task WriteReportAsync(HttpContext http, Practice? practice)
    {
        if (practice is null)
            return ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, Unknown(http));
        http.Response.ContentType = "text/markdown; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsync(PracticeReport.Draft(practice), http.RequestAborted);
    }

    private static async Task BeginAsync(HttpContext http, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        var (body, _) = await RemediesApi.ReadAsync<PracticeRequest>(http);
        var wrong = Cure;
        if (body?.Region is null || !DrainsApi.TryFor(body.For, out var lasts, out wrong))
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, wrong);
            return;
        }
        await RemediesApi.AnswerAsync(
            http, new PracticeOrder(body.Service, body.Region, lasts ?? Usual, RemediesApi.WhoOf(http), RemediesApi.Tidy(body.Why)), order, clock);
    }
}

/// <summary>Newest first.</summary>
internal sealed record PracticeList(ImmutableArray<Practice> Practices);

/// <summary>The body of POST /api/practices.</summary>
/// <param name="Service">Null: every service.</param>
/// <param name="For">A duration such as 10m, which counts if none is given.</param>
/// <param name="Why">Stands in the journal.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record PracticeRequest(string? Region, string? Service, string? For, string? Why);
