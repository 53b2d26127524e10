using static Mainstay.Control.Config.ConfigUnit;

namespace Mainstay.Control.Config;

/// <summary>The keys of signals from outside.</summary>
internal static class SignalKeys
{
    private const string None = "(none)";

    public static IEnumerable<ConfigKey> All =>
    [
        new("signals", Mapping, "(as below)", "Bounds of the series from outside; see signals.md."),
        new("signals.max_series", Whole(100, 100_000), "10000",
            "Series that live at a time; one source may have half of them. Each takes some 5 KB of memory and, over a year, up to 350 KB of disk."),
        new("scrape", Of("list"), None, "Servers whose metrics are read, as Prometheus does; see signals.md."),
        new("scrape[].job", Name, ConfigKey.Required, "Unique. Stands in the label `job` and in messages."),
        new("scrape[].targets", Of("list of `http://` or `https://` addresses"), ConfigKey.Required, "The whole addresses, such as `http://10.0.1.20:8000/metrics`; at most 1000 in all."),
        new("scrape[].profile", OneOf("vllm", "tgi", "triton", "sglang", "dcgm", "neuron", "node"), None,
            "What serves there: names which of its metrics mean that it is full, and raises an alert when they say so."),
        new("scrape[].every", Duration("1s", "1h"), "15s", "Time between two readings of a target."),
        new("scrape[].timeout", Duration("100ms", "1m"), "5s", "A target that has not ended its answer by then is down. Not longer than `every`."),
        new("scrape[].service", Name, None, "The label `service` of every series."),
        new("scrape[].region", Name, None, "The label `region` of every series."),
        new("scrape[].token_env", Of("name of an environment variable"), "(no token)", "The variable holds a token that is sent along as `Authorization: Bearer`."),
        new("scrape[].link_local", Flag, "false", "Whether an address of the machine's own link, such as a cloud's metadata service, may be reached."),
        new("feeds", Of("list"), None, "What providers say of their own health: warnings beside what Mainstay sees itself; see signals.md."),
        new("feeds[].name", Name, ConfigKey.Required, "Unique. Stands in alerts, as `feed NAME`."),
        new("feeds[].kind", OneOf("aws", "statuspage", "atom"), ConfigKey.Required, "AWS Health events as JSON; Statuspage (API v2); Atom."),
        new("feeds[].url", Of("`http://` or `https://` address"), "(the provider sends it)", "Where it is read, such as `https://status.example.test/api/v2/summary.json`. Without it: `POST /api/feeds/NAME`."),
        new("feeds[].every", Duration("10s", "1h"), "1m", "Time between two readings."),
        new("feeds[].service", Name, None, "The service that the provider's troubles are troubles of."),
        new("feeds[].region", Name, "(as the events say)", "The region, likewise."),
        new("feeds[].link_local", Flag, "false", "Whether an address of the machine's own link may be reached."),
    ];
}
