using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;

namespace Mainstay.Control.Alerts;

/// <summary>Something that stands out now, from a detector or from outside. A value; it goes when it is over.</summary>
public sealed record Alert
{
    /// <summary>What found it, as <see cref="Source"/> of those that the control loop's own detectors found.</summary>
    public const string OfDetector = "detector";

    /// <summary>Of a job that did not report.</summary>
    public const string OfHeartbeat = "heartbeat";

    /// <summary>Of a trouble of Mainstay itself.</summary>
    public const string OfMainstay = "mainstay";

    /// <summary>The same for the same trouble, whenever it is raised: 16 hexadecimal digits.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Where it comes from: detector, heartbeat, or what the one who raised it calls itself.</summary>
    public required string Source { get; init; }

    /// <summary>What stands out, such as errors, latency or HighErrorRate.</summary>
    public required string Name { get; init; }

    public string? Service { get; init; }

    public string? Region { get; init; }

    public string? Server { get; init; }

    public Severity Severity { get; init; } = Severity.Page;

    /// <summary>In one line.</summary>
    public required string Summary { get; init; }

    /// <summary>What is usual; empty: not said.</summary>
    public string Expected { get; init; } = "";

    /// <summary>What was seen instead; empty: not said.</summary>
    public string Observed { get; init; } = "";

    /// <summary>Sum of −log10 of tail probabilities; 0: not measured.</summary>
    public double Evidence { get; init; }

    /// <summary>What else tells it from others.</summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    public required DateTimeOffset Since { get; init; }

    /// <summary>When it was raised last.</summary>
    public required DateTimeOffset LastSeen { get; init; }

    /// <summary>When it ends unless it is raised again; null: a while after <see cref="LastSeen"/>.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The dead region or dependency that explains it; null: nothing does.</summary>
    public string? SuppressedBy { get; init; }

    /// <summary>The silence or maintenance that keeps people from being told; null: none.</summary>
    public string? SilencedBy { get; init; }

    /// <summary>True: people should know of it by itself.</summary>
    [JsonIgnore]
    public bool IsActive => SuppressedBy is null && SilencedBy is null;

    /// <summary>What it is told together with: its region, which is a failure domain; else its service; else its own name.</summary>
    [JsonIgnore]
    public string GroupKey => Region is not null ? $"region {Region}" : Service is not null ? $"service {Service}" : $"{Source} {Name}";

    internal static Alert Of(Anomaly anomaly, DateTimeOffset now) => new()
    {
        Fingerprint = FingerprintOf(OfDetector, anomaly.Detector, anomaly.Service, anomaly.Region, anomaly.Server, []),
        Source = OfDetector,
        Name = anomaly.Detector,
        Service = anomaly.Service,
        Region = anomaly.Region,
        Server = anomaly.Server,
        Summary = anomaly.Summary,
        Expected = anomaly.Expected,
        Observed = anomaly.Observed,
        Evidence = anomaly.Evidence,
        Since = anomaly.Since,
        LastSeen = now,
    };

    /// <summary>A trouble of Mainstay itself. That nothing can be written, so that no remedy starts, is a page.</summary>
    internal static Alert Of(string part, string trouble, DateTimeOffset since, DateTimeOffset now) => new()
    {
        Fingerprint = FingerprintOf(OfMainstay, part, null, null, null, []),
        Source = OfMainstay,
        Name = part,
        Severity = part is "journal" or "table" ? Severity.Page : Severity.Warning,
        Summary = $"Mainstay itself: {part}: {trouble}",
        Observed = trouble,
        Since = since,
        LastSeen = now,
    };

    internal static Alert Of(RaisedAlert raised, DateTimeOffset now) => new()
    {
        Fingerprint = raised.Fingerprint,
        Source = raised.Source,
        Name = raised.Name,
        Service = raised.Service,
        Region = raised.Region,
        Server = raised.Server,
        Severity = raised.Severity,
        Summary = raised.Summary.Length > 0 ? raised.Summary : $"{raised.Name}{(raised.Service is null ? "" : $" of {raised.Service}")}{(raised.Region is null ? "" : $" in {raised.Region}")}",
        Observed = raised.Observed,
        Labels = raised.Labels,
        Since = raised.Since is { } since && since < now ? since : now,
        LastSeen = now,
        Until = raised.Until,
    };

    internal static string FingerprintOf(string source, string name, string? service, string? region, string? server, IEnumerable<KeyValuePair<string, string>> labels)
    {
        // Lengths before the parts, so that no two alerts give the same bytes.
        var text = new StringBuilder();
        foreach (var part in new[] { source, name, service, region, server }.Concat(labels.SelectMany(l => new[] { l.Key, l.Value })))
            text.Append(part?.Length ?? -1).Append(':').Append(part);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }
}

/// <summary>What somebody outside raises.</summary>
/// <param name="Source">What the one who raises it calls itself.</param>
/// <param name="Name">What stands out.</param>
/// <param name="Labels">What else tells it from others, sorted.</param>
public sealed record RaisedAlert(string Source, string Name, ImmutableSortedDictionary<string, string> Labels)
{
    public string? Service { get; init; }

    public string? Region { get; init; }

    public string? Server { get; init; }

    public Severity Severity { get; init; } = Severity.Page;

    /// <summary>In one line; may be empty.</summary>
    public string Summary { get; init; } = "";

    /// <summary>More of it; may be empty.</summary>
    public string Observed { get; init; } = "";

    /// <summary>Null: now.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>When it ends; not later than now: it is over. Null: when nobody raises it any more.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>As the alert will have it.</summary>
    public string Fingerprint => Alert.FingerprintOf(Source, Name, Service, Region, Server, Labels);
}
