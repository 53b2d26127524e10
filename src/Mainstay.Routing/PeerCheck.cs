namespace Mainstay.Routing;

/// <summary>
/// Finds servers that answer, but far more slowly than their peers (grey failure): every second it compares the median first
/// byte of each with that of its peers, and lets the breaker of one pass it over that was beyond the bound three times in a row.
/// Peers serve the same version at the same rank in the same region, or in any region if all are used alike. One thread.
/// </summary>
internal sealed class PeerCheck(LiveRoutes routes)
{
    /// <summary>Of a server's first bytes, what stays after a second: what is five seconds old counts a third.</summary>
    private const double Keep = 0.82;

    private const double Samples = 20;
    private const double SamplesOfAll = 50;
    private const int Beats = 3;

    /// <summary>Less is no harm, however many times it is the peers'.</summary>
    private static readonly TimeSpan Noticeable = TimeSpan.FromMilliseconds(10);

    private readonly LatencyHistogram _all = new();

    /// <summary>To be called once a second.</summary>
    public void Beat()
    {
        foreach (var service in routes.Current.Services)
        {
            foreach (var server in service.Servers)
                server.FirstBytes.Turn(Keep);
            if (service.Spec.Hedge is { After: null })
                service.State.UsualFirstByte = Usual(service);
            if (service.Spec.Breaker.Slow <= 0 || service.Servers.Length < 2)
                continue;
            foreach (var peers in service.Servers.GroupBy(s => (s.Spec.Rank, s.Spec.Version, Region: service.Spec.ShareRegions ? "" : s.Spec.Region)))
                Compare([.. peers], service.Spec.Breaker);
        }
    }

    /// <summary>What 95 of 100 first bytes took lately, on the servers that serve; null: too few came.</summary>
    private TimeSpan? Usual(LiveService service)
    {
        _all.Sum(service.Servers.Where(s => s.Breaker.Standing == Hold.None).Select(s => s.FirstBytes));
        return _all.Count >= SamplesOfAll ? _all.Quantile(0.95) : null;
    }

    private static void Compare(LiveServer[] servers, BreakerPolicy policy)
    {
        var medians = servers
            .Where(s => s.Breaker.Standing == Hold.None && s.FirstBytes.Count >= Samples)
            .Select(s => (Server: s, Median: s.FirstBytes.Quantile(0.5)))
            .OrderByDescending(s => s.Median)
            .ToList();
        var mayEject = Math.Max(1, (int)(policy.Eject * servers.Length)) - servers.Count(s => s.Breaker.Standing == Hold.Slow);
        foreach (var (server, median) in medians)
        {
            // The slowest come first: one that was ejected is no measure for the others any more.
            var peers = medians.Where(p => p.Server != server && p.Server.Breaker.Standing == Hold.None).ToList();
            if (peers.Count == 0)
                return;
            var bound = Bound(peers[peers.Count / 2].Median, policy);
            server.SlowBeats = median > bound ? server.SlowBeats + 1 : 0;
            if (server.SlowBeats < Beats || mayEject <= 0)
                continue;
            mayEject--;
            server.SlowBeats = 0;
            server.Breaker.Eject(bound);
        }
    }

    private static TimeSpan Bound(TimeSpan peers, BreakerPolicy policy)
    {
        var far = peers * policy.Slow;
        return far > peers + Noticeable ? far : peers + Noticeable;
    }
}
