using System.Collections.Immutable;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Notify;

namespace Mainstay.Tests.Alerts;

public sealed class AlertGroupsTests
{
    [Fact]
    public void Ten_thousand_alerts_of_a_dead_region_are_two_messages()
    {
        var house = new AlertHouse();
        house.Raise([.. Enumerable.Range(0, 10_000).Select(i => AlertHouse.Alert($"Down{i % 5}", i % 2 == 0 ? "chat" : "vision", "a", $"a{i / 5}"))]);
        house.Run(30);
        var opened = Assert.Single(house.Told);
        Assert.Equal((MessageKind.Opened, 10_000, "a"), (opened.Kind, opened.Count, opened.Region));
        Assert.InRange(opened.Text.Length, 1, 2000);
        house.Run(1);
        house.End([.. Enumerable.Range(0, 10_000).Select(i => AlertHouse.Alert($"Down{i % 5}", i % 2 == 0 ? "chat" : "vision", "a", $"a{i / 5}"))]);
        house.Run(120);
        Assert.Equal(["Opened ops", "Resolved ops"], house.Kinds);
        Assert.Equal(opened.Thread, house.Told[1].Thread);
        Assert.Empty(house.Groups.Open);
    }

    [Theory]
    [InlineData(30, 30, 60)]
    [InlineData(1, 1, 1800)]
    [InlineData(50, 10, 60)]
    public void Sixty_flaps_an_hour_are_two_messages(int on, int off, int flaps)
    {
        var house = new AlertHouse();
        for (var i = 0; i < flaps; i++)
        {
            house.Run(on, AlertHouse.Anomaly("a"));
            house.Run(off);
        }
        house.Run(3 * 3600);
        Assert.Equal(["Opened ops", "Resolved ops"], house.Kinds);
        Assert.Contains($"came back {flaps - 1} times", house.Told[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Flaps_that_outlast_the_hold_are_told_ever_more_rarely()
    {
        var house = new AlertHouse();
        for (var i = 0; i < 20; i++)
        {
            house.Run(60, AlertHouse.Anomaly("a"));
            house.Run(120);
        }
        Assert.InRange(house.Told.Count, 3, 5);
    }

    [Fact]
    public void What_is_over_sooner_than_the_wait_is_told_to_nobody()
    {
        var house = new AlertHouse(new AlertsConfig { Wait = TimeSpan.FromSeconds(30) });
        house.Run(20, AlertHouse.Anomaly("a"));
        house.Run(300);
        Assert.Empty(house.Told);
        Assert.Empty(house.Groups.Open);
        Assert.Empty(house.Groups.Closed);
    }

    [Fact]
    public void Who_stands_in_a_step_is_told_when_nobody_acknowledges()
    {
        var alerts = new AlertsConfig { Escalation = [new(TimeSpan.FromMinutes(10), ["boss"]), new(TimeSpan.FromMinutes(30), ["board"])] };
        var house = new AlertHouse(alerts, AlertHouse.Channel("ops"), AlertHouse.Channel("boss"), AlertHouse.Channel("board"));
        house.Run(600, AlertHouse.Anomaly("a"));
        Assert.Equal(["Opened ops"], house.Kinds);
        house.Run(10, AlertHouse.Anomaly("a"));
        Assert.Equal(["Opened ops", "Opened boss"], house.Kinds);
        house.Acknowledge(1, "ada");
        house.Run(3600, AlertHouse.Anomaly("a"));
        Assert.Equal(["Opened ops", "Opened boss", "Acknowledged ops", "Acknowledged boss"], house.Kinds);
        house.Run(120);
        Assert.Equal(["Resolved ops", "Resolved boss"], house.Kinds.Skip(4));
        Assert.Contains(house.Facts, f => f.Contains("was not acknowledged: boss told", StringComparison.Ordinal));
        Assert.Equal(house.Told.Count, house.Told.Select(m => m.Id).Distinct().Count());
    }

    [Fact]
    public void A_warning_that_becomes_a_page_is_told_again_and_to_those_who_hear_of_pages_alone()
    {
        var house = new AlertHouse(null, AlertHouse.Channel("ops"), AlertHouse.Channel("pager") with { Severity = Severity.Page });
        house.Raise(AlertHouse.Alert("DiskFilling", "chat", "a") with { Severity = Severity.Warning });
        house.Run(10);
        house.Acknowledge(1, "ada");
        house.Raise(AlertHouse.Alert("Down", "chat", "a"));
        house.Run(10);
        Assert.Equal(["Opened ops", "Acknowledged ops", "Updated ops", "Opened pager"], house.Kinds);
        Assert.StartsWith("Worse: ", house.Told[2].Title, StringComparison.Ordinal);
        Assert.Null(house.Groups.Find(1)!.Acknowledged);
    }

    [Fact]
    public void A_channel_hears_of_its_services_alone()
    {
        var house = new AlertHouse(null, AlertHouse.Channel("vision") with { Services = ["vision"] });
        house.Run(60, AlertHouse.Anomaly("a"));
        Assert.Empty(house.Told);
        house.Run(60, AlertHouse.Anomaly("a"), AlertHouse.Anomaly("a", service: "vision"));
        Assert.Equal(["Opened vision"], house.Kinds);
    }

    [Fact]
    public void That_more_services_are_hit_is_told_at_times_that_double()
    {
        var house = new AlertHouse();
        house.Raise(AlertHouse.Alert("Down", "s0", "a"));
        house.Run(10);
        for (var i = 1; i <= 30; i++)
        {
            house.Raise(AlertHouse.Alert("Down", $"s{i}", "a"));
            house.Run(60);
        }
        Assert.Equal(["Opened ops", "Updated ops", "Updated ops"], house.Kinds);
        Assert.True(house.Told[2].At - house.Told[1].At >= TimeSpan.FromMinutes(10));
    }

    [Fact]
    public void Who_was_told_is_reminded_until_somebody_takes_care()
    {
        var house = new AlertHouse(new AlertsConfig { Remind = TimeSpan.FromMinutes(10) });
        house.Run(1300, AlertHouse.Anomaly("a"));
        Assert.Equal(["Opened ops", "Reminder ops", "Reminder ops"], house.Kinds);
        house.Acknowledge(1, "ada");
        house.Run(1300, AlertHouse.Anomaly("a"));
        Assert.Equal("Acknowledged ops", house.Kinds.Last());
    }

    [Fact]
    public void A_restart_tells_nothing_again_and_forgets_nothing()
    {
        var house = new AlertHouse();
        house.Run(60, AlertHouse.Anomaly("a"));
        house.Acknowledge(1, "ada");
        for (var i = 0; i < 20; i++)
        {
            house.Restart(secondsLater: 5);
            house.Run(5);
            house.Run(5, AlertHouse.Anomaly("a"));
        }
        Assert.Equal(["Opened ops", "Acknowledged ops"], house.Kinds);
        Assert.Equal("ada", house.Groups.Find(1)!.Acknowledged!.Who);
        house.Run(200);
        house.Restart();
        Assert.Equal(["Opened ops", "Acknowledged ops", "Resolved ops"], house.Kinds);
        house.Run(10, AlertHouse.Anomaly("a"));
        Assert.Equal(2, house.Told[^1].Alert);
    }

    [Fact]
    public void What_stands_unchanged_is_not_written_again_and_again()
    {
        var house = new AlertHouse();
        for (var i = 0; i < 300; i++)
            house.Run(1, AlertHouse.Anomaly("a") with { Observed = $"{i} % failed" });
        Assert.InRange(house.Writes, 1, 10);
    }

    [Fact]
    public void A_person_is_asked_once_for_a_trouble_that_comes_and_goes()
    {
        var house = new AlertHouse();
        for (var i = 1; i <= 10; i++)
        {
            house.Incidents = [Incident(i)];
            house.Run(20, AlertHouse.Anomaly("a"));
            house.Incidents = [];
            house.Run(20);
        }
        house.Run(200);
        Assert.Equal(["Opened ops", "Resolved ops"], house.Kinds);
        Assert.Contains("mainstay incident approve 1-1", house.Told[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_remedy_that_waits_later_is_asked_for_at_once()
    {
        var house = new AlertHouse();
        house.Incidents = [Incident(1) with { Remedies = [] }];
        house.Run(20, AlertHouse.Anomaly("a"));
        house.Incidents = [Incident(1)];
        house.Run(20, AlertHouse.Anomaly("a"));
        Assert.Equal(["Opened ops", "Updated ops"], house.Kinds);
        Assert.StartsWith("A person is asked: ", house.Told[1].Title, StringComparison.Ordinal);
    }

    private static Mainstay.Control.Incidents.Incident Incident(int number) => new Scene().Incident("a", AlertHouse.Anomaly("a")) with
    {
        Number = number,
        Remedies =
        [
            new Mainstay.Control.Mitigation.Remedy
            {
                Id = $"{number}-1", Service = "chat", Region = "a", State = Mainstay.Control.Mitigation.RemedyState.Proposed, Reason = "waits", Since = Scene.Start, Hold = TimeSpan.FromSeconds(10),
            },
        ],
    };
}
