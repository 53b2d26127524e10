using Mainstay.Routing.Certificates;
using Mainstay.Routing.Models;
using Mainstay.Routing.Upstream;

namespace Mainstay.Routing;

/// <summary>
/// Asks every server that has a health check whether it is well, on a jittered schedule, and tells the server's live
/// state and the feed; reads the metrics of engines, compares peers and reports how each server stands once a second. Its connections are its own: a server that is slow to answer callers can still say that it is well.
/// </summary>
public sealed class Prober(LiveRoutes routes, OutcomeFeed feed, TimeProvider clock, Random random) : IDisposable
{
    private const int BeatsPerReport = 10;
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(100);
    private readonly Dictionary<LiveServer, DateTimeOffset> _due = [];
    private readonly HashSet<LiveServer> _underWay = [];
    private readonly PeerCheck _peers = new(routes);
    private readonly ServerProbe _probe = new(clock);
    private EngineWatch? _engines;

    /// <summary>Probes until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Beat, clock);
        for (var beat = 0; await timer.WaitForNextTickAsync(cancel); beat++)
        {
            StartDue(cancel);
            foreach (var service in routes.Current.Services)
                service.HastenIfAllDown();
            if (beat % BeatsPerReport != 0)
                continue;
            _peers.Beat();
            ReportServers();
        }
    }

    public void Dispose() => _probe.Dispose();

    private void ReportServers()
    {
        var now = clock.GetUtcNow();
        foreach (var service in routes.Current.Services)
        {
            feed.Report(service.Report(now));
            foreach (var server in service.Servers)
                feed.Report(server.Report(now));
        }
    }

    private void StartDue(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var present = routes.Current.Services
            .SelectMany(service => service.Servers
                .Where(server => service.Spec.Health is not null || FreeProbe.IsDue(service, server))
                .Select(server => (server, service)))
            .ToDictionary();
        _engines ??= new EngineWatch(_probe, clock, random);
        _probe.Keep([.. present.Values.Select(TrustOf), .. _engines.Beat(routes.Current.Services, cancel)]);
        foreach (var gone in _due.Keys.Where(server => !present.ContainsKey(server)).ToList())
            _due.Remove(gone);
        foreach (var (server, service) in present)
        {
            var check = service.Spec.Health ?? FreeProbe.Check;
            // The first probe comes at a random point of the period, so that probes of many servers spread out.
            _due.TryAdd(server, now + (check.Every * random.NextDouble()));
            if (_due[server] > now || !TryTake(server))
                continue;
            _due[server] = now + (check.Every * (0.9 + (0.2 * random.NextDouble())));
            _ = ProbeAsync(server, service, cancel);
        }
    }

    private async Task ProbeAsync(LiveServer server, LiveService service, CancellationToken cancel)
    {
        var started = clock.GetTimestamp();
        string trouble;
        try
        {
            trouble = service.Spec.Health is not null
                ? await _probe.AskAsync(service.Spec, TrustOf(service), server.Spec, cancel)
                : await _probe.AskFreeAsync(service.Spec, TrustOf(service), server, cancel);
        }
        catch (NotReachedException)
        {
            // This process is short of descriptors: a server that was not asked is neither well nor unwell.
            return;
        }
        finally
        {
            lock (_underWay)
                _underWay.Remove(server);
        }
        if (cancel.IsCancellationRequested)
            return;
        server.NoteProbe(trouble.Length == 0);
        if (trouble.Length == 0 && service.Spec.Health is null)
            server.LetIn();
        feed.Report(new Probe(
            clock.GetUtcNow(), server.Service, server.Spec.Name, server.Spec.Region, trouble.Length == 0,
            clock.GetElapsedTime(started), trouble));
    }

    internal static ServerTrust TrustOf(LiveService service) => service.Trust?.Current ?? ServerTrust.OfMachine;

    private bool TryTake(LiveServer server)
    {
        lock (_underWay)
            return _underWay.Add(server);
    }
}
