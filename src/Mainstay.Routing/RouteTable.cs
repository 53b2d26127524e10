using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Routing.Keys;

namespace Mainstay.Routing;

/// <summary>
/// Where requests may go: configuration + releases + active remedies, as one immutable value. A request takes one table
/// and keeps it to its end. Only the control loop makes a new one; it goes live through <see cref="LiveRoutes"/>.
/// </summary>
/// <param name="Version">Grows by one with every table; never reused within one state folder.</param>
/// <param name="Services">What callers can ask for.</param>
/// <param name="Overlays">Active remedies. Taking one away restores the configured routing by construction.</param>
public sealed record RouteTable(long Version, ImmutableArray<Service> Services, ImmutableArray<Overlay> Overlays)
{
    /// <summary>Where callers connect; null: unknown. A data plane that starts from the table alone listens there.</summary>
    public Uri? Listen { get; init; }

    /// <summary>Zone in which this gateway stands; null: none, and all zones are alike to it.</summary>
    public string? Zone { get; init; }

    /// <summary>Files of the listener's TLS; null: callers connect without.</summary>
    public ListenerTls? Tls { get; init; }

    /// <summary>Keys that callers of models identify themselves with.</summary>
    public ImmutableArray<CallerKey> Keys { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>The table of a program that has not been told anything yet: every request is answered 404.</summary>
    public static RouteTable Empty { get; } = new(0, [], []);
}

/// <summary>What callers use: a name, the requests it matches, and the servers that can answer them.</summary>
public sealed record Service
{
    /// <summary>Unique in the table; stands in records, metrics and messages.</summary>
    public required string Name { get; init; }

    /// <summary>Path prefix on a segment border, such as "/moderation"; "/" matches everything. The longest prefix wins.</summary>
    public string PathPrefix { get; init; } = "/";

    /// <summary>True: the prefix is not sent on to the server.</summary>
    public bool Strip { get; init; }

    /// <summary>Host name to match, without port; null matches every host.</summary>
    public string? Host { get; init; }

    /// <summary>True: the server sees the caller's Host header; false: its own.</summary>
    public bool KeepHost { get; init; }

    public required ImmutableArray<Server> Servers { get; init; }

    /// <summary>Regions in order of preference; holds every region that a server names.</summary>
    public required ImmutableArray<string> Regions { get; init; }

    /// <summary>True: all regions are used alike; false: the first that is well.</summary>
    public bool ShareRegions { get; init; }

    /// <summary>The only regions in which it may be served, whatever fails; empty: every region.</summary>
    public ImmutableArray<string> AllowedRegions { get; init; } = [];

    /// <summary>For how long a server that comes back gets less work than its peers: a tenth of its weight at first, then
    /// more, to all of it. Zero: it gets its share at once.</summary>
    public TimeSpan SlowStart { get; init; } = TimeSpan.FromSeconds(10);

    public Timeouts Timeouts { get; init; } = new();

    public RetryPolicy Retry { get; init; } = new();

    /// <summary>The API that its callers speak. Several services, one for each model, may stand behind the same path.</summary>
    public ModelApi Api { get; init; }

    /// <summary>Of an API of models: the name that callers ask for; null: any, and it goes on to the servers as it is.</summary>
    public string? Model { get; init; }

    /// <summary>Where an answer goes on that was cut.</summary>
    public ContinuePolicy Continue { get; init; }

    /// <summary>Of an API of models: true if it answers only callers with a known key.</summary>
    public bool RequiresKey { get; init; }

    /// <summary>Of an API of models: bytes of a request's body, which is read whole; 0, as in a table of before: the default.</summary>
    public int LongestBody { get; init => field = value > 0 ? value : DefaultLongestBody; } = DefaultLongestBody;

    /// <summary>Long prompts with images, and not a disk image.</summary>
    public const int DefaultLongestBody = 64 << 20;

    /// <summary>Which of equally good servers a request prefers.</summary>
    public AffinityPolicy Affinity { get; init; }

    /// <summary>The version of HTTP towards its servers.</summary>
    public ServerProtocol Protocol { get; init; }

    /// <summary>What servers with an https url must prove, and what they are shown; null: whom this machine trusts, nothing shown.</summary>
    public ServerTls? Tls { get; init; }

    // A table that an older version wrote does not have these.
    public BreakerPolicy Breaker { get; init => field = value ?? new(); } = new();

    /// <summary>When a second attempt is made beside a slow one; null: never.</summary>
    public HedgePolicy? Hedge { get; init; }

    public LimitPolicy Limits { get; init => field = value ?? new(); } = new();

    public AdmissionPolicy Admission { get; init => field = value ?? new(); } = new();

    /// <summary>How servers are probed; null: judged from traffic alone.</summary>
    public HealthCheck? Health { get; init; }

    /// <summary>Body answered with 200 when no server is left; null: an error (503) that says so.</summary>
    public string? AnswerWhenDown { get; init; }

    /// <summary>Where requests wait until a server is left again; null: they do not.</summary>
    public QueueWhenDown? QueueWhenDown { get; init; }

