using System.Collections.Frozen;
using System.Collections.Immutable;
using static Mainstay.Control.Config.ConfigUnit;

namespace Mainstay.Control.Config;

/// <summary>
/// Every key of mainstay.yaml with its unit, default and meaning: the one place. The reader, its messages and
/// docs/operate/configuration.md follow it.
/// </summary>
public static class ConfigKeys
{
    private const string Required = ConfigKey.Required;
    private const string None = "(none)";

    private static readonly ConfigUnit Url = Of("`http://` or `https://` address, no query");
    private static readonly ConfigUnit Listen = Of("`http://ADDRESS:PORT`; `0.0.0.0` listens everywhere, port 0 takes a free one");
    private static readonly ConfigUnit SecureListen = Of("`http://ADDRESS:PORT` or `https://ADDRESS:PORT`; `0.0.0.0` listens everywhere, port 0 takes a free one");
    private static readonly ConfigUnit Path = Of("path, from `/`");
    private static readonly ConfigUnit File = Of("path of a file, relative to this one");
    private static readonly ConfigUnit Api = OneOf("http", "openai", "anthropic", "sagemaker", "lambda", "bedrock");
    private static readonly ConfigUnit Continue = OneOf("same", "any", "never");
    private static readonly ConfigUnit Tokens = Of("tokens, such as 32k or 128000");
    private static readonly ConfigUnit RequestsAMinute = Of("requests a minute, such as 60/m");
    private static readonly ConfigUnit TokensAMinute = Of("tokens a minute, such as 100k/m");
    private static readonly ConfigUnit Remedies = OneOf("observe", "propose", "act");

