using System.Collections.Immutable;
using Mainstay.Routing;
using Mainstay.Routing.Keys;

namespace Mainstay.Control.Config;

/// <summary>What mainstay.yaml says, checked and with every default filled in. Made by <c>ConfigReader</c>.</summary>
public sealed record MainstayConfig
{
    /// <summary>The file it was read from; absolute.</summary>
    public required string File { get; init; }

    /// <summary>Where callers connect.</summary>
    public Uri TrafficListen { get; init; } = new("http://127.0.0.1:8400");

    /// <summary>Zone in which this gateway stands; null: none.</summary>
    public string? Zone { get; init; }

    /// <summary>TLS of that listener; null: none.</summary>
    public ListenerTls? TrafficTls { get; init; }

    public ControlConfig Control { get; init; } = new();

    /// <summary>Folder of SQLite, spool, token and last good table; absolute.</summary>
    public required string StateFolder { get; init; }

    /// <summary>What remedies may do, unless a service says otherwise.</summary>
    public RemedyMode Remedies { get; init; } = RemedyMode.Propose;

    public required ImmutableArray<ServiceConfig> Services { get; init; }

    /// <summary>Keys of callers of models.</summary>
    public ImmutableArray<CallerKey> Keys { get; init; } = [];

    /// <summary>Practices on a schedule.</summary>
    public ImmutableArray<PracticeConfig> Practices { get; init; } = [];

    /// <summary>Who is told of alerts and incidents, beside the log.</summary>
    public ImmutableArray<ChannelConfig> Notify { get; init; } = [];

    /// <summary>When they are told.</summary>
    public AlertsConfig Alerts { get; init; } = new();

    /// <summary>Whose metrics are read.</summary>
    public ImmutableArray<ScrapeConfig> Scrape { get; init; } = [];

    /// <summary>What providers say of themselves.</summary>
    public ImmutableArray<FeedConfig> Feeds { get; init; } = [];

    /// <summary>Bounds of what is taken in.</summary>
    public SignalsConfig Signals { get; init; } = new();

    /// <summary>Where metrics and spans go.</summary>
    public TelemetryConfig Telemetry { get; init; } = new(null, null);

    /// <summary>The routing that this configuration asks for, before any remedy.</summary>
    public RouteTable ToTable(long version, ImmutableArray<Overlay> overlays) =>
        new(version, [.. Services.Select(s => s.Routing)], overlays) { Listen = TrafficListen, Zone = Zone, Tls = TrafficTls, Keys = Keys };
}

/// <summary>The listener of dashboard, API and status page.</summary>
public sealed record ControlConfig
{
    /// <summary>The name of the token in state/token: stands in the journal for who came with it.</summary>
    public const string OwnToken = "operator";

    public Uri Listen { get; init; } = new("http://127.0.0.1:8401");

    /// <summary>Tokens that may act, beside the one in state/token. Without any, only loopback may listen.</summary>
    public ImmutableArray<TokenConfig> Tokens { get; init; } = [];

    /// <summary>Host names that a browser may use for it, beside the listener's own and localhost.</summary>
    public ImmutableArray<string> Hosts { get; init; } = [];
}

/// <summary>A token as the file knows it: never the token itself.</summary>
/// <param name="Name">Stands in the journal as who acted.</param>
/// <param name="Sha256">SHA-256 of the token, 64 hexadecimal digits in lower case.</param>
/// <param name="Scope">What it may do. By default what every token could before there were scopes, and no more.</param>
public sealed record TokenConfig(string Name, string Sha256, TokenScope Scope = TokenScope.Respond);

/// <summary>A service: how it is routed, and how it is watched.</summary>
public sealed record ServiceConfig
{
    public required Service Routing { get; init; }

    /// <summary>Overrides <see cref="MainstayConfig.Remedies"/>; null: as there.</summary>
    public RemedyMode? Remedies { get; init; }

    /// <summary>What it cannot work without: names of services or of things outside.</summary>
    public ImmutableArray<string> DependsOn { get; init; } = [];

    public SloConfig? Slo { get; init; }
}

/// <summary>The promise of a service.</summary>
public sealed record SloConfig
{
    /// <summary>Share of requests answered, from 0 to 1; null: none promised.</summary>
    public double? Availability { get; init; }

    /// <summary>99 % of the answers come within this; null: none promised.</summary>
    public TimeSpan? P99 { get; init; }

    public TimeSpan Window { get; init; } = TimeSpan.FromDays(30);
}

/// <summary>Where metrics and spans go.</summary>
/// <param name="Otlp">The collector; null: as the environment says.</param>
/// <param name="HeadersEnvironment">Environment variable that holds fields sent along; null: as OpenTelemetry has it.</param>
public sealed record TelemetryConfig(Uri? Otlp, string? HeadersEnvironment);

/// <summary>How far remedies may go.</summary>
public enum RemedyMode
{
    /// <summary>Incidents are found and recorded; no remedy is proposed.</summary>
    Observe,

    /// <summary>A remedy waits until a person approves it.</summary>
    Propose,

    /// <summary>A remedy that the guard allows is done at once.</summary>
    Act,
}
