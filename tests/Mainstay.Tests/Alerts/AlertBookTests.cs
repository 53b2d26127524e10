using System.Collections.Immutable;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;

namespace Mainstay.Tests.Alerts;

public sealed class AlertBookTests
{
    [Fact]
    public void A_dead_region_explains_its_servers_and_a_dead_dependency_its_dependents()
    {
        var house = new AlertHouse();
        house.Config = house.Config with
        {
            Services = [.. house.Config.Services.Select(s => s.Routing.Name == "chat" ? s with { DependsOn = ["vision"] } : s with { DependsOn = ["s3-images"] })],
        };
        var (server, region) = (AlertHouse.Alert("Slow", "vision", "a", "a1"), AlertHouse.Alert("Down", "vision", "a"));
        var (dependent, root) = (AlertHouse.Alert("Errors", "chat", "b"), AlertHouse.Alert("Refuses", "s3-images"));
        house.Raise(server, dependent);
        house.Run(1);
        Assert.All(house.Book.Alerts, a => Assert.True(a.IsActive));
        house.Raise(region, root);
        house.Run(1);
        Assert.Equal("Down of a (vision)", house.Book.Find(server.Fingerprint)!.SuppressedBy);
        Assert.Equal("Refuses of s3-images, which chat depends on", house.Book.Find(dependent.Fingerprint)!.SuppressedBy);
        Assert.Equal("Refuses of s3-images, which vision depends on", house.Book.Find(region.Fingerprint)!.SuppressedBy);
        Assert.True(house.Book.Find(root.Fingerprint)!.IsActive);
        house.Run(30);
        Assert.Equal("s3-images", Assert.Single(house.Told).Services.Single());

        // The root is well again and two regions are not: now people hear of those. What fails in one region explains nothing in another.
        house.End(root);
        house.Run(10);
        Assert.Equal(["", "a", "b"], house.Told.Select(m => m.Region).Order(StringComparer.Ordinal));
        Assert.Null(house.Book.Find(dependent.Fingerprint)!.SuppressedBy);
    }

    [Fact]
    public void A_warning_hides_no_page_and_a_circle_hides_nothing()
    {
        var house = new AlertHouse();
        house.Config = house.Config with { Services = [.. house.Config.Services.Select(s => s with { DependsOn = s.Routing.Name == "chat" ? ["vision"] : ["chat"] })] };
        house.Raise(AlertHouse.Alert("Down", "chat", "a"), AlertHouse.Alert("Down", "vision", "a"));
        house.Raise(AlertHouse.Alert("Filling", null, "b") with { Severity = Severity.Warning }, AlertHouse.Alert("Down", "chat", "b", "b1"));
        house.Run(1);
        Assert.All(house.Book.Alerts, a => Assert.Null(a.SuppressedBy));
    }

    [Fact]
    public void Silences_hold_their_time_and_survive_a_restart()
    {
        var house = new AlertHouse();
        house.Book.AddSilence([Matcher.TryParse("region=a", out _)!], "ada", house.Now.AddMinutes(2), "known", house.Now);
        house.Run(60, AlertHouse.Anomaly("a"));
        house.Restart();
        house.Run(50, AlertHouse.Anomaly("a"));
        Assert.Empty(house.Told);
        Assert.Equal("silence 1 of ada", Assert.Single(house.Book.Alerts).SilencedBy);
        house.Run(60, AlertHouse.Anomaly("a"));
        Assert.Equal(["Opened ops"], house.Kinds);
        Assert.Empty(house.Book.Silences);
        Assert.Equal(2, house.Book.AddSilence([], "ada", house.Now, "", house.Now).Number);
    }

    [Fact]
    public void Maintenance_silences_what_is_worked_on()
    {
        var window = new MaintenanceWindow("kernel", ["chat"], ["a"]) { Once = (Scene.Start.AddMinutes(1), Scene.Start.AddMinutes(3)) };
        var house = new AlertHouse(new AlertsConfig { Maintenance = [window] });
        house.Run(59);
        house.Run(100, AlertHouse.Anomaly("a"), AlertHouse.Anomaly("b"));
        Assert.Equal("b", Assert.Single(house.Told).Region);
        house.Run(60, AlertHouse.Anomaly("a"), AlertHouse.Anomaly("b"));
        Assert.Equal(["b", "a"], house.Told.Select(m => m.Region));
    }