    /// <summary>All keys, in the order of the documentation.</summary>
    public static ImmutableArray<ConfigKey> All { get; } =
    [
        new("version", Whole(1, 1), Required, "Version of this format."),
        new("traffic", Mapping, "(as below)", "The listener of callers."),
        new("traffic.listen", SecureListen, "http://127.0.0.1:8400",
            "Where callers connect, with HTTP/1.1 or HTTP/2. `https` needs `tls`."),
        new("traffic.zone", Name, None, "The zone in which this gateway stands: servers of its own zone come first."),
        new("tls", Mapping, "(no TLS)", "The certificate that callers are shown. The files are read again when they change."),
        new("tls.certificate", File, Required, "PEM: the certificate, after it those of the authorities between it and the root."),
        new("tls.key", File, Required, "PEM: its key, without a password."),
        new("tls.client_ca", File, "(callers need no certificate)",
            "PEM: only callers are let in whose certificate one of these authorities signed (mTLS)."),
        new("control", Mapping, "(as below)", "The listener of dashboard, API and status page."),
        new("control.listen", Listen, "http://127.0.0.1:8401",
            "Where people and tools connect. Beyond loopback only with `control.tokens`."),
        new("control.tokens", Of("list"), None, "Tokens that may act, beside the one in `state/token`."),
        new("control.tokens[].name", Name, Required, "Who acted, as the journal will say."),
        new("control.tokens[].sha256", Of("64 hexadecimal digits"), Required,
            "SHA-256 of the token: `printf %s TOKEN | sha256sum`. Never the token itself."),
        new("control.tokens[].scope", OneOf("read", "respond", "operate"), "respond",
            "What the token may do: see; also work on incidents; also drain and practise. The one in `state/token` may do everything."),
        new("control.hosts", Of("list of host names"), None,
            "Host names under which browsers may reach it, beside the listener's own and `localhost`."),
        new("state", Of("path of a folder, relative to this file"), "state", "SQLite, spool, token and the last good table."),
        new("remedies", Remedies, "propose",
            "What remedies may do: nothing, wait for a person's approval, or act at once where the guard allows it."),
        .. AlertKeys.All,
        .. SignalKeys.All,
        new("practice", Of("list"), None, "Regions to be shifted away on a schedule, to see what would break."),
        new("practice[].region", Name, Required, "The region that is shifted away."),
        new("practice[].service", Name, "(every service)", "The one service it is done with."),
        new("practice[].at", Of("time of UTC, `HH:MM` or `Tue HH:MM`"), Required, "When it begins."),
        new("practice[].every", Duration("1d", "364d"), "7d",
            "Days between two; whole weeks if `at` names a day. Counted from Monday, 1970-01-05."),
        new("practice[].for", Duration("10s", "12h"), "10m", "How long it lasts, unless something stops it."),
        new("telemetry", Mapping, "(no export)", "Where metrics and spans go, beside `/metrics` on the control listener; see metrics.md."),
        new("telemetry.otlp", Url, "(`OTEL_EXPORTER_OTLP_ENDPOINT`)",
            "The collector of OpenTelemetry (OTLP over HTTP), such as `http://127.0.0.1:4318`. `/v1/metrics` and `/v1/traces` are appended."),
        new("telemetry.headers_env", Of("name of an environment variable"), "(`OTEL_EXPORTER_OTLP_HEADERS`)",
            "The variable holds fields sent along, as `name=value,name=value`, such as a key."),
        new("keys", Of("list"), None, "Keys that callers of models identify themselves with, as `Authorization: Bearer`, `x-api-key` or `api-key`; see models.md."),
        new("keys[].name", Name, Required, "Unique. Stands in usage, records and messages, never the key."),
        new("keys[].sha256", Of("64 hexadecimal digits"), Required, "SHA-256 of the key: `printf %s KEY | sha256sum`. Never the key itself."),
        new("keys[].models", Of("list of names of models"), "(every model)", "The models that it may use."),
        new("keys[].priority", OneOf("critical", "default", "sheddable"), "(as `admission` says)", "How much its requests matter; comes before the rules of `admission`."),
        new("keys[].limits", Mapping, None, "What it may do in a minute. As much can come at once; then it comes back without a pause."),
        new("keys[].limits.requests", RequestsAMinute, None, "Requests to all models together."),
        new("keys[].limits.tokens", TokensAMinute, None, "Tokens of prompts and answers of all models together; estimated on entry, corrected at the end."),
        new("keys[].limits.models", Of("mapping of names of models"), None, "The same for one model each, beside the limits of all."),
        new("keys[].limits.models{}.requests", RequestsAMinute, None, "Requests to this model."),
        new("keys[].limits.models{}.tokens", TokensAMinute, None, "Tokens of this model."),
        new("keys[].budget", Mapping, None, "What it may use in a day, from 00:00 to 24:00 UTC."),
        new("keys[].budget.tokens", Of("tokens a day, such as 5M/d"), None, "Tokens of prompts and answers."),
        new("keys[].budget.cost", Of("cost a day, such as 20/d"), None, "In the currency of the servers' `price`. A server that is dearer than what is left is not asked."),
        new("services", Of("list"), Required, "What callers use; at least one."),
        new("services[].name", Name, Required, "Unique. Stands in records, metrics and messages."),
        new("services[].match", Mapping, "(every request)",
            "The requests that are meant for the service. No two services may match the same."),
        new("services[].match.path", Path, "/", "Prefix of the path, on the border of a segment. The longest prefix wins."),
        new("services[].match.strip", Flag, "false",
            "Whether the prefix is kept from the server. What follows it is appended to the server's url."),
        new("services[].match.host", Of("host name without port"), "(every host)",
            "A service that names the host wins over one that does not."),
        new("services[].host", OneOf("keep", "server"), "server",
            "The Host header that the server sees: the caller's or its own."),
        new("services[].api", Api, "http", "What its callers speak: `http` is passed on as it is, the others are APIs of models; see models.md."),
        new("services[].keys", OneOf("required", "optional"), "(required, if `keys` names any)",
            "Whether callers of models must bring a known key. `optional`: who brings none is served without limits."),
        new("services[].protocol", OneOf("http1", "http2"), "http1",
            "The version of HTTP towards the servers. `http2`: over TLS by agreement (ALPN), without TLS by prior knowledge."),
        new("services[].tls", Mapping, "(whom this machine trusts)", "TLS towards the servers with an https url."),
        new("services[].tls.ca", File, "(whom this machine trusts)", "PEM: the authorities that may have signed the servers' certificates."),
        new("services[].tls.certificate", File, "(none)", "PEM: the client certificate that servers are shown (mTLS)."),
        new("services[].tls.key", File, "(none)", "PEM: its key, without a password."),
        new("services[].tls.name", Of("host name"), "(the host of the url)", "The name that the servers' certificates must have."),
        new("services[].servers", Of("list"), Required, "The instances; at least one, and no url twice."),
        .. ServerKeys("services[].servers"),
        new("services[].models", Of("mapping of names"), None,
            "The models that callers ask for by name, each with its servers; for the APIs of models, instead of `servers`."),
        new("services[].models{}.servers", Of("list"), Required, "The instances that serve this model; at least one."),
        .. ServerKeys("services[].models{}.servers"),
        new("services[].models{}.continue", Continue, "(the service's)", "The same for this model alone."),
        new("services[].continue", Continue, "same",
            "Where an answer that was cut goes on: on another server with the same model of its own, on `any` other server of the name, or `never`."),
        new("services[].affinity", OneOf("off", "prefix"), "off",
            "For models: `prefix` prefers the server that had prompts with the same beginning lately, while it has at most a quarter more to do than the least loaded one, and one request."),
        new("services[].body", Size("1KiB", "512MiB"), "64MiB",
            "For models: the longest body of a request. It is read whole before a server is asked; a longer one gets 413."),
        new("services[].regions", Of("list of regions, or `share`"), "(as they appear)",
            "Order of preference; names every region of the servers. `share` uses all alike."),
        new("services[].allowed_regions", Of("list of regions"), "(every region)",
            "Bounds every failover: a server elsewhere is refused. For data that must stay."),
        new("services[].slow_start", Duration("0s", "1h"), "10s",
            "For how long a server that comes back, or is new beside others, gets less work: from a tenth of its weight to all of it."),
        new("services[].health", Mapping, "(no probes)",
            "Asks each server whether it is well. Without it, that is judged from traffic alone."),
        new("services[].health.kind", OneOf("http", "tcp", "tls", "grpc"), "http",
            "What is asked: a path; a connection; a TLS handshake with a good certificate; `grpc.health.v1.Health/Check`."),
        new("services[].health.path", Path, "(required for `http`)",
            "Answers GET with 2xx while the server is well; appended to the server's url. For `http` alone."),
        new("services[].health.grpc_service", Of("name of a gRPC service"), "(the whole server)",
            "The service that must be SERVING. For `grpc` alone."),
        new("services[].health.every", Duration("100ms", "1h"), "2s", "Time between two probes of a server."),
        new("services[].health.timeout", Duration("10ms", "1m"), "1s",
            "A probe without an answer by then has failed. Two failed ones in a row take the server out."),
        new("services[].timeouts", Mapping, "(as below)", "Deadlines of a request; each counts for itself."),
        new("services[].timeouts.connect", Duration("1ms", "5m"), "1s", "To reach a server."),
        new("services[].timeouts.first_byte", Duration("1ms", "1d"), "(the total)",
            "From the request fully sent to the first byte of the answer."),
        new("services[].timeouts.first_token", Duration("1ms", "1d"), "30s",
            "From an attempt's begin to the first token of a streamed answer of a model. Has no effect while `api` is `http`; a warning says so."),
        new("services[].timeouts.idle", Duration("1ms", "1d"), "30s", "Between two bytes of an answer; of a streamed answer of a model, between two tokens."),
        new("services[].timeouts.tunnel", Duration("1s", "7d"), "1h",
            "How long a connection that was upgraded (WebSocket) may carry nothing either way."),
        new("services[].timeouts.total", Duration("1ms", "7d"), "10m", "For everything, all attempts included."),
        new("services[].retry", Mapping, "(as below)",
            "When a request may be tried on another server. Never after something was sent to the caller."),
        new("services[].retry.attempts", Whole(1, 10), "3", "Attempts of a request in all; 1 tries nothing again."),
        new("services[].retry.budget", Percent("0%", "100%"), "20%",
            "Further attempts, of the requests of the last 10 s; 10 a second are always allowed."),
        new("services[].retry.replay", OneOf("safe"), "(by method)",
            "A request that may have reached a server may be sent again whatever its method. Without it: only an idempotent method or an `Idempotency-Key`."),
        new("services[].retry.body", Size("0B", "64MiB"), "1MiB",
            "Of a request's body, how much is kept for another attempt. A longer one is sent once."),
        new("services[].breaker", Mapping, "(as below)", "When requests are held back from a server, and when not after all."),
        new("services[].breaker.failures", Whole(1, 1000), "5",
            "Failures in a row that open the breaker of a server. Twice as many, and it is down: one try at a time goes there."),
        new("services[].breaker.share", Percent("1%", "100%"), "50%", "The same as a share of at least 20 attempts in 10 s."),
        new("services[].breaker.slow", NumberOrOff(1.5, 100), "3",
            "A server whose median first byte is so many times that of its peers serves only what they cannot."),
        new("services[].breaker.eject", Percent("0%", "90%"), "50%", "Of the peers, how many may be passed over as slow; one of several always may."),
        new("services[].breaker.panic", Percent("0%", "100%"), "50%",
            "Of the servers, by weight: when fewer are left, and those have no free place, failing ones are used again."),
        new("services[].hedge", Mapping, "(never)", "When a second attempt is made beside a slow one; the first to answer wins."),
        new("services[].hedge.after", DurationOr("1ms", "1h", "`p95`"), Required,
            "Wait for the first byte before that; `p95`: as long as 95 of 100 first bytes of the service took lately."),
        new("services[].hedge.budget", Percent("0%", "100%"), "5%", "Such attempts, of the requests of the last 10 s that may be sent twice."),
        new("services[].limits", Mapping, "(as below)",
            "How much each server gets at a time."),
        new("services[].limits.concurrency", WholeOr(1, 100_000, "`adaptive` or `off`"), "(off; adaptive with `admission`)",
            "Attempts under way on a server of weight 1; `adaptive` learns how many may wait for their first byte."),
        new("services[].admission", Mapping, "(as below)",
            "Who waits and who is shed while every place on the servers is taken."),
        new("services[].admission.header", Of("name of a header"), None,
            "Its value `critical`, `default` or `sheddable` says how much a request matters. Any caller can write it: let it through only from those you trust."),
        new("services[].admission.rules", Of("list"), None,
            "Header fields that give a request its priority; the first that fits counts, before `header`."),
        new("services[].admission.rules[].header", Of("name of a header"), Required,
            "Such as `X-Customer` or `Authorization`."),
        new("services[].admission.rules[].value", Of("text"), None,
            "The whole value of the field."),
        new("services[].admission.rules[].sha256", Of("64 hexadecimal digits"), None,
            "SHA-256 of the value instead, where it is a secret: `printf %s VALUE | sha256sum`."),
        new("services[].admission.rules[].priority", OneOf("critical", "default", "sheddable"), Required,
            "What such a request is."),
        new("services[].admission.otherwise", OneOf("critical", "default", "sheddable"), "default",
            "What a request is that neither rule nor header speaks of."),
        new("services[].admission.queue", Whole(0, 100_000), "100",
            "Requests that may wait for a place."),
        new("services[].admission.wait", Duration("1ms", "1m"), "500ms",
            "How long each may wait."),
        new("services[].when_down", Of("`error`, `{ answer: FILE }`, or `{ queue: FOLDER }`"), "error",
            "What callers get when no server is left: an error, an answer with status 200, or a place in a queue with status 202."),
        new("services[].when_down.answer", File, None, "JSON, up to 1MiB. Read at start and at every reload."),
        new("services[].when_down.queue", Of("path of a folder, or a mapping"), None,
            "Keeps requests on disk until a server is back; see when-down.md. A path alone: the rest as below."),
        new("services[].when_down.queue.folder", Of("path of a folder, relative to this file"), Required, "Where they wait."),
        new("services[].when_down.queue.max", Whole(1, 1_000_000), "10000", "Requests kept, those with their answers included. Beyond it: 503."),
        new("services[].when_down.queue.size", Size("1MiB", "1024GiB"), "1GiB", "Bytes of their files. Beyond it: 503."),
        new("services[].when_down.queue.keep", Duration("1m", "30d"), "24h", "How long a request waits at most, and then how long its answer is kept."),
        new("services[].depends_on", Of("list of names"), None,
            "What the service cannot work without: other services, or things outside."),
        new("services[].customer", Mapping, "(unknown)", "Who is hit by an incident."),
        new("services[].customer.header", Of("name of a header"), Required, "The header of a request that names its customer."),
        new("services[].slo", Mapping, "(none promised)", "The promise of the service."),
        new("services[].slo.availability", Percent("1%", "99.9999%"), None, "Share of the requests that are answered."),
        new("services[].slo.latency", Mapping, None, "How quickly."),
        new("services[].slo.latency.p99", Duration("1ms", "1d"), None, "99 % of the answers begin within it."),
        new("services[].slo.window", Duration("1h", "365d"), "30d", "The time over which the promise counts."),
        new("services[].remedies", Remedies, "(as above)", "The same for this service alone."),

        Reserved("database", "A database for a fleet instead of SQLite."),
        Reserved("dependencies", "Things outside that services depend on."),
        Reserved("probes", "Requests of Mainstay's own that try a service from end to end."),
        Reserved("playbook", "Remedies of your own."),
        Reserved("jobs", "Jobs under supervision."),
        Reserved("status", "A listener of its own for the status page."),
        Reserved("log", "Form and place of the log."),
        Reserved("services[].release", "Canary and stable versions."),
        Reserved("services[].sla", "Credits for broken promises."),
    ];

