using Mainstay.Api;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Notify;
using Mainstay.Dashboard;
using Mainstay.Dashboard.Pages;
using Mainstay.Tests.Alerts;

namespace Mainstay.Tests.Dashboard;

public sealed class AlertsPageTests
{
    private const string Hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

    [Fact]
    public async Task The_page_shows_evidence_silences_jobs_and_how_far_messages_have_come()
    {
        var html = await RenderAsync(Status("us-east-1"), TokenScope.Respond);
        foreach (var words in new[]
        {
            "1 alert is open", "100 % failed", "0.5 % failed", "Told", "ops", "Incident 41", "Take care of alert 7", "Held back",
            "region=us-east-1", "End silence 3", "Test ops", "answered 503", "backup", "Late", "kernel", "Over", "3 messages were not told",
        })
            Assert.Contains(words, html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_may_only_read_is_offered_nothing()
    {
        foreach (var scope in new TokenScope?[] { null, TokenScope.Read })
        {
            var html = await RenderAsync(Status("us-east-1"), scope);
            Assert.DoesNotContain("action=\"/alerts", html, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_comes_from_outside_is_text()
    {
        var html = await RenderAsync(Status(Hostile), TokenScope.Respond);
        Assert.DoesNotContain("<script>alert", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img src=x", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_page_says_so()
    {
        var html = await RenderAsync(AlertsStatus.None, null);
        Assert.Contains("No alert is open", html, StringComparison.Ordinal);
        Assert.Contains("No channel is configured", html, StringComparison.Ordinal);
    }

    private static AlertsStatus Status(string region)
    {
        var alert = Alert.Of(AlertHouse.Anomaly(region), DashboardSamples.Now);
        var group = new AlertGroup
        {
            Number = 7,
            Key = alert.GroupKey,
            Region = region,
            Title = $"{region}: 100 % failed",
            Opened = DashboardSamples.Now,
            Told = DashboardSamples.Now,
            Channels = ["ops"],
            Incidents = [41],
            Severity = Severity.Page,
            Raised = 1,
        };
        return new AlertsStatus
        {
            Groups = [group, group with { Number = 6, Closed = DashboardSamples.Now }],
            Alerts = [alert with { SilencedBy = "silence 3 of ada", Server = region }],
            Count = 1,
            OpenGroups = 1,
            Silences = [new Silence(3, [new Matcher("region", region, false)], "ada", DashboardSamples.Now, DashboardSamples.Now.AddHours(1), "known")],
            Maintenance = ["kernel"],
            Heartbeats = [new HeartbeatStatus("backup", TimeSpan.FromDays(1), null, true)],
            Channels = [new ChannelStatus("ops", 2, 10, DashboardSamples.Now, "answered 503", DashboardSamples.Now, [new FailedMessage("m", DashboardSamples.Now, "t", 3, region)])],
            Dropped = 3,
        };
    }

    private static Task<string> RenderAsync(AlertsStatus status, TokenScope? scope) => PageText.RenderAsync<AlertsPage>(new Dictionary<string, object?>
    {
        ["Visit"] = new Visit(DashboardSamples.Now, scope is { } s ? new Caller("ada", s) : null, "/alerts"),
        ["Now"] = DashboardSamples.Snapshot with { Alerts = status },
    });
}
