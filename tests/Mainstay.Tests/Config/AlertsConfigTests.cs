using Mainstay.Control.Config;

namespace Mainstay.Tests.Config;

/// <summary>Who is told, and when: what is good, and what is told of mistakes.</summary>
public sealed class AlertsConfigTests
{
    private const string Ops = "notify: [ { name: ops, webhook: \"http://hooks.test\" } ]\n";

    [Fact]
    public void Everything_is_read()
    {
        var config = Written.Read("""
            notify:
              - { name: hooks, webhook: "https://hooks.test/in?a=1", secret_env: HOOK_SECRET, limit: 20/h, tell: all, keep: 6h }
              - { slack: $SLACK_URL, title: "[{severity}] {title}", text: "{text} {{}}" }
              - { name: teams, teams: "https://teams.test/x", severity: page, services: [moderation] }
              - { name: pager, pagerduty: PD_KEY }
              - name: mail
                email: { host: mail.test, from: mainstay@mail.test, to: [a@mail.test, b@mail.test], user: m, password_env: MAIL_PASSWORD }
              - { name: script, command: [/usr/bin/say, "-v", "-v"], timeout: 5s, link_local: true }
            alerts:
              wait: 10s
              resolve_after: 2m
              remind: 4h
              expire: 10m
              escalate:
                - { after: 10m, to: [pager] }
                - { after: 1h, to: [mail, script] }
              maintenance:
                - { name: kernel, at: "Sun 02:00", for: 2h, services: [moderation], regions: [us-east-1] }
                - { name: move, from: 2026-05-03T02:00Z, until: 2026-05-03T05:00Z }
                - { name: nightly, at: "03:00", for: 10m }
              heartbeat: { url: "https://watch.test/abc", every: 30s }
              heartbeats:
                - { name: backup, every: 1d, service: moderation }
            """ + "\n" + Written.Small).Good();

        Assert.Equal(["hooks", "slack-1", "teams", "pager", "mail", "script"], config.Notify.Select(c => c.Name));
        Assert.Equal((20 / 3600.0, true, TimeSpan.FromHours(6)), (config.Notify[0].Limit, config.Notify[0].TellsAll, config.Notify[0].Keep));
        Assert.Equal("SLACK_URL", config.Notify[1].Address!.Variable);
        Assert.Equal("[page] x", config.Notify[1].Title!.Fill(place => place == "severity" ? "page" : "x"));
        Assert.Equal("x {}", config.Notify[1].Text!.Fill(_ => "x"));
        Assert.Equal(new Uri("https://events.pagerduty.com/v2/enqueue"), config.Notify[3].Address!.Url);
        Assert.Equal((587, SmtpTls.StartTls, "MAIL_PASSWORD"), (config.Notify[4].Email!.Port, config.Notify[4].Email!.Tls, config.Notify[4].SecretEnvironment));
        Assert.Equal<string>(["/usr/bin/say", "-v", "-v"], config.Notify[5].Command);
        var alerts = config.Alerts;
        Assert.Equal((10, 2, 4, 10), (alerts.Wait.TotalSeconds, alerts.ResolveAfter.TotalMinutes, alerts.Remind!.Value.TotalHours, alerts.Expire.TotalMinutes));
        Assert.Equal<string>(["mail", "script"], alerts.Escalation[1].To);
        Assert.Equal((DayOfWeek.Sunday, TimeSpan.FromDays(7)), (alerts.Maintenance[0].Day, alerts.Maintenance[0].Every));
        Assert.Equal(TimeSpan.FromDays(1), alerts.Maintenance[2].Every);
        Assert.Equal(TimeSpan.FromSeconds(30), alerts.Heartbeat!.Every);
        Assert.Equal((TimeSpan.FromHours(2.4), Severity.Page), (alerts.Heartbeats[0].Grace, alerts.Heartbeats[0].Severity));
    }