    /// <summary>Header that names the customer of a request, for the impact of an incident; null: unknown.</summary>
    public string? CustomerHeader { get; init; }
}

/// <summary>One instance of a service in a region.</summary>
public sealed record Server
{
    /// <summary>Absolute http or https address; what follows the matched prefix is appended to its path.</summary>
    public required Uri Url { get; init; }

    /// <summary>The failure domain it stands in.</summary>
    public required string Region { get; init; }

    /// <summary>Where in its region it stands; null: not known.</summary>
    public string? Zone { get; init; }

    /// <summary>Order of fallbacks, from 1: rank 2 serves only what no server of rank 1 can.</summary>
    public int Rank { get; init; } = 1;

    /// <summary>Share of the work beside its peers; greater than 0.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Requests per second it can carry as declared; null: unknown, to be learned.</summary>
    public double? Capacity { get; init; }

    /// <summary>Label of the model version it serves.</summary>
    public string Version { get; init; } = "stable";

    /// <summary>What it speaks, if the service speaks an API of models; null: what the service does.</summary>
    public ModelServer? Ai { get; init; }

    /// <summary>Tells it from another server with the same url; null: there is none.</summary>
    public string? Label { get; init; }

    /// <summary>Its name in records and messages: host and port, and the path where there is one.</summary>
    public string Name => Url.Authority + Url.AbsolutePath.TrimEnd('/') + (Label is null ? "" : "~" + Label);
}

/// <summary>Files of the TLS that callers meet; paths are absolute, contents PEM.</summary>
/// <param name="Certificate">The certificate, and after it the authorities between it and the root.</param>
/// <param name="Key">Its key, without a password.</param>
/// <param name="ClientCa">Authorities that must have signed the callers' certificates; null: callers need none.</param>
public sealed record ListenerTls(string Certificate, string Key, string? ClientCa);

/// <summary>TLS towards the servers of a service; paths are absolute, contents PEM.</summary>
public sealed record ServerTls
{
    /// <summary>Authorities that may have signed the servers' certificates; null: those that this machine trusts.</summary>
    public string? Ca { get; init; }

    /// <summary>The client certificate that servers are shown; null: none.</summary>
    public string? Certificate { get; init; }

    /// <summary>Its key, without a password.</summary>
    public string? Key { get; init; }

    /// <summary>The name that the servers' certificates must have; null: the host of each url.</summary>
    public string? Name { get; init; }
}

/// <summary>Deadlines of a request. Each is separate; null means that only the total counts.</summary>
public sealed record Timeouts
{
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>From the request fully sent to the first byte of the answer.</summary>
    public TimeSpan? FirstByte { get; init; }

    /// <summary>From the attempt's begin to the first token of a streamed answer of a model.</summary>
    public TimeSpan? FirstToken { get; init; }

    /// <summary>Between two bytes of an answer; of a streamed answer of a model, between two tokens.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a connection that was upgraded, such as a WebSocket, may carry nothing either way.</summary>
    public TimeSpan Tunnel { get; init; } = TimeSpan.FromHours(1);

