using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;

namespace Mainstay.Api;

/// <summary>Reads alerts that somebody outside raises: bounded, and refused as a whole if one of them is wrong.</summary>
internal static class AlertReader
{
    public const string Cure = "The body must be a list such as [{\"name\": \"DiskFull\", \"service\": \"moderation\", \"region\": \"us-east-1\", \"severity\": \"page\", "
        + "\"summary\": \"2 GiB left\"}]: name, and if wished source, service, region, server, severity (page or warning), summary, observed, labels, since, until.";

    private const int MostAlerts = 1000;
    private const int MostLabels = 64;
    private const int LongestName = 200;
    private const int LongestText = 2000;

    /// <returns>The alerts; or what is wrong and the cure.</returns>
    public static (ImmutableArray<RaisedAlert> Alerts, string Wrong) Read(IEnumerable<AlertRequest?> requests)
    {
        var alerts = ImmutableArray.CreateBuilder<RaisedAlert>();
        foreach (var request in requests)
        {
            if (alerts.Count >= MostAlerts)
                return ([], $"More than {MostAlerts} alerts: send them in several calls.");
            var wrong = Cure;
            if (request is null || TryRead(request, out wrong) is not { } alert)
                return ([], $"Alert {alerts.Count + 1}: {wrong}");
            alerts.Add(alert);
        }
        return (alerts.ToImmutable(), "");
    }

    private static RaisedAlert? TryRead(AlertRequest request, out string wrong)
    {
        wrong = "";
        var labels = request.Labels ?? [];
        if (string.IsNullOrWhiteSpace(request.Name))
            wrong = Cure;
        else if (new[] { request.Name, request.Source, request.Service, request.Region, request.Server }.Concat(labels.Keys).Any(t => t?.Length > LongestName))
            wrong = $"a name of more than {LongestName} characters.";
        else if (labels.Count > MostLabels || labels.Values.Any(v => v?.Length > LongestText))
            wrong = $"more than {MostLabels} labels, or one of more than {LongestText} characters.";
        else if (request.Severity is not (null or "page" or "warning"))
            wrong = "severity: write page or warning.";
        if (wrong.Length > 0)
            return null;
        return new RaisedAlert(
            Name(request.Source) ?? "api", Name(request.Name)!,
            labels.ToImmutableSortedDictionary(l => Line(l.Key), l => Line(l.Value), StringComparer.Ordinal))
        {
            Service = Name(request.Service),
            Region = Name(request.Region),
            Server = Name(request.Server),
            Severity = request.Severity == "warning" ? Severity.Warning : Severity.Page,
            Summary = Line(request.Summary),
            Observed = Line(request.Observed),
            Since = request.Since,
            Until = request.Until,
        };
    }

    private static string? Name(string? text) => string.IsNullOrWhiteSpace(text) ? null : Line(text);

    /// <summary>What comes from outside stands in one line of logs, pages and mails.</summary>
    private static string Line(string? text)
    {
        var line = new string([.. (text ?? "").Select(c => char.IsControl(c) ? ' ' : c)]).Trim();
        return line.Length > LongestText ? line[..LongestText] : line;
    }
}

/// <summary>An alert in the body of POST /api/alerts.</summary>
/// <param name="Severity">page or warning; null: page.</param>
/// <param name="Until">When it ends; not in the future: it is over. Null: when it is raised no more.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record AlertRequest(
    string? Name, string? Source, string? Service, string? Region, string? Server, string? Severity, string? Summary, string? Observed,
    Dictionary<string, string>? Labels, DateTimeOffset? Since, DateTimeOffset? Until);

/// <summary>An alert as Prometheus sends it (Alertmanager API v2, postable alerts).</summary>
internal sealed record PrometheusAlert(
    [property: JsonPropertyName("labels")] Dictionary<string, string>? Labels,
    [property: JsonPropertyName("annotations")] Dictionary<string, string>? Annotations,
    [property: JsonPropertyName("startsAt")] DateTimeOffset? StartsAt,
    [property: JsonPropertyName("endsAt")] DateTimeOffset? EndsAt)
{
    private static readonly string[] Places = ["alertname", "service", "job", "region", "server", "instance", "severity"];

    /// <summary>Labels say where it belongs: service or else job, region, server or else instance, severity (critical and page wake people).</summary>
    public AlertRequest ToRequest()
    {
        var labels = Labels ?? [];
        return new AlertRequest(
            labels.GetValueOrDefault("alertname"), "prometheus",
            labels.GetValueOrDefault("service") ?? labels.GetValueOrDefault("job"), labels.GetValueOrDefault("region"),
            labels.GetValueOrDefault("server") ?? labels.GetValueOrDefault("instance"),
            labels.GetValueOrDefault("severity") is null or "critical" or "page" or "emergency" ? "page" : "warning",
            Annotations?.GetValueOrDefault("summary"), Annotations?.GetValueOrDefault("description"),
            labels.Where(l => !Places.Contains(l.Key)).ToDictionary(),
            StartsAt, EndsAt is { Year: > 1 } end ? end : null);
    }
}
