using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Control.Detection;

/// <summary>Watches the health checks of one service in one region: it alarms when every server that is probed there has
/// failed its last two, so that a region without traffic is noticed too.</summary>
internal sealed class ProbeDetector(string service, string region)
{
    private const int InARow = 2;
    private readonly Dictionary<string, (int Failed, DateTimeOffset Since, Probe Last)> _servers = [];

    public void Judge(Probe probe)
    {
        var before = _servers.GetValueOrDefault(probe.Server);
        _servers[probe.Server] = probe.Well
            ? (0, probe.At, probe)
            : (before.Failed + 1, before.Failed == 0 ? probe.At : before.Since, probe);
    }

    /// <summary>Forgets servers that are in the table no more.</summary>
    public void Keep(Func<string, bool> stays)
    {
        foreach (var gone in _servers.Keys.Where(server => !stays(server)).ToList())
            _servers.Remove(gone);
    }

    public IEnumerable<Anomaly> Alarms(DateTimeOffset now)
    {
        if (_servers.Count == 0 || _servers.Values.Any(s => s.Failed < InARow))
            yield break;
        var details = string.Join("; ", _servers.Select(s => $"{s.Key}: {s.Value.Last.Detail}"));
        yield return new Anomaly(
            _servers.Values.Min(s => s.Since), now, service, region, null, "probes", "health checks answered",
            $"no server of {_servers.Count} answers its health check ({details})", InARow * _servers.Count);
    }
}
