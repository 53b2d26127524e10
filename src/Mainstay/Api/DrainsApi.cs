using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Serialization;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Mitigation;

namespace Mainstay.Api;

/// <summary>GET /api/drains and /api/blast-radius, POST /api/drains, DELETE /api/drains/{number}.</summary>
internal static class DrainsApi
{
    public const string Cure = "The body must be JSON such as {\"region\": \"us-east-1\", \"service\": \"moderation\", \"for\": \"30m\", \"why\": \"maintenance\"}: "
        + "region or server, and if wished service, for, why, force.";

    /// <summary>Shorter is over before anybody sees it; longer is a matter for the configuration.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    public static void Map(WebApplication app, Func<Snapshot> snapshot, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        app.MapGet("/api/drains", http => ApiJson.WriteAsync(http, new DrainList(snapshot().Drains)));
        app.MapGet("/api/blast-radius", http => MeasureAsync(http, snapshot()));
        app.MapPost("/api/drains", http => DrainAsync(http, order, clock));
        app.MapDelete("/api/drains/{number}", http => Number(http) is { } number
            ? RemediesApi.AnswerAsync(http, why => new UndrainOrder(number, RemediesApi.WhoOf(http), why), order, clock)
            : ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, $"There is no drain {http.Request.RouteValues["number"]}. GET /api/drains lists them."));
    }

    /// <summary>The number that the path names; null if it is none.</summary>
    public static int? Number(HttpContext http) =>
        int.TryParse(http.Request.RouteValues["number"] as string, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>Reads how long something shall last. False: it is no such time, and <paramref name="wrong"/> names the cure.</summary>
    public static bool TryFor(string? text, out TimeSpan? lasts, out string wrong)
    {
        (lasts, wrong) = (null, "");
        if (string.IsNullOrEmpty(text))
            return true;
        if (!Units.TryDuration(text, out var value, out var cure))
            wrong = $"for: not a duration; {cure}.";
        else if (value < Shortest || value > Longest)
            wrong = "for: write a duration from 1s to 30d.";
        else
            lasts = value;
        return wrong.Length == 0;
    }

    private static Task MeasureAsync(HttpContext http, Snapshot seen)
    {
        var asked = http.Request.Query;
        string? Asked(string name) => asked[name].ToString() is { Length: > 0 } text ? text : null;
        return BlastRadius.TryMeasure(seen, Asked("service"), Asked("region"), Asked("server"), out var wrong) is { } blast
            ? ApiJson.WriteAsync(http, blast)
            : ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, wrong);
    }

    private static async Task DrainAsync(HttpContext http, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        var (body, _) = await RemediesApi.ReadAsync<DrainRequest>(http);
        var wrong = Cure;
        if (body is null || !TryFor(body.For, out var lasts, out wrong))
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, wrong);
            return;
        }
        var asked = new DrainOrder(body.Service, body.Region, body.Server, lasts, body.Force, RemediesApi.WhoOf(http), RemediesApi.Tidy(body.Why));
        await RemediesApi.AnswerAsync(http, asked, order, clock);
    }
}

/// <summary>Oldest first.</summary>
internal sealed record DrainList(ImmutableArray<Drain> Drains);

/// <summary>The body of POST /api/drains.</summary>
/// <param name="Region">Null: that of the server.</param>
/// <param name="Server">Null: the whole region.</param>
/// <param name="Service">Null: every service.</param>
/// <param name="For">A duration such as 30m; null: until somebody undrains.</param>
/// <param name="Why">Stands in the journal.</param>
/// <param name="Force">True: also if no other server would be left.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record DrainRequest(string? Region, string? Server, string? Service, string? For, string? Why, bool Force);