    private static readonly FrozenDictionary<string, ConfigKey> ByPath = All.ToFrozenDictionary(k => k.Path);

    private static readonly FrozenSet<string> BuiltNames = All.Where(k => !k.IsReserved).Select(k => k.Name).ToFrozenSet();

    /// <summary>The keys that may stand in a mapping, reserved ones left out.</summary>
    /// <param name="parent">Path of the mapping, such as <c>services[]</c>; empty for the root.</param>
    public static IEnumerable<ConfigKey> Below(string parent) => All.Where(k => k.Parent == parent && !k.IsReserved);

    /// <summary>What is known of a key; null if nothing.</summary>
    internal static ConfigKey? Find(string path) => ByPath.GetValueOrDefault(path);

    /// <summary>True if the format keeps the name for later: here, or, as it means nothing else, anywhere.</summary>
    internal static bool IsReserved(string path, string name) =>
        ByPath.TryGetValue(path, out var key) ? key.IsReserved
        : !BuiltNames.Contains(name) && All.Any(k => k.IsReserved && k.Name == name);

    /// <summary>The path of a key in a mapping; the root's path is empty.</summary>
    internal static string Join(string parent, string name) => parent.Length == 0 ? name : $"{parent}.{name}";

    /// <summary>The keys of a server, wherever a list of servers stands.</summary>
    private static IEnumerable<ConfigKey> ServerKeys(string list) =>
    [
        new($"{list}[].url", Url, "(required, but for AWS)", "The server's address. Its path is kept."),
        new($"{list}[].region", Name, Required, "The failure domain in which it stands."),
        new($"{list}[].weight", Number(0.001, 1000), "1", "Its share of the work beside its peers."),
        new($"{list}[].capacity", Rate("1/h", "1000000/s"), "(learned)",
            "Requests it can carry. No remedy counts on an unknown capacity before it is learned."),
        new($"{list}[].zone", Name, None, "Where in its region it stands, such as a data center."),
        new($"{list}[].rank", Whole(1, 100), "1",
            "Order of fallbacks: rank 2 serves only what no server of rank 1 in any region can."),
        new($"{list}[].version", Name, "stable", "Label of the model's version that it serves."),
        new($"{list}[].api", Api, "(the service's)", "What this server speaks. Callers of `openai` can be served by each of the others but `lambda` and `http`; else it is the service's own."),
        new($"{list}[].model", Of("text"), "(as the caller names it)", "The server's own name of the model."),
        new($"{list}[].key_env", Of("name of an environment variable"), "(no key)", "The variable holds the key for the server. Never the key itself."),
        new($"{list}[].key_file", File, "(no key)", "The file holds the key for the server; read again when it changes."),
        new($"{list}[].prefill", Flag, "true", "Whether the server can go on from the beginning of an answer. One that refuses is found out."),
        new($"{list}[].context", Tokens, "(unknown)", "Tokens that prompt and answer may have together. A longer request goes to a server with more."),
        new($"{list}[].price", Mapping, "(unknown)", "What a million tokens cost, in your currency."),
        new($"{list}[].price.prompt", Number(0, 1_000_000), Required, "Those of prompts."),
        new($"{list}[].price.answer", Number(0, 1_000_000), Required, "Those of answers."),
        new($"{list}[].metrics", Of("path or URL"), "(not read)",
            "Where its engine (vLLM, SGLang, TGI) tells its load as Prometheus text, such as `/metrics`: work that others send there counts as well."),
        new($"{list}[].path", Of("path with `{path}` and `{model}`"), "(the API's own)",
            "What follows the url instead of the API's own path, such as `/openai/deployments/{model}{path}?api-version=2024-10-21`."),
        new($"{list}[].headers", Of("list of `Name: value`"), None,
            "Fields sent to the server, with `{key}` and `{model}` filled in, such as `api-key: {key}`. They take the place of the API's own field for the key."),
        new($"{list}[].endpoint", Of("text"), "(none)",
            "Of `sagemaker` the endpoint, of `lambda` the function: instead of a url. Of `bedrock` `model` names it."),
        new($"{list}[].aws_region", Of("name of an AWS region"), "(not signed)", "Requests are signed for it, with the credentials of this machine's environment, profile or role."),
        new($"{list}[].body", OneOf("openai"), "(as the caller sends it)", "Of `sagemaker` and `lambda`: what the body speaks."),
    ];

    private static ConfigKey Reserved(string path, string meaning) => new(path, Later, None, meaning);
}
