using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;
using Mainstay.Dashboard;
using Mainstay.Dashboard.Pages;
using Microsoft.AspNetCore.Components;

namespace Mainstay.Tests.Dashboard;

public sealed class PageTests
{
    private const string Hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

    [Fact]
    public async Task The_overview_shows_services_regions_servers_incidents_and_troubles()
    {
        var html = await RenderAsync<Overview>(new() { ["Now"] = DashboardSamples.Snapshot });

        Assert.StartsWith("<!DOCTYPE html>", html, StringComparison.Ordinal);
        foreach (var word in new[] { "moderation", "chat", "us-east-1", "10.0.2.11:9000", "Drained", "Unwell, breaker open", "1.2 %", "Incident 41", "Resolved", "The database does not answer", "1 remedy waits" })
            Assert.Contains(word, html, StringComparison.Ordinal);
        Assert.Equal(6, html.Split("role=\"img\"").Length - 1);
    }

    [Fact]
    public async Task The_overview_says_why_requests_are_shed_and_what_the_limits_are()
    {
        var snapshot = DashboardSamples.Snapshot;
        var service = snapshot.Services[0];
        var region = service.Regions[0];
        service = service with
        {
            Waiting = 1,
            ShedPerSecond = new ShedStatus(0, 3.1, 44),
            IsInPanic = true,
            Regions = service.Regions.Replace(region, region with
            {
                Servers = [.. region.Servers.Select((s, i) => s with { Limit = 8 * (i + 1), IsLimitLearned = i == 0, Waiting = 3, Outstanding = 5 })],
            }),
        };
        var html = await RenderAsync<Overview>(new() { ["Now"] = snapshot with { Services = snapshot.Services.Replace(snapshot.Services[0], service) } });
        foreach (var words in new[]
        {
            "Every place on the servers is taken: 1 request waits, shed are 0/s critical, 3.1/s default, 44/s sheddable.",
            "Too few servers are left: breakers are not heeded.", "3 of 8, learned", "5 of 16", ">24<",
        })
            Assert.Contains(words, html, StringComparison.Ordinal);
        Assert.DoesNotContain("shed are", await RenderAsync<Overview>(new() { ["Now"] = snapshot }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_is_well_is_said_only_when_it_is()
    {
        Assert.Contains("All is well", await RenderAsync<Overview>(new() { ["Now"] = DashboardSamples.Calm }), StringComparison.Ordinal);
        Assert.DoesNotContain("All is well", await RenderAsync<Overview>(new() { ["Now"] = DashboardSamples.Snapshot }), StringComparison.Ordinal);
        Assert.DoesNotContain("All is well", await RenderAsync<Overview>(new() { ["Now"] = Snapshot.None }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10, false)]
    [InlineData(11, true)]
    public async Task A_loop_that_stands_still_is_named(int secondsOld, bool said)
    {
        var html = await RenderAsync<Overview>(new() { ["Now"] = DashboardSamples.Make(DashboardSamples.Now.AddSeconds(-secondsOld)) });
        Assert.Equal(said, html.Contains("The control loop stands still", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_pause_is_shown_and_offers_its_end_to_who_is_signed_in()
    {
        var paused = DashboardSamples.Snapshot with { Paused = true };
        var stranger = await RenderAsync<Overview>(new() { ["Now"] = paused });
        var operatorsPage = await RenderAsync<Overview>(new() { ["Now"] = paused }, who: "operator");

        Assert.Contains("Remedies are paused.", stranger, StringComparison.Ordinal);
        Assert.DoesNotContain("action=\"/resume\"", stranger, StringComparison.Ordinal);
        Assert.Contains("action=\"/resume\"", operatorsPage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_incident_shows_stages_causes_evidence_remedies_and_who_was_hit()
    {
        var html = await RenderAsync<IncidentPage>(new() { ["Now"] = DashboardSamples.Snapshot, ["Incident"] = DashboardSamples.Open }, who: "operator");

        foreach (var word in new[] { "Detection", "Recovery", "not yet", "86 % confident", "at most 0.4 % of attempts", "96 % of 52 attempts", "globex", "told: log", "aria-current=\"step\"" })
            Assert.Contains(word, html, StringComparison.Ordinal);
        Assert.Contains("action=\"/incidents/41/approve/41-2\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("/approve/41-1", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_not_signed_in_sees_no_form_that_would_fail()
    {
        var html = await RenderAsync<IncidentPage>(new() { ["Now"] = DashboardSamples.Snapshot, ["Incident"] = DashboardSamples.Open });
        Assert.DoesNotContain("<form", html, StringComparison.Ordinal);
        Assert.Contains("mainstay incident approve 41-2", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_status_page_names_services_and_no_internals()
    {
        var html = await RenderAsync<StatusPage>(new() { ["Now"] = DashboardSamples.Snapshot });

        Assert.Contains("Some requests to moderation, chat fail.", html, StringComparison.Ordinal);
        Assert.Contains("Some answers of moderation were slow.", html, StringComparison.Ordinal);
        foreach (var secret in new[] { "us-east", "us-west", "10.0.", "refuse", "acme", "globex", "41-2", "database", "remed", "/incidents" })
            Assert.DoesNotContain(secret, html, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_status_page_says_nothing_green_of_what_is_down_or_old()
    {
        var dead = DashboardSamples.Calm with
        {
            Services = [.. DashboardSamples.Calm.Services.Select(s => s with
            {
                Traffic = TrafficStatus.None,
                Regions = [.. s.Regions.Select(r => r with { Servers = [.. r.Servers.Select(v => v with { Well = false })] })],
            })],
            Incidents = [DashboardSamples.Open with { Impact = Impact.None }, DashboardSamples.Open with { Number = 42, Region = "us-east-2", Impact = Impact.None }],
        };
        var down = await RenderAsync<StatusPage>(new() { ["Now"] = dead });
        Assert.Equal(1, down.Split("moderation, chat do not answer.").Length - 1);
        Assert.DoesNotContain("not affected", down, StringComparison.Ordinal);

        var old = await RenderAsync<StatusPage>(new() { ["Now"] = DashboardSamples.Calm with { At = DashboardSamples.Now.AddMinutes(-1) } });
        Assert.Contains("The present state is not known", old, StringComparison.Ordinal);
        Assert.DoesNotContain("All services work", old, StringComparison.Ordinal);
        Assert.DoesNotContain("All is well", await RenderAsync<Overview>(new() { ["Now"] = DashboardSamples.Calm with { At = DashboardSamples.Now.AddMinutes(-1) } }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hostile_names_are_text_on_every_page()
    {
        var open = DashboardSamples.Open;
        var incident = open with
        {
            Region = Hostile,
            Services = [Hostile],
            Anomalies = [open.Anomalies[0] with { Service = Hostile, Server = Hostile, Observed = Hostile }],
            Causes = [new Cause(Hostile, Hostile, 0.5, [Hostile])],
            Remedies = [open.Remedies[1] with { Service = Hostile, Region = Hostile, Reason = Hostile, Id = Hostile }],
            Timeline = [new TimelineEntry(DashboardSamples.Now, Hostile)],
            Stages = [new StageEntry(Stage.Detection, DashboardSamples.Now, Hostile)],
            Impact = open.Impact with { Customers = [new CustomerImpact(Hostile, Hostile, 1, 1)] },
        };
        var service = DashboardSamples.Snapshot.Services[0];
        var region = service.Regions[0] with { Name = Hostile, Servers = [service.Regions[0].Servers[0] with { Name = Hostile, Version = Hostile }] };
        var now = DashboardSamples.Snapshot with { Services = [service with { Name = Hostile, Regions = [region] }], Incidents = [incident], Troubles = [Hostile] };

        string[] pages =
        [
            await RenderAsync<Overview>(new() { ["Now"] = now, ["Refused"] = Hostile }, who: Hostile),
            await RenderAsync<IncidentPage>(new() { ["Now"] = now, ["Incident"] = incident, ["Refused"] = Hostile }, who: Hostile),
            await RenderAsync<StatusPage>(new() { ["Now"] = now }),
            await RenderAsync<NotFound>(new() { ["Status"] = 404, ["Message"] = Hostile }),
            await RenderAsync<LoginPage>(new() { ["Back"] = Hostile, ["Refused"] = Hostile }),
            await RenderAsync<ReviewPage>(new() { ["Now"] = now, ["Incident"] = incident, ["Markdown"] = $"# {Hostile}\n\n{Hostile}\n\n[x](javascript:alert(3)) ![y](https://elsewhere.example/z.png) <javascript:alert(4)>" }),
        ];

        Assert.All(pages, html =>
        {
            Assert.DoesNotContain("<script>alert", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("<img src=x", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("href=\"javascript:", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("elsewhere.example/z.png\" alt", html, StringComparison.Ordinal);
            Assert.Contains("&lt;script&gt;", html, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_session_that_may_only_read_sees_no_form_that_would_be_refused()
    {
        var overview = await RenderAsync<Overview>(new() { ["Now"] = DashboardSamples.Snapshot }, "guest", TokenScope.Read);
        var incident = await RenderAsync<IncidentPage>(
            new() { ["Now"] = DashboardSamples.Snapshot, ["Incident"] = DashboardSamples.Open }, "guest", TokenScope.Read);
        var responder = await RenderAsync<Overview>(new() { ["Now"] = DashboardSamples.Snapshot }, "alice", TokenScope.Respond);

        Assert.Equal(["/logout"], Forms(overview));
        Assert.Equal(["/logout"], Forms(incident));
        Assert.Contains("Your token has the scope read; this needs respond", overview, StringComparison.Ordinal);
        Assert.Equal(["/logout", "/pause"], Forms(responder));
    }

    private static string[] Forms(string html) => [.. html.Split("method=\"post\" action=\"").Skip(1).Select(part => part.Split('"')[0])];

    [Fact]
    public async Task Nothing_in_a_page_needs_what_the_content_policy_forbids()
    {
        var html = await RenderAsync<Overview>(new() { ["Now"] = DashboardSamples.Snapshot }, who: "operator");
        Assert.DoesNotContain(" style=", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<style", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(" onclick=", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<script>", html, StringComparison.OrdinalIgnoreCase);
    }

    private static Task<string> RenderAsync<TPage>(Dictionary<string, object?> parameters, string? who = null, TokenScope scope = TokenScope.Operate)
        where TPage : IComponent
    {
        parameters["Visit"] = new Visit(DashboardSamples.Now, who is null ? null : new Caller(who, scope), "/");
        return PageText.RenderAsync<TPage>(parameters);
    }
}