    /// <summary>For everything, all attempts included; a connection that was upgraded may last longer.</summary>
    public TimeSpan Total { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>When a request may be tried again on another server.</summary>
public sealed record RetryPolicy
{
    /// <summary>All attempts of a request, the first included; from 1.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>Second attempts allowed, as a share (0 to 1) of the requests of the last 10 s, plus 10 a second.</summary>
    public double Budget { get; init; } = 0.2;

    /// <summary>True: a request that may have reached a server may be sent again whatever its method (<c>replay: safe</c>).</summary>
    public bool ReplaySafe { get; init; }

    /// <summary>Bytes of a request body that are kept for a second attempt.</summary>
    public int ReplayLimit { get; init; } = 1 << 20;
}

/// <summary>When requests are held back from a server, and when not after all.</summary>
public sealed record BreakerPolicy
{
    /// <summary>Failures in a row that open the breaker; from 1. Twice as many, and the server counts as down.</summary>
    public int Failures { get; init; } = 5;

    /// <summary>Share (0 to 1) of at least twenty attempts in ten seconds whose failure opens it, too.</summary>
    public double Share { get; init; } = 0.5;

    /// <summary>How long an open breaker holds requests back before the first try.</summary>
    public TimeSpan FirstHold { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>To which each failed try doubles that.</summary>
    public TimeSpan LongestHold { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A median first byte of so many times its peers' makes a server slow; 0: servers are not compared.</summary>
    public double Slow { get; init; } = 3;

    /// <summary>Share (0 to 1) of a service's servers that may be passed over as slow; one of several always may.</summary>
    public double Eject { get; init; } = 0.5;

    /// <summary>Share (0 to 1) of the servers, by weight: when fewer are left, and those are full, failing ones are used again.</summary>
    public double Panic { get; init; } = 0.5;
}

/// <summary>When a second attempt is made beside a slow one.</summary>
public sealed record HedgePolicy
{
    /// <summary>Wait for the first byte before that; null: as long as 95 of 100 first bytes of the service take.</summary>
    public TimeSpan? After { get; init; }

    /// <summary>Such attempts allowed, as a share (0 to 1) of the requests of the last 10 s.</summary>
    public double Budget { get; init; } = 0.05;
}

/// <summary>How much a server gets at a time. Without a limit nobody ever waits.</summary>
public sealed record LimitPolicy
{
    /// <summary>True: as many attempts may wait for their first byte as is learned to be good.</summary>
    public bool IsAdaptive { get; init; }

    /// <summary>Attempts that may be under way on a server of weight 1; 0: no such limit.</summary>
    public int Concurrency { get; init; }
}

/// <summary>Who waits and who is shed while every place is taken.</summary>
public sealed record AdmissionPolicy
{
    /// <summary>Header that says critical, default or sheddable; null: none does.</summary>
    public string? Header { get; init; }

    /// <summary>The first that fits comes before the header.</summary>
    public ImmutableArray<PriorityRule> Rules { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>What a request is that neither rule nor header speaks of.</summary>
    public Priority Otherwise { get; init; } = Priority.Default;

    /// <summary>Requests that may wait.</summary>
    public int Queue { get; init; } = 100;

    /// <summary>How long each may wait.</summary>
    public TimeSpan Wait { get; init; } = TimeSpan.FromMilliseconds(500);
}

/// <summary>A header field that gives a request its priority.</summary>
/// <param name="Header">Its name.</param>
/// <param name="Value">Its whole value; null if the hash is given.</param>
/// <param name="Sha256">SHA-256 of its value in hexadecimal digits, where the value is a secret.</param>
/// <param name="Priority">What such a request is.</param>
public sealed record PriorityRule(string Header, string? Value, string? Sha256, Priority Priority);

/// <summary>The version of HTTP that a service's servers speak.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ServerProtocol>))]
public enum ServerProtocol
{
    Http1,

    /// <summary>Over TLS by ALPN, without TLS by prior knowledge.</summary>
    Http2,
}

/// <summary>An active health check.</summary>
public sealed record HealthCheck
{
    public ProbeKind Kind { get; init; }

    /// <summary>Of <see cref="ProbeKind.Http"/>: what is asked for, appended to the server's url.</summary>
    public string Path { get; init; } = "/";

    /// <summary>Of <see cref="ProbeKind.Grpc"/>: the service asked about; empty: the whole server.</summary>
    public string GrpcService { get; init; } = "";

    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>What a health check asks of a server.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ProbeKind>))]
public enum ProbeKind
{
    /// <summary>GET of a path; 2xx is well.</summary>
    Http,

    /// <summary>A connection is well.</summary>
    Tcp,

    /// <summary>A TLS handshake with a certificate that is trusted is well.</summary>
    Tls,

    /// <summary>grpc.health.v1.Health/Check over HTTP/2; SERVING is well.</summary>
    Grpc,
}

/// <summary>Where requests wait that no server can serve, and how much of them.</summary>
public sealed record QueueWhenDown
{
    /// <summary>Absolute path; each service has its own folder in it.</summary>
    public required string Folder { get; init; }

    /// <summary>Requests kept, answered ones included.</summary>
    public int Max { get; init; } = 10_000;

    /// <summary>Bytes of their files.</summary>
    public long Size { get; init; } = 1L << 30;

    /// <summary>How long a request waits at most, and then how long its answer is kept.</summary>
    public TimeSpan Keep { get; init; } = TimeSpan.FromHours(24);
}

/// <summary>
/// An active remedy, drain or practice laid over the configured routing: takes traffic away from a region, or from one server of it.
/// </summary>
/// <param name="Id">What asks for it: a remedy ("41-1"), a drain ("drain-7") or a practice ("practice-3").</param>
/// <param name="Service">The service it concerns; null: every service.</param>
/// <param name="Region">The region it drains.</param>
/// <param name="Server">Name of the one server it drains; null: the whole region.</param>
/// <param name="Share">Share of the requests that may still go there: 0 drains, 1 is as configured; between, recovery is tried.</param>
public sealed record Overlay(string Id, string? Service, string Region, string? Server, double Share)
{
    /// <summary>True: a person drained by hand. A pause takes off what Mainstay does, not this.</summary>
    public bool ByHand { get; init; }

    /// <summary>When it ends by itself, also while no control plane runs; null: when it is taken away.</summary>
    public DateTimeOffset? Until { get; init; }

    public bool Covers(string service, Server server) => Covers(service, server.Region, server.Name);

    public bool Covers(string service, string region, string server) =>
        (Service is null || Service == service || IsModelOf(Service, service)) && Region == region && (Server is null || Server == server);

    /// <summary>What concerns a service concerns each of its models, such as <c>chat/fast</c>.</summary>
    private static bool IsModelOf(string whole, string service) =>
        service.Length > whole.Length && service[whole.Length] == '/' && service.StartsWith(whole, StringComparison.Ordinal);
}
