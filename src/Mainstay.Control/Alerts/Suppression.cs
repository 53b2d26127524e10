using System.Collections.Immutable;
using Mainstay.Control.Config;

namespace Mainstay.Control.Alerts;

/// <summary>
/// Which alerts are explained by others: a server's by its region's, a service's by those of what it depends on. What explains must be
/// at least as grave, so that a warning never hides a page; services that depend on each other explain nothing.
/// </summary>
internal sealed class Suppression
{
    /// <summary>In the place of a region; no region has this name.</summary>
    private const string Anywhere = "*";

    private readonly Dictionary<string, HashSet<string>> _needs = [];
    private readonly HashSet<string> _needed = [];

    public Suppression(ImmutableArray<ServiceConfig> services)
    {
        var direct = services.ToDictionary(s => s.Routing.Name, s => s.DependsOn);
        foreach (var service in direct.Keys)
        {
            var needs = new HashSet<string>();
            var open = new Stack<string>(direct[service]);
            while (open.TryPop(out var next))
            {
                if (next != service && needs.Add(next))
                {
                    foreach (var further in direct.GetValueOrDefault(next, []))
                        open.Push(further);
                }
            }
            if (needs.Count > 0)
                _needs[service] = needs;
            _needed.UnionWith(needs);
        }
    }

    /// <summary>Fingerprint → what explains it, for all that something explains.</summary>
    public Dictionary<string, string> Judge(IReadOnlyCollection<Alert> alerts)
    {
        var regions = new Dictionary<(string Region, string? Service), Alert>();
        var services = new Dictionary<(string Service, string? Region), Alert>();
        foreach (var alert in alerts)
        {
            if (alert is { Region: { } region, Server: null })
                KeepGravest(regions, (region, alert.Service), alert);
            if (alert.Service is { } service && _needed.Contains(service))
            {
                KeepGravest(services, (service, alert.Region), alert);
                KeepGravest(services, (service, Anywhere), alert);
            }
        }
        var explained = new Dictionary<string, string>();
        foreach (var alert in alerts)
        {
            if ((OfRegion(alert, regions) ?? OfDependency(alert, services)) is { } why)
                explained[alert.Fingerprint] = why;
        }
        return explained;
    }

    private static void KeepGravest<TKey>(Dictionary<TKey, Alert> gravest, TKey key, Alert alert) where TKey : notnull
    {
        if (!gravest.TryGetValue(key, out var known) || known.Severity < alert.Severity)
            gravest[key] = alert;
    }

    private static string? OfRegion(Alert alert, Dictionary<(string, string?), Alert> regions)
    {
        if (alert is not { Region: { } region, Server: not null })
            return null;
        var whole = regions.GetValueOrDefault((region, null)) is { } every && every.Severity >= alert.Severity
            ? every
            : regions.GetValueOrDefault((region, alert.Service));
        return whole is not null && whole.Severity >= alert.Severity
            ? $"{whole.Name} of {region}{(whole.Service is null ? "" : $" ({whole.Service})")}"
            : null;
    }

    private string? OfDependency(Alert alert, Dictionary<(string, string?), Alert> services)
    {
        if (alert.Service is null || !_needs.TryGetValue(alert.Service, out var needs))
            return null;
        foreach (var need in needs)
        {
            if (_needs.TryGetValue(need, out var back) && back.Contains(alert.Service))
                continue;
            var here = services.GetValueOrDefault((need, alert.Region ?? Anywhere));
            var dead = here is not null && here.Severity >= alert.Severity ? here : services.GetValueOrDefault((need, null));
            if (dead is not null && dead.Severity >= alert.Severity)
                return $"{dead.Name} of {need}, which {alert.Service} depends on";
        }
        return null;
    }
}
