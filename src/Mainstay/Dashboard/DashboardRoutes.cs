using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Usage;
using Mainstay.Dashboard.Pages;
using Mainstay.Routing;
using Microsoft.AspNetCore.Components;

namespace Mainstay.Dashboard;

/// <summary>The pages and their addresses. Each is rendered whole on the server and works without script.</summary>
internal sealed class DashboardRoutes(
    Func<Snapshot> snapshot,
    Func<Order, CancellationToken, Task<OrderResult>> order,
    Func<string, CancellationToken, Task<DecisionAnswer?>> explain,
    Access access,
    ReviewFolder reviews,
    Func<string, string, CancellationToken, Task<string>> test,
    TimeProvider clock)
{
    private readonly PageCache _pages = new();

    public void Map(WebApplication app)
    {
        AssetFiles.Map(app);
        app.MapGet("/", http => WriteAsync<Overview>(http, 200, "/", new() { ["Now"] = snapshot() }));
        app.MapMethods("/status", StatusApi.Watchers, http => WriteAsync<StatusPage>(http, 200, "/status", new() { ["Now"] = snapshot() }));
        app.MapGet("/incidents/{number}", http => WriteIncidentAsync(http, null));
        app.MapGet("/incidents/{number}/review", WriteReviewAsync);
        app.MapGet("/explain", WriteDecisionAsync);
        app.MapPost("/incidents/{number}/approve/{id}", ApproveAsync);
        app.MapPost("/pause", http => OrderAsync(http, why => new PauseOrder(RemediesApi.WhoOf(http), why)));
        app.MapPost("/resume", http => OrderAsync(http, why => new ResumeOrder(RemediesApi.WhoOf(http), why)));
        app.MapPost("/drains/{number}/undrain", http => OrderAsync(http, why => new UndrainOrder(DrainsApi.Number(http) ?? 0, RemediesApi.WhoOf(http), why)));
        app.MapGet("/practices/{number}", WritePracticeAsync);
        app.MapPost("/practices/stop", http => OrderAsync(http, why => new StopPracticeOrder(RemediesApi.WhoOf(http), why)));
        app.MapGet("/alerts", http => WriteAlertsAsync(http, 200, null));
        app.MapPost("/alerts/{id}/ack", http => AlertOrderAsync(http, why => new AcknowledgeOrder((string)http.Request.RouteValues["id"]!, RemediesApi.WhoOf(http), why)));
        app.MapPost("/alerts/silences", SilenceAsync);
        app.MapPost("/alerts/silences/{number}/end", http => AlertOrderAsync(http, why => new UnsilenceOrder(DrainsApi.Number(http) ?? 0, RemediesApi.WhoOf(http), why)));
        app.MapPost("/alerts/channels/{name}/test", TestAsync);
        app.MapGet("/login", http => WriteLoginAsync(http, 200, http.Request.Query["back"].ToString(), null));
        app.MapPost("/login", SignInAsync);
        app.MapPost("/logout", http =>
        {
            Access.SignOut(http);
            return RedirectAsync(http, "/");
        });
    }

    /// <summary>What callers used of models, of the last day or as long as the address says.</summary>
    public void MapUsage(WebApplication app, Func<UsageQuery, CancellationToken, Task<UsageAnswer>> usage) => app.MapGet("/usage", async http =>
    {
        var asked = http.Request.Query;
        var (now, by) = (clock.GetUtcNow(), asked["by"].ToString());
        if (UsageQuery.TryRead(asked["from"], asked["to"], by.Length > 0 ? by : "key,model,region", now, out var why) is not { } query)
        {
            await WriteRefusalAsync(http, 400, why);
            return;
        }
        try
        {
            await WriteAsync<UsagePage>(http, 200, "", new() { ["Usage"] = await usage(query, http.RequestAborted) });
        }
        catch (IOException e)
        {
            await WriteRefusalAsync(http, 503, e.Message);
        }
    });

    /// <summary>Says in a page why a request was refused; who only has to sign in is led there.</summary>
    public Task WriteRefusalAsync(HttpContext http, int status, string message)
    {
        if (status is StatusCodes.Status401Unauthorized && HttpMethods.IsGet(http.Request.Method))
            return RedirectAsync(http, "/login?back=" + Uri.EscapeDataString(http.Request.Path.Value ?? "/"));
        if (status is StatusCodes.Status401Unauthorized)
            return WriteLoginAsync(http, status, "/", "Your session is over, so nothing was changed. Sign in, then do it again.");
        return WriteAsync<NotFound>(http, status, "", new() { ["Status"] = status, ["Message"] = message });
    }

    private Task WriteIncidentAsync(HttpContext http, string? refused)
    {
        var now = snapshot();
        if (IncidentsApi.Find(now, http) is not { } incident)
            return WriteRefusalAsync(http, 404, IncidentsApi.Unknown(http));
        return WriteAsync<IncidentPage>(http, refused is null ? 200 : 409, $"/incidents/{incident.Number}",
            new() { ["Now"] = now, ["Incident"] = incident, ["Refused"] = refused });
    }

    private Task WriteReviewAsync(HttpContext http)
    {
        if (IncidentsApi.Find(snapshot(), http) is not { } incident)
            return WriteRefusalAsync(http, 404, IncidentsApi.Unknown(http));
        if (reviews.TryRead(incident, out var why) is not { } markdown)
            return WriteRefusalAsync(http, 404, why);
        return WriteAsync<ReviewPage>(http, 200, $"/incidents/{incident.Number}/review",
            new() { ["Now"] = snapshot(), ["Incident"] = incident, ["Markdown"] = markdown });
    }

    private async Task WriteDecisionAsync(HttpContext http)
    {
        var id = http.Request.Query["id"].ToString().Trim();
        if (id.Length == 0)
        {
            await RedirectAsync(http, "/");
            return;
        }
        var answer = await explain(id, http.RequestAborted);
        if (answer?.Decision is { } decision)
            await WriteAsync<ExplainPage>(http, 200, "", new() { ["Decision"] = decision });
        else
            await WriteRefusalAsync(http, answer is null ? 503 : 404, answer?.Why ?? ExplainApi.NoDataPlane);
    }

    private Task WritePracticeAsync(HttpContext http)
    {
        if (PracticesApi.Find(snapshot(), http) is not { } practice)
            return WriteRefusalAsync(http, 404, PracticesApi.Unknown(http));
        return WriteAsync<PracticePage>(http, 200, $"/practices/{practice.Number}", new() { ["Now"] = snapshot(), ["Practice"] = practice });
    }

    private async Task ApproveAsync(HttpContext http)
    {
        var why = RemediesApi.Tidy(await FieldAsync(http, "why"));
        var id = (string)http.Request.RouteValues["id"]!;
        var result = await RemediesApi.GiveAsync(new ApproveOrder(id, RemediesApi.WhoOf(http), why), order, clock, http.RequestAborted);
        if (result is { Done: true } && IncidentsApi.Find(snapshot(), http) is { } incident)
            await RedirectAsync(http, $"/incidents/{incident.Number}");
        else
            await WriteIncidentAsync(http, result?.Message ?? RemediesApi.Unanswered);
    }

    private async Task OrderAsync(HttpContext http, Func<string, Order> make)
    {
        var why = RemediesApi.Tidy(await FieldAsync(http, "why"));
        var result = await RemediesApi.GiveAsync(make(why), order, clock, http.RequestAborted);
        if (result is { Done: true })
            await RedirectAsync(http, "/");
        else
            await WriteAsync<Overview>(http, result is null ? 503 : 409, "/",
                new() { ["Now"] = snapshot(), ["Refused"] = result?.Message ?? RemediesApi.Unanswered });
    }

    private Task WriteAlertsAsync(HttpContext http, int status, string? refused, string? told = null) =>
        WriteAsync<AlertsPage>(http, status, told is null ? "/alerts" : "", new() { ["Now"] = snapshot(), ["Refused"] = refused, ["Told"] = told });

    private async Task AlertOrderAsync(HttpContext http, Func<string, Order> make)
    {
        var why = RemediesApi.Tidy(await FieldAsync(http, "why"));
        var result = await RemediesApi.GiveAsync(make(why), order, clock, http.RequestAborted);
        if (result is { Done: true })
            await RedirectAsync(http, "/alerts");
        else
            await WriteAlertsAsync(http, result is null ? 503 : 409, result?.Message ?? RemediesApi.Unanswered);
    }

    private async Task SilenceAsync(HttpContext http)
    {
        var texts = (await FieldAsync(http, "matchers")).Split([' ', ','], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var wrong = "How long? Write a duration such as 2h.";
        if (AlertsApi.TryMatchers(texts, out var cure) is not { } matchers)
            await WriteAlertsAsync(http, 400, texts.Length == 0 ? "Which alerts? Write conditions such as region=us-east-1." : cure);
        else if (!DrainsApi.TryFor(await FieldAsync(http, "for"), out var lasts, out cure) || lasts is not { } time)
            await WriteAlertsAsync(http, 400, cure.Length > 0 ? cure : wrong);
        else
            await AlertOrderAsync(http, why => new SilenceOrder(matchers, time, RemediesApi.WhoOf(http), why));
    }

    private async Task TestAsync(HttpContext http)
    {
        var name = (string)http.Request.RouteValues["name"]!;
        var error = await test(name, RemediesApi.WhoOf(http), http.RequestAborted);
        await WriteAlertsAsync(http, error.Length == 0 ? 200 : 502, error.Length == 0 ? null : error, error.Length == 0 ? $"{name} took the test." : null);
    }

    private async Task SignInAsync(HttpContext http)
    {
        var back = Inside(await FieldAsync(http, "back"));
        if (access.CallerOf((await FieldAsync(http, "token")).Trim()) is not { } who)
        {
            await WriteLoginAsync(http, 401, back, "That token is not known here. Copy the whole line.");
            return;
        }
        access.SignIn(http, who.Name);
        await RedirectAsync(http, back);
    }

    private Task WriteLoginAsync(HttpContext http, int status, string back, string? refused) =>
        WriteAsync<LoginPage>(http, status, "", new() { ["Back"] = Inside(back), ["Refused"] = refused });

    /// <summary>A path of this listener; anything that a browser could take for another site becomes the overview.</summary>
    internal static string Inside(string? back) =>
        back is ['/', ..] and not ['/', '/' or '\\', ..] && !back.Any(char.IsControl)
            && Uri.IsWellFormedUriString(back, UriKind.Relative) ? back : "/";

    private static async Task<string> FieldAsync(HttpContext http, string name)
    {
        if (!http.Request.HasFormContentType)
            return "";
        try
        {
            return (await http.Request.ReadFormAsync(http.RequestAborted))[name].ToString();
        }
        catch (InvalidDataException e)
        {
            throw new BadHttpRequestException($"The form cannot be read: {e.Message}", e);
        }
    }

    private static Task RedirectAsync(HttpContext http, string path)
    {
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
        http.Response.Headers.Location = path;
        http.Response.Headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }

    private async Task WriteAsync<TPage>(HttpContext http, int status, string self, Dictionary<string, object?> parameters)
        where TPage : IComponent
    {
        var who = http.Items[typeof(Ruling)] as Caller;
        var visit = new Visit(clock.GetUtcNow(), who, self);
        parameters["Visit"] = visit;
        // A page that answers what one person just did is not for others.
        var html = status is StatusCodes.Status200OK && self.Length > 0 && parameters["Now"] is Snapshot now
            ? await _pages.GetAsync(now, visit, () => PageText.RenderAsync<TPage>(parameters))
            : await PageText.RenderAsync<TPage>(parameters);
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        await http.Response.WriteAsync(html, http.RequestAborted);
    }
}
