using System.Text.Json;
using Mainstay.Control;

namespace Mainstay.Api;

/// <summary>POST /api/pause, /api/resume and /api/remedies/{id}/approve, each with an optional <c>{"why": "..."}</c>. Answers 200
/// when the order was carried out, 409 when the control loop refused it, 503 when it does not answer.</summary>
internal static class RemediesApi
{
    /// <summary>The control loop carries orders out in its next tick, a second away at most.</summary>
    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(5);

    private const int MostCharacters = 500;

    public static void Map(WebApplication app, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        app.MapPost("/api/pause", http => AnswerAsync(http, why => new PauseOrder(WhoOf(http), why), order, clock));
        app.MapPost("/api/resume", http => AnswerAsync(http, why => new ResumeOrder(WhoOf(http), why), order, clock));
        app.MapPost("/api/remedies/{id}/approve", http =>
            AnswerAsync(http, why => new ApproveOrder((string)http.Request.RouteValues["id"]!, WhoOf(http), why), order, clock));
    }

    /// <summary>Gives the order; null when the control loop does not answer in time.</summary>
    public static async Task<OrderResult?> GiveAsync(
        Order asked, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock, CancellationToken cancel)
    {
        using var deadline = new CancellationTokenSource(AnswersWithin, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancel);
        try
        {
            return await order(asked, either.Token).WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return null;
        }
    }

    public const string Unanswered = "The control loop does not answer, so nothing is known to have changed. Traffic flows on. mainstay pause and resume "
        + "work without it, through the file paused in the state folder.";

    /// <summary>Who the listener found the request to come from.</summary>
    public static string WhoOf(HttpContext http) => ((Caller?)http.Items[typeof(Ruling)])?.Name ?? "";

    /// <summary>A reason fit for the journal: one line, bounded.</summary>
    public static string Tidy(string? why)
    {
        var line = new string([.. (why ?? "").Select(c => char.IsControl(c) ? ' ' : c)]).Trim();
        return line.Length > MostCharacters ? line[..MostCharacters] : line;
    }

    /// <summary>Gives an order that needs no more than a reason, and answers what became of it.</summary>
    public static async Task AnswerAsync(
        HttpContext http, Func<string, Order> make, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        var (reason, isRead) = await ReadAsync<Reason>(http);
        await (isRead
            ? AnswerAsync(http, make(Tidy(reason?.Why)), order, clock)
            : ApiJson.WriteErrorAsync(http, StatusCodes.Status400BadRequest, "The body must be empty or JSON such as {\"why\": \"maintenance in us-east-1\"}."));
    }

    /// <summary>Gives an order, and answers what became of it.</summary>
    public static async Task AnswerAsync(
        HttpContext http, Order asked, Func<Order, CancellationToken, Task<OrderResult>> order, TimeProvider clock)
    {
        var result = await GiveAsync(asked, order, clock, http.RequestAborted);
        await (result switch
        {
            null => ApiJson.WriteErrorAsync(http, StatusCodes.Status503ServiceUnavailable, Unanswered),
            { Done: false } => ApiJson.WriteErrorAsync(http, StatusCodes.Status409Conflict, result.Message),
            _ => ApiJson.WriteAsync(http, result),
        });
    }

    /// <summary>The body as JSON: null if it is empty. <c>IsRead</c> is false for one that cannot be read.</summary>
    public static async Task<(T? Body, bool IsRead)> ReadAsync<T>(HttpContext http) where T : class
    {
        try
        {
            using var reader = new StreamReader(http.Request.Body);
            var body = await reader.ReadToEndAsync(http.RequestAborted);
            if (string.IsNullOrWhiteSpace(body))
                return (null, true);
            var read = JsonSerializer.Deserialize<T>(body, ApiJson.Options);
            return (read, read is not null);
        }
        catch (JsonException)
        {
            return (null, false);
        }
    }

    private sealed record Reason(string? Why);
}
