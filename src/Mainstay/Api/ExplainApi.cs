using Mainstay.Routing;

namespace Mainstay.Api;

/// <summary>GET /api/explain/{id}: why a request went where it went.</summary>
internal static class ExplainApi
{
    public const string NoDataPlane =
        "No data plane answers on this state folder. Start mainstay route there, or ask the instance that serves the traffic.";

    /// <param name="explain">Asks the data plane; null from it: none answers.</param>
    public static void Map(WebApplication app, Func<string, CancellationToken, Task<DecisionAnswer?>> explain) =>
        app.MapGet("/api/explain/{id}", async http =>
        {
            var answer = await explain((string)http.Request.RouteValues["id"]!, http.RequestAborted);
            await (answer?.Decision is { } decision ? ApiJson.WriteAsync(http, decision)
                : answer is null ? ApiJson.WriteErrorAsync(http, StatusCodes.Status503ServiceUnavailable, NoDataPlane)
                : ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, answer.Why));
        });
}
