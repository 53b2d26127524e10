using FsCheck;
using FsCheck.Fluent;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Notify;

namespace Mainstay.Tests.Alerts;

/// <summary>Whatever comes in whatever order: what people hear is whole, and restarts change none of it.</summary>
public sealed class AlertPropertyTests
{
    private static readonly AlertsConfig Times = new()
    {
        Wait = TimeSpan.FromSeconds(3),
        ResolveAfter = TimeSpan.FromSeconds(20),
        Remind = TimeSpan.FromMinutes(5),
        Escalation = [new(TimeSpan.FromMinutes(1), ["boss"])],
    };

    private static readonly RaisedAlert[] Alerts =
    [
        AlertHouse.Alert("Down", "chat", "a"), AlertHouse.Alert("Slow", "chat", "a", "a1"), AlertHouse.Alert("Filling", "vision", "b") with { Severity = Severity.Warning },
        AlertHouse.Alert("Down", "vision", "b"), AlertHouse.Alert("Refuses", "s3-images"), AlertHouse.Alert("Nightly"),
    ];

    [Fact]
    public void Restarts_change_nothing_that_people_hear() => Property.Holds(
        Steps(), steps => Heard(steps, isRestarting: true).SequenceEqual(Heard(steps, isRestarting: false)), cases: 500);

    [Fact]
    public void What_was_opened_is_resolved_once_and_every_message_has_its_own_id() => Property.Holds(
        Steps(),
        steps =>
        {
            var heard = Heard(steps, isRestarting: true).ToList();
            return heard.Select(h => h.Id).Distinct().Count() == heard.Count
                && heard.GroupBy(h => (h.Thread, h.Channel)).All(thread =>
                    thread.First().Kind == MessageKind.Opened && thread.Last().Kind == MessageKind.Resolved
                    && thread.Count(h => h.Kind is MessageKind.Opened) == 1 && thread.Count(h => h.Kind is MessageKind.Resolved) == 1);
        },
        cases: 500);

    private static IEnumerable<(string Id, string Thread, string Channel, MessageKind Kind, string Title, string Text)> Heard(List<(int What, int Which, int Seconds)> steps, bool isRestarting)
    {
        var house = new AlertHouse(Times, AlertHouse.Channel("ops"), AlertHouse.Channel("boss"), AlertHouse.Channel("pager") with { Severity = Severity.Page });
        foreach (var (what, which, seconds) in steps)
        {
            switch (what)
            {
                case 0 or 1:
                    house.Raise(Alerts[which % Alerts.Length]);
                    break;
                case 2 or 3:
                    house.End(Alerts[which % Alerts.Length]);
                    break;
                case 4 when house.Groups.Open.OrderBy(g => g.Number).FirstOrDefault(g => g.Acknowledged is null) is { } group:
                    house.Acknowledge(group.Number, "ada");
                    break;
                case 5:
                    house.Book.AddSilence([Matcher.TryParse("region=a", out _)!], "ada", house.Now.AddSeconds(which), "", house.Now);
                    break;
            }
            // What came before the kill stood on disk at the end of its tick.
            house.Run(seconds);
            if (isRestarting)
                house.Restart();
        }
        house.End(Alerts);
        house.Run(3700);
        return house.Told.Select(m => (m.Id, m.Thread, m.Channel, m.Kind, m.Title, m.Text));
    }

    private static Gen<List<(int, int, int)>> Steps() =>
        (from what in Gen.Choose(0, 5) from which in Gen.Choose(0, 60) from seconds in Gen.Choose(1, 40) select (what, which, seconds)).ListOf().Select(l => l.ToList());
}
