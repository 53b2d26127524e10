using static Mainstay.Control.Config.ConfigUnit;

namespace Mainstay.Control.Config;

/// <summary>The keys of who is told, and of when.</summary>
internal static class AlertKeys
{
    private const string None = "(none)";
    private const string Required = ConfigKey.Required;
    private static readonly ConfigUnit Variable = Of("name of an environment variable");
    private static readonly ConfigUnit SecretUrl = Of("`http://` or `https://` address, or `$NAME`: a variable that holds it");
    private static readonly ConfigUnit SeverityWord = OneOf("warning", "page");

    public static IEnumerable<ConfigKey> All =>
    [
        new("notify", Of("list"), None, "Who is told of alerts and incidents, beside the log; see notifications.md. Each item names one of `webhook`, `slack`, `teams`, `pagerduty`, `email` and `command`."),
        new("notify[].name", Name, "(its kind and place, such as `webhook-1`)", "Unique. Stands in escalation steps, orders and pages."),
        new("notify[].webhook", SecretUrl, None, "Receives a POST of JSON."),
        new("notify[].secret_env", Variable, "(not signed)",
            "The variable holds the secret that signs what is sent to `webhook`."),
        new("notify[].slack", SecretUrl, None, "An incoming webhook of Slack, or of what takes the same JSON."),
        new("notify[].teams", SecretUrl, None, "A workflow of Microsoft Teams that posts an adaptive card."),
        new("notify[].pagerduty", Variable, None, "The variable holds the integration key of a service (Events API v2)."),
        new("notify[].url", SecretUrl, "https://events.pagerduty.com/v2/enqueue", "Where `pagerduty` is reached, such as the one of its service regions."),
        new("notify[].email", Mapping, None, "Sends mail by SMTP."),
        new("notify[].email.host", Of("host name"), Required, "The SMTP server."),
        new("notify[].email.port", Whole(1, 65_535), "(587 for `starttls`, 465 for `tls`, 25 for `none`)", "Its port."),
        new("notify[].email.tls", OneOf("starttls", "tls", "none"), "starttls", "How the connection is secured. `none` sends everything readable."),
        new("notify[].email.from", Of("address of email"), Required, "The sender."),
        new("notify[].email.to", Of("list of addresses of email"), Required, "The receivers; at most 50."),
        new("notify[].email.user", Of("text"), "(no sign-in)", "Signs in by this name."),
        new("notify[].email.password_env", Variable, None, "The variable holds the password of `user`."),
        new("notify[].command", Of("list of a program and its arguments"), None,
            "Runs on this machine for each message, which it finds in its environment (`MAINSTAY_TITLE` and so on). No shell is between."),
        new("notify[].timeout", Duration("1s", "5m"), "10s", "How long one delivery may take. A command is ended then, with all that it started."),
        new("notify[].title", Of("text with places"), "(as it is)", "The title, such as `{service} in {region}: {title}`. Not for `webhook`, whose JSON has all of it."),
        new("notify[].text", Of("text with places"), "(as it is)", "The text, likewise."),
        new("notify[].limit", Rate("1/h", "1000/s"), "10/m", "Messages it gets at most; as many as a minute has may come at once. What is more goes out together as one."),
        new("notify[].tell", OneOf("important", "all"), "important",
            "`important`: when something begins, gets worse, needs a person, and is over. `all`: every line of each incident too, and drains and practices."),
        new("notify[].severity", SeverityWord, "warning", "The least that it is told: `page` leaves warnings out."),
        new("notify[].services", Of("list of names"), "(every service)", "Only what concerns one of these."),
        new("notify[].link_local", Flag, "false", "Whether an address of the machine's own link, such as a cloud's metadata service, may be reached."),
        new("notify[].keep", Duration("1m", "7d"), "24h", "How long a message that is not taken is tried again."),
        new("alerts", Mapping, "(as below)", "When people are told; see alerts.md."),
        new("alerts.wait", Duration("0s", "10m"), "5s", "From the first alert of a group to its first message, so that what belongs together is told together."),
        new("alerts.resolve_after", Duration("1s", "1h"), "1m", "How long all must be well before that is told; doubled each time the trouble comes back within two hours, up to an hour."),
        new("alerts.remind", Duration("5m", "7d"), "(never)", "While nobody has acknowledged, those who were told are told again."),
        new("alerts.expire", Duration("30s", "1d"), "5m", "An alert from outside that names no end is over when nobody raised it again for so long."),
        new("alerts.escalate", Of("list"), None, "Who is told when nobody acknowledges. A channel that stands here is told from its step on, the others at once."),
        new("alerts.escalate[].after", Duration("0s", "7d"), Required, "Since the first message."),
        new("alerts.escalate[].to", Of("list of names of `notify`"), Required, "The channels."),
        new("alerts.maintenance", Of("list"), None, "Work that is announced: its alerts are kept, and nobody is told. Either `from` and `until`, or `at` and `for`."),
        new("alerts.maintenance[].name", Name, Required, "What the alerts are silenced by."),
        new("alerts.maintenance[].from", Of("time of UTC, `YYYY-MM-DDTHH:MMZ`"), None, "Begin of work that happens once."),
        new("alerts.maintenance[].until", Of("time of UTC, `YYYY-MM-DDTHH:MMZ`"), None, "Its end."),
        new("alerts.maintenance[].at", Of("time of UTC, `HH:MM` or `Tue HH:MM`"), None, "Begin of work that comes again."),
        new("alerts.maintenance[].every", Duration("1d", "364d"), "(1d; 7d if `at` names a day)", "Days between two; whole weeks if `at` names a day. Counted from Monday, 1970-01-05."),
        new("alerts.maintenance[].for", Duration("1m", "7d"), None, "How long it lasts."),
        new("alerts.maintenance[].services", Of("list of services"), "(every service)", "What is worked on."),
        new("alerts.maintenance[].regions", Of("list of regions"), "(every region)", "Where."),
        new("alerts.heartbeat", Mapping, "(none)", "The dead-man's switch: somebody outside hears that Mainstay lives, and alarms when it does not."),
        new("alerts.heartbeat.url", SecretUrl, Required, "Gets a POST without a body, as long as the control loop ticks."),
        new("alerts.heartbeat.every", Duration("5s", "1h"), "1m", "How often."),
        new("alerts.heartbeats", Of("list"), None, "Jobs elsewhere that must report by `POST /api/heartbeats/NAME` each time they have run."),
        new("alerts.heartbeats[].name", Name, Required, "Unique."),
        new("alerts.heartbeats[].every", Duration("10s", "31d"), Required, "Time between two reports."),
        new("alerts.heartbeats[].grace", Duration("0s", "7d"), "(a tenth of `every`, at least 10s)", "How much later one may come."),
        new("alerts.heartbeats[].severity", SeverityWord, "page", "How much it matters that none comes."),
        new("alerts.heartbeats[].service", Name, None, "The service that the job belongs to."),
        new("alerts.heartbeats[].region", Name, None, "The region in which it runs."),
    ];
}
