using System.Globalization;

namespace Mainstay.Routing;

/// <summary>
/// Asks every server that has a health check whether it is well, on a jittered schedule, and tells the server's live
/// state and the feed; compares peers and reports how each server stands once a second. Its connections are its own: a server that is slow to answer callers can still say that it is well.
/// </summary>
public sealed class Prober(LiveRoutes routes, OutcomeFeed feed, TimeProvider clock, Random random) : IDisposable
{
    private const int BeatsPerReport = 10;
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(100);
    private readonly Dictionary<LiveServer, DateTimeOffset> _due = [];
    private readonly HashSet<LiveServer> _underWay = [];
    private readonly PeerCheck _peers = new(routes);
    private readonly HttpMessageInvoker _connections = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false });

    /// <summary>Probes until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Beat, clock);
        for (var beat = 0; await timer.WaitForNextTickAsync(cancel); beat++)
        {
            StartDue(cancel);
            if (beat % BeatsPerReport != 0)
                continue;
            _peers.Beat();
            ReportServers();
        }
    }

    public void Dispose() => _connections.Dispose();

    private void ReportServers()
    {
        var now = clock.GetUtcNow();
        foreach (var server in routes.Current.Services.SelectMany(s => s.Servers))
            feed.Report(new ServerReport(
                now, server.Service, server.Spec.Name, server.Spec.Region, server.IsWell, server.Breaker.IsOpen, server.Outstanding));
    }

    private void StartDue(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var present = routes.Current.Services
            .Where(s => s.Spec.Health is not null)
            .SelectMany(service => service.Servers.Select(server => (server, service.Spec.Health!)))
            .ToDictionary();
        foreach (var gone in _due.Keys.Where(server => !present.ContainsKey(server)).ToList())
            _due.Remove(gone);
        foreach (var (server, check) in present)
        {
            // The first probe comes at a random point of the period, so that probes of many servers spread out.
            _due.TryAdd(server, now + (check.Every * random.NextDouble()));
            if (_due[server] > now || !TryTake(server))
                continue;
            _due[server] = now + (check.Every * (0.9 + (0.2 * random.NextDouble())));
            _ = ProbeAsync(server, check, cancel);
        }
    }

    private async Task ProbeAsync(LiveServer server, HealthCheck check, CancellationToken cancel)
    {
        var started = clock.GetTimestamp();
        var trouble = await AskAsync(server.Spec, check, cancel);
        lock (_underWay)
            _underWay.Remove(server);
        if (cancel.IsCancellationRequested)
            return;
        server.NoteProbe(trouble.Length == 0);
        feed.Report(new Probe(
            clock.GetUtcNow(), server.Service, server.Spec.Name, server.Spec.Region, trouble.Length == 0,
            clock.GetElapsedTime(started), trouble));
    }

    /// <summary>Returns what is wrong with the server; empty if nothing.</summary>
    private async Task<string> AskAsync(Server server, HealthCheck check, CancellationToken cancel)
    {
        using var timeout = new CancellationTokenSource(check.Timeout, clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, timeout.Token);
        try
        {
            var url = new Uri(server.Url.GetLeftPart(UriPartial.Path).TrimEnd('/') + check.Path);
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            using var answer = await _connections.SendAsync(request, both.Token);
            return answer.IsSuccessStatusCode
                ? ""
                : string.Create(CultureInfo.InvariantCulture, $"answered {(int)answer.StatusCode}");
        }
        catch (OperationCanceledException)
        {
            return string.Create(CultureInfo.InvariantCulture, $"no answer within {check.Timeout.TotalSeconds:0.###} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return e.InnerException?.Message ?? e.Message;
        }
    }

    private bool TryTake(LiveServer server)
    {
        lock (_underWay)
            return _underWay.Add(server);
    }
}
