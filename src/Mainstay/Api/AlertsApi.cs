using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Control;
using Mainstay.Control.Alerts;

namespace Mainstay.Api;

/// <summary>GET /api/alerts, POST /api/alerts (raise) and /api/v2/alerts (as Prometheus sends them to an Alertmanager), POST
/// /api/alerts/{id}/ack, GET and POST /api/silences, DELETE /api/silences/{number}, POST /api/heartbeats/{name}, POST
/// /api/notify/{name}/test.</summary>
internal static class AlertsApi
{
    /// <summary>Prometheus sends 64 alerts at a time, each with its labels and annotations.</summary>
    public const long MostBodyBytes = 1 << 20;

    public const string SilenceCure = "The body must be JSON such as {\"matchers\": [\"region=us-east-1\", \"service=chat*\"], \"for\": \"2h\", \"why\": \"known\"}.";

    private const int MostMatchers = 20;

    /// <summary>True for what may be larger than an order of a person.</summary>
    public static bool TakesMuch(PathString path) => path.Value is "/api/alerts" or "/api/v2/alerts";

    public static void Map(
        WebApplication app, Func<Snapshot> snapshot, Func<Order, CancellationToken, Task<OrderResult>> order,
        Func<string, string, CancellationToken, Task<string>> test, TimeProvider clock)
    {
        app.MapGet("/api/alerts", http => ApiJson.WriteAsync(http, snapshot().Alerts));
        app.MapPost("/api/alerts", http => RaiseAsync(http, ReadOwnAsync, order, clock));
        app.MapPost("/api/v2/alerts", http => RaiseAsync(http, ReadPrometheusAsync, order, clock));
        app.MapPost("/api/alerts/{id}/ack", http =>
            RemediesApi.AnswerAsync(http, why => new AcknowledgeOrder((string)http.Request.RouteValues["id"]!, RemediesApi.WhoOf(http), why), order, clock));
        app.MapGet("/api/silences", http => ApiJson.WriteAsync(http, new SilenceList(snapshot().Alerts.Silences)));
        app.MapPost("/api/silences", http => SilenceAsync(http, order, clock));
        app.MapDelete("/api/silences/{number}", http => DrainsApi.Number(http) is { } number
            ? RemediesApi.AnswerAsync(http, why => new UnsilenceOrder(number, RemediesApi.WhoOf(http), why), order, clock)
            : ApiJson.WriteErrorAsync(http, StatusCodes.Status404NotFound, $"There is no silence {http.Request.RouteValues["number"]}. GET /api/silences lists them."));
        app.MapPost("/api/heartbeats/{name}", http =>
            NoteAsync(http, new HeartbeatOrder((string)http.Request.RouteValues["name"]!, RemediesApi.WhoOf(http)), StatusCodes.Status404NotFound, order, clock));
        app.MapPost("/api/notify/{name}/test", async http =>
        {
            var error = await test((string)http.Request.RouteValues["name"]!, RemediesApi.WhoOf(http), http.RequestAborted);
            await (error.Length == 0
                ? ApiJson.WriteAsync(http, new OrderResult(true, $"{http.Request.RouteValues["name"]} took the test."))
                : ApiJson.WriteErrorAsync(http, StatusCodes.Status502BadGateway, error));
        });
    }

    /// <summary>Reads the conditions of a silence. Null: they are none, and <paramref name="wrong"/> names the cure.</summary>
    public static ImmutableArray<Matcher>? TryMatchers(IReadOnlyCollection<string>? texts, out string wrong)
    {
        wrong = SilenceCure;
        if (texts is null || texts.Count is 0 or > MostMatchers)
            return null;
        var matchers = ImmutableArray.CreateBuilder<Matcher>();
        foreach (var text in texts)
        {
            if (Matcher.TryParse(text, out wrong) is not { } matcher)
                return null;
            matchers.Add(matcher);
        }
        return matchers.ToImmutable();
    }

    private static async Task SilenceAsync(HttpContext http, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        var (body, _) = await RemediesApi.ReadAsync<SilenceRequest>(http);
        var wrong = SilenceCure;
        if (body is null || TryMatchers(body.Matchers, out wrong) is not { } matchers || !DrainsApi.TryFor(body.For, out var lasts, out wrong))
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, wrong);
            return;
        }
        if (lasts is not { } time)
        {
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, "for: say how long, such as 2h; a silence without end is forgotten.");
            return;
        }
        await RemediesApi.AnswerAsync(http, new SilenceOrder(matchers, time, RemediesApi.WhoOf(http), RemediesApi.Tidy(body.Why)), order, clock);
    }

    private static async Task RaiseAsync(
        HttpContext http, Func<HttpContext, Task<(ImmutableArray<RaisedAlert> Alerts, string Wrong)>> read,
        Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        var (alerts, wrong) = await read(http);
        if (wrong.Length > 0)
            await ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, wrong);
        else
            await NoteAsync(http, new RaiseOrder(alerts, RemediesApi.WhoOf(http)), StatusCodes.Status503ServiceUnavailable, order, clock);
    }

    /// <summary>Answers 200 only when the disk has it: who sends such things tries again by itself.</summary>
    private static async Task NoteAsync(HttpContext http, Order asked, int refused, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        var result = await RemediesApi.GiveAsync(asked, order, clock, http.RequestAborted);
        await (result switch
        {
            null => ApiJson.WriteErrorAsync(http, StatusCodes.Status503ServiceUnavailable, RemediesApi.Unanswered),
            { Done: false } => ApiJson.WriteErrorAsync(http, refused, result.Message),
            _ => ApiJson.WriteAsync(http, result),
        });
    }

    private static async Task<(ImmutableArray<RaisedAlert>, string)> ReadOwnAsync(HttpContext http)
    {
        var (body, _) = await RemediesApi.ReadAsync<AlertRequest?[]>(http);
        return body is { Length: > 0 } ? AlertReader.Read(body) : ([], AlertReader.Cure);
    }

    private static async Task<(ImmutableArray<RaisedAlert>, string)> ReadPrometheusAsync(HttpContext http)
    {
        var (body, _) = await RemediesApi.ReadAsync<PrometheusAlert?[]>(http);
        return body is null ? ([], "The body must be a list of alerts as Prometheus sends them to an Alertmanager (API v2).") : AlertReader.Read(body.Select(a => a?.ToRequest()));
    }
}

/// <summary>Oldest first.</summary>
internal sealed record SilenceList(ImmutableArray<Silence> Silences);

/// <summary>The body of POST /api/silences.</summary>
/// <param name="Matchers">Such as region=us-east-1; all must fit.</param>
/// <param name="For">A duration such as 2h.</param>
/// <param name="Why">Stands in the journal.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record SilenceRequest(string[]? Matchers, string? For, string? Why);
