using System.Collections.Immutable;

namespace Mainstay.Routing;

/// <summary>
/// Which server next: within the lowest rank, the first region that is well; within it, the server with the least
/// outstanding work for its weight. Nothing a person on call could not check by hand.
/// </summary>
/// <param name="seed">Seed of the choice between equals. Safe for any number of threads.</param>
public sealed class Picker(int seed)
{
    private int _ties = seed;

    /// <summary>
    /// Chooses a server, or null when every one has been tried. When no server is well, it chooses among those that are
    /// not: an attempt that may fail is better than an answer that surely does.
    /// </summary>
    /// <param name="service">The service to serve.</param>
    /// <param name="tried">Servers that have failed this request; a second attempt prefers other regions than theirs.</param>
    /// <param name="draw">A number of this request, uniform in [0, 1): which share of a recovering region it belongs to.</param>
    public LiveServer? Pick(LiveService service, ImmutableArray<LiveServer> tried, double draw) =>
        Pick(service, tried, draw, Demand.Well)
        ?? Pick(service, tried, draw, Demand.NotFull)
        ?? Pick(service, tried, draw, Demand.Drained)
        ?? Pick(service, tried, draw, Demand.Any);

    /// <summary>What is asked of a server, from everything to nothing.</summary>
    private enum Demand
    {
        /// <summary>Well, closed, not drained, below its declared capacity.</summary>
        Well,

        /// <summary>The same, but it may be above its declared capacity.</summary>
        NotFull,

        /// <summary>Well and closed, though drained.</summary>
        Drained,

        /// <summary>Any server that this request has not tried.</summary>
        Any,
    }

    private LiveServer? Pick(LiveService service, ImmutableArray<LiveServer> tried, double draw, Demand demand)
    {
        foreach (var rank in service.Ranks)
        {
            // The rank binds harder than the wish for another region: a fallback serves only what its betters cannot.
            var best = tried.IsEmpty ? null : Best(service, rank, tried, draw, demand, elsewhere: true);
            if ((best ?? Best(service, rank, tried, draw, demand, elsewhere: false)) is { } server)
                return server;
        }
        return null;
    }

    private LiveServer? Best(
        LiveService service, ImmutableArray<ImmutableArray<LiveServer>> rank, ImmutableArray<LiveServer> tried, double draw,
        Demand demand, bool elsewhere)
    {
        LiveServer? best = null;
        var ties = 0;
        foreach (var region in rank)
        {
            foreach (var server in region)
            {
                if (IsPassedOver(service, server, tried, draw, demand, elsewhere))
                    continue;
                if (best is null || server.Load < best.Load)
                    (best, ties) = (server, 1);
                else if (server.Load == best.Load && NextTie(++ties))
                    best = server;
            }
            if (best is not null && !service.Spec.ShareRegions)
                return best;
        }
        return best;
    }

    private static bool IsPassedOver(
        LiveService service, LiveServer server, ImmutableArray<LiveServer> tried, double draw, Demand demand, bool elsewhere)
    {
        foreach (var other in tried)
            if (other == server || (elsewhere && other.Spec.Region == server.Spec.Region))
                return true;
        if (demand == Demand.Any)
            return false;
        if (!server.IsWell || !server.Breaker.MayEnter())
            return true;
        if (demand == Demand.Drained)
            return false;
        foreach (var overlay in service.Overlays)
            if (draw >= overlay.Share && overlay.Covers(service.Spec.Name, server.Spec))
                return true;
        return demand == Demand.Well && server.IsFull;
    }

    /// <summary>True with probability 1/n: keeps each of n equals with the same chance. Weyl sequence, then a mix
    /// (splitmix), so that threads share one number without a lock.</summary>
    private bool NextTie(int n)
    {
        var x = (uint)Interlocked.Add(ref _ties, unchecked((int)0x9E3779B9));
        x = (x ^ (x >> 16)) * 0x85EBCA6B;
        x = (x ^ (x >> 13)) * 0xC2B2AE35;
        return (x ^ (x >> 16)) % (uint)n == 0;
    }
}
