using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Control.Detection;

/// <summary>
/// Judges the windows of a tick against each series' own past. A series whose past is not known yet stays silent.
/// Not safe for several threads.
/// </summary>
public sealed class Detectors
{
    /// <summary>A tick this late means that this machine was busy with something else: times say nothing then.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(1.4);

    private readonly Dictionary<SeriesKey, TrafficDetector> _traffic = [];
    private readonly Dictionary<(string Service, string Region), ProbeDetector> _probes = [];
    private readonly Dictionary<string, Baseline> _probeTimes = [];
    private Dictionary<string, double> _slowdowns = [];
    private double _everywhere = 1;

    /// <summary>The anomalies that stand at the end of these windows, old ones included until they calm down.</summary>
    /// <param name="windows">What happened since the last tick.</param>
    /// <param name="isOpen">True for regions with an open incident; nothing is learned there.</param>
    public IReadOnlyList<Anomaly> Judge(ClosedWindows windows, Func<string, bool> isOpen)
    {
        Forget(windows);
        _slowdowns = Slowdowns(windows);
        _everywhere = windows.Length > Late ? double.PositiveInfinity : 1;
        foreach (var key in windows.Series.Keys.Where(k => k.Region is not null))
            _traffic.TryAdd(key, new TrafficDetector(key));
        foreach (var (key, detector) in _traffic)
            detector.Judge(windows[key], windows.Start, Slowdown(key.Region!), !isOpen(key.Region!));
        foreach (var probe in windows.Probes)
        {
            if (!_probes.TryGetValue((probe.Service, probe.Region), out var detector))
                _probes[(probe.Service, probe.Region)] = detector = new ProbeDetector(probe.Service, probe.Region);
            detector.Judge(probe);
        }
        return [.. _traffic.Values.SelectMany(d => d.Alarms(windows.End)), .. _probes.Values.SelectMany(d => d.Alarms(windows.End))];
    }

    /// <summary>The incident in a region is resolved: what was held against it is over.</summary>
    public void Reset(string region)
    {
        foreach (var (key, detector) in _traffic)
            if (key.Region == region)
                detector.Reset();
    }

    /// <summary>Usual share of failures of a series; null while unknown.</summary>
    public double? UsualErrorShare(SeriesKey key) =>
        _traffic.TryGetValue(key, out var d) && d.Baseline.IsKnown ? d.Baseline.ErrorShare : null;

    /// <summary>Usual median time of a series in milliseconds; null while unknown.</summary>
    public double? UsualMs(SeriesKey key) =>
        _traffic.TryGetValue(key, out var d) && d.Baseline.IsLatencyKnown ? d.Baseline.TypicalMs : null;

    /// <summary>Factor, from 1, by which everything but the region itself was slower in the last windows: what slows every other
    /// region's health checks too is not this one's fault, and the least slowed of the others says how much of it. Infinite:
    /// this machine was late, and times say nothing.</summary>
    public double Slowdown(string region) =>
        _everywhere * _slowdowns.Where(s => s.Key != region).Select(s => s.Value).DefaultIfEmpty(1).Min();

    /// <summary>By region, how many times slower than usual its health checks were answered in these windows.</summary>
    private Dictionary<string, double> Slowdowns(ClosedWindows windows)
    {
        var slowdowns = new Dictionary<string, double>();
        foreach (var region in windows.Probes.Where(p => p.Well).GroupBy(p => p.Region))
        {
            var ms = region.Select(p => p.Elapsed.TotalMilliseconds).Order().ElementAt((region.Count() - 1) / 2);
            if (!_probeTimes.TryGetValue(region.Key, out var usual))
                _probeTimes[region.Key] = usual = new Baseline();
            slowdowns[region.Key] = usual.IsLatencyKnown ? Math.Max(1, ms / usual.TypicalMs) : 1;
            usual.LearnTypicalMs(ms);
        }
        return slowdowns;
    }

    private void Forget(ClosedWindows windows)
    {
        if (windows.Servers.Count == 0)
            return;
        var servers = windows.Servers.Keys.ToHashSet();
        var regions = servers.Select(s => (s.Service, s.Region!)).ToHashSet();
        foreach (var key in _traffic.Keys.Where(k => k.Server is not null && !servers.Contains(k)).ToList())
            _traffic.Remove(key);
        foreach (var key in _probes.Keys.ToList())
        {
            _probes[key].Keep(server => servers.Contains(new(key.Service, key.Region, server)));
            if (!regions.Contains(key))
                _probes.Remove(key);
        }
    }
}