    /// <summary>People copy the examples of the pages.</summary>
    [Theory]
    [InlineData("notifications.md")]
    [InlineData("alerts.md")]
    public void The_examples_of_the_pages_are_good(string page)
    {
        var blocks = File.ReadAllText(Path.Combine(Written.Root, "docs", "operate", page)).Split("```yaml\n").Skip(1).Select(b => b.Split("```")[0])
            .Where(b => !b.StartsWith("alerting:", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(blocks);
        // The page's examples stand side by side; channels that a step names come from another page.
        foreach (var block in blocks)
            _ = Written.Read((block.Contains("notify:", StringComparison.Ordinal) ? "" : "notify: [ { name: pager, slack: $A }, { name: boss, slack: $B } ]\n") + block + Written.Small).Good();
    }

    [Theory]
    [InlineData("notify: [ { name: x } ]", "notify[0]", "names no way to tell people", "webhook, slack")]
    [InlineData("notify: [ { webhook: \"http://a\", slack: \"http://b\" } ]", "notify[0]", "several ways", "an item of its own")]
    [InlineData("notify: [ { name: a, webhook: \"http://a\" }, { name: a, webhook: \"http://b\" } ]", "notify[1].name", "another channel has the name a", "each its own")]
    [InlineData("notify: [ { slack: \"http://a\", title: \"{titel}\" } ]", "notify[0].title", "{titel} is no place", "did you mean {title}?")]
    [InlineData("notify: [ { slack: \"http://a\", title: \"{xyzzy}\" } ]", "notify[0].title", "{xyzzy} is no place", "write one of: {title}")]
    [InlineData("notify: [ { slack: \"http://a\", text: \"a } b\" } ]", "notify[0].text", "a brace stands alone", "{{ and }}")]
    [InlineData("notify: [ { slack: \"http://a\", text: \"a {title\" } ]", "notify[0].text", "a brace stands alone", "{{ and }}")]
    [InlineData("notify: [ { webhook: \"http://a\", title: x } ]", "notify[0].title", "a webhook has no title", "take it out")]
    [InlineData("notify: [ { slack: \"http://a\", secret_env: X } ]", "notify[0].secret_env", "only a webhook is signed", "take it out")]
    [InlineData("notify: [ { slack: \"$1\" } ]", "notify[0].slack", "not the name of an environment variable", "$SLACK_URL")]
    [InlineData("notify: [ { email: { host: h, from: \"a b@c\", to: [a@b] } } ]", "notify[0].email.from", "is not an address of email", "mainstay@example.test")]
    [InlineData("notify: [ { email: { host: h, from: a@c, to: [\"a@b>,<c@d\"] } } ]", "notify[0].email.to[0]", "is not an address of email", "oncall@example.test")]
    [InlineData("notify: [ { email: { host: h, from: a@c, to: [] } } ]", "notify[0].email.to", "0 receivers", "1 to 50")]
    [InlineData("notify: [ { email: { host: h, from: a@c, to: [a@b], user: u } } ]", "notify[0].email.user", "belong together", "both or neither")]
    [InlineData("notify: [ { pagerduty: KEY, tell: all } ]", "notify[0].tell", "every line would open an incident there", "another channel")]
    [InlineData("notify: [ { command: [] } ]", "notify[0].command", "names no program", "the program first")]
    [InlineData("notify: [ { webhook: \"http://a\", limit: 10 } ]", "notify[0].limit", "is not a rate", "10/m")]
    [InlineData("alerts: { escalate: [ { after: 1m, to: [pager] } ] }", "alerts.escalate[0].to[0]", "there is no channel pager", "under notify first")]
    [InlineData(Ops + "alerts: { escalate: [ { after: 1m, to: [opps] } ] }", "alerts.escalate[0].to[0]", "there is no channel opps", "did you mean `ops`?")]
    [InlineData(Ops + "alerts: { escalate: [ { after: 1m, to: [ops] }, { after: 1m, to: [ops] } ] }", "alerts.escalate[1].after", "not later than the step before", "order of their times")]
    [InlineData("alerts: { maintenance: [ { name: a } ] }", "alerts.maintenance[0]", "says no time", "`from` and `until`")]
    [InlineData("alerts: { maintenance: [ { name: a, at: \"02:00\", for: 1h, from: 2026-01-01T00:00Z } ] }", "alerts.maintenance[0]", "once and again and again", "`from` and `until`")]
    [InlineData("alerts: { maintenance: [ { name: a, from: 2026-01-02T00:00Z, until: 2026-01-01T00:00Z } ] }", "alerts.maintenance[0].until", "not after `from`", "a later time")]
    [InlineData("alerts: { maintenance: [ { name: a, from: tomorrow, until: 2026-01-01T00:00Z } ] }", "alerts.maintenance[0].from", "is not a time of UTC", "2026-05-03T02:00Z")]
    [InlineData("alerts: { maintenance: [ { name: a, at: \"25:00\", for: 1h } ] }", "alerts.maintenance[0].at", "not a time of day", "Tue 10:00")]
    [InlineData("alerts: { maintenance: [ { name: a, at: \"02:00\", for: 1d } ] }", "alerts.maintenance[0].for", "nobody would ever be told", "a shorter one")]
    [InlineData("alerts: { maintenance: [ { name: a, at: \"Sun 02:00\", every: 3d, for: 1h } ] }", "alerts.maintenance[0].every", "not whole weeks", "7d")]
    [InlineData("alerts: { maintenance: [ { name: a, at: \"02:00\", for: 1h, regions: [us-east-3] } ] }", "alerts.maintenance[0].regions[0]", "nothing is called us-east-3", "did you mean `us-east-")]
    [InlineData("alerts: { heartbeats: [ { name: a, every: 1d }, { name: a, every: 1d } ] }", "alerts.heartbeats[1].name", "another heartbeat has the name a", "each its own")]
    [InlineData("alerts: { heartbeat: { every: 1m } }", "alerts.heartbeat.url", "is missing", "write `url:`")]
    [InlineData("alerts: []", "alerts", "is a list, not a mapping", "wait")]
    public void Mistakes_are_told_with_their_cure(string text, string key, string wrong, string cure)
    {
        var error = Written.Read(text + "\n" + Written.Small).OnlyError();
        Assert.Equal(key, error.Key);
        Assert.Contains(wrong, error.Wrong, StringComparison.Ordinal);
        Assert.Contains(cure, error.Cure, StringComparison.Ordinal);
    }
}