    [Theory]
    [InlineData("2026-01-04T02:00Z", true)]
    [InlineData("2026-01-04T03:59Z", true)]
    [InlineData("2026-01-04T04:00Z", false)]
    [InlineData("2026-01-04T01:59Z", false)]
    [InlineData("2026-01-05T02:30Z", false)]
    [InlineData("2026-01-11T02:30Z", true)]
    public void A_window_comes_again_each_week(string at, bool isOpen)
    {
        var window = new MaintenanceWindow("patch", [], []) { Day = DayOfWeek.Sunday, At = new TimeOnly(2, 0), For = TimeSpan.FromHours(2) };
        Assert.Equal(isOpen, window.Contains(DateTimeOffset.Parse(at, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void A_job_that_does_not_report_alarms_and_one_that_does_is_over()
    {
        var job = new HeartbeatConfig("backup", TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(1), Severity.Page, "chat", null);
        var house = new AlertHouse(new AlertsConfig { Heartbeats = [job] });
        house.Run(600);
        house.Book.NoteBeat("backup", house.Now);
        house.Run(655);
        Assert.Empty(house.Told);
        house.Run(20);
        Assert.Contains("backup did not report: the last report came at 2026-01-01 00:10:00 UTC", Assert.Single(house.Told).Title, StringComparison.Ordinal);
        house.Book.NoteBeat("backup", house.Now);
        house.Run(100);
        Assert.Equal(["Opened ops", "Resolved ops"], house.Kinds);

        // Nobody could report while this process did not run: the job has its grace after the start.
        house.Restart(secondsLater: 86_400);
        house.Run(30);
        house.Book.NoteBeat("backup", house.Now);
        house.Run(300);
        Assert.Equal(2, house.Told.Count);
    }

    [Fact]
    public void What_nobody_raises_again_is_over_but_not_because_this_process_did_not_run()
    {
        var house = new AlertHouse();
        Assert.True(house.Book.TryRaise([AlertHouse.Alert("Down", "chat", "a")], house.Now));
        house.Run(200);
        house.Restart(secondsLater: 1000);
        house.Run(295);
        Assert.Single(house.Book.Alerts);
        house.Run(10);
        Assert.Empty(house.Book.Alerts);
    }

    [Fact]
    public void More_than_twenty_thousand_are_refused_as_a_whole()
    {
        var house = new AlertHouse();
        house.Raise([.. Enumerable.Range(0, AlertBook.MostAlerts - 1).Select(i => AlertHouse.Alert($"n{i}"))]);
        Assert.False(house.Book.TryRaise([AlertHouse.Alert("x"), AlertHouse.Alert("y")], house.Now));
        Assert.True(house.Book.TryRaise([AlertHouse.Alert("n1"), AlertHouse.Alert("y")], house.Now));
        Assert.Equal(AlertBook.MostAlerts, house.Book.Alerts.Count);
    }

    [Fact]
    public void Grave_trouble_that_others_see_in_a_region_concerns_its_incidents()
    {
        var house = new AlertHouse();
        house.Raise([.. Enumerable.Range(0, 100).Select(i => AlertHouse.Alert("Down", "chat", "a", $"a{i}"))]);
        house.Raise(AlertHouse.Alert("Down", "chat", "elsewhere"), AlertHouse.Alert("Slow", "vision", "a") with { Severity = Severity.Warning }, AlertHouse.Alert("Down", "vision"));
        house.Run(1);
        var anomaly = Assert.Single(house.Book.ForIncidents(house.Now));
        Assert.Equal(("chat", "a", null, true), (anomaly.Service, anomaly.Region, anomaly.Server, anomaly.IsFromOutside));
    }

    [Fact]
    public void What_troubles_Mainstay_itself_for_a_minute_is_told()
    {
        var house = new AlertHouse();
        house.Troubles["database"] = "it is away";
        house.Run(50);
        house.Troubles.Clear();
        house.Run(20);
        house.Troubles["journal"] = "the disk is full";
        house.Run(61);
        Assert.Empty(house.Told);
        house.Run(10);
        Assert.Equal((Severity.Page, "Mainstay itself: journal: the disk is full"), (Assert.Single(house.Told).Severity, house.Told[0].Title));
        house.Restart();
        house.Run(100);
        house.Troubles.Clear();
        house.Run(200);
        Assert.Equal(["Opened ops", "Resolved ops"], house.Kinds);
    }

    [Fact]
    public void Who_raises_too_much_is_named()
    {
        var house = new AlertHouse();
        house.Raise([.. Enumerable.Range(0, 20).Select(i => AlertHouse.Alert("Loud", $"s{i}")), AlertHouse.Alert("Quiet")]);
        Assert.Equal("20 of test Loud", house.Book.Loudest());
    }

    [Theory]
    [InlineData("region=us-east-*", true)]
    [InlineData("region=us-west-*", false)]
    [InlineData("region!=us-west-*", true)]
    [InlineData("service=*a*t", true)]
    [InlineData("label.team=vi*", true)]
    [InlineData("label.team=*on", true)]
    [InlineData("label.none=x", false)]
    [InlineData("label.none!=x", true)]
    [InlineData("severity=page", true)]
    [InlineData("server=*", true)]
    [InlineData("name=Down", true)]
    [InlineData("name=down", false)]
    public void A_matcher_fits_or_not(string text, bool fits)
    {
        var alert = Alert.Of(
            new RaisedAlert("test", "Down", ImmutableSortedDictionary<string, string>.Empty.Add("team", "vision")) { Service = "chat", Region = "us-east-1" }, Scene.Start);
        Assert.Equal(fits, Matcher.TryParse(text, out _)!.Fits(alert));
    }

    [Theory]
    [InlineData("region", "FIELD=VALUE")]
    [InlineData("=x", "FIELD=VALUE")]
    [InlineData("region=", "FIELD=VALUE")]
    [InlineData("zone=a", "An alert has no \"zone\"")]
    [InlineData("label.=a", "An alert has no \"label.\"")]
    public void A_matcher_that_is_none_is_told_its_cure(string text, string cure)
    {
        Assert.Null(Matcher.TryParse(text, out var wrong));
        Assert.Contains(cure, wrong, StringComparison.Ordinal);
    }
}
