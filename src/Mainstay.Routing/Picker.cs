using System.Collections.Immutable;

namespace Mainstay.Routing;

/// <summary>
/// Which server next. Of those that this request has not tried and that are allowed, the first by this order: what speaks
/// against it (nothing, full, resting, slow, drained, not well); its rank; whether its region has failed this request; its region's place;
/// its outstanding work for its weight, times how long it takes lately, within a bound of which the beginning of a prompt decides; chance. Nothing a person on call could not check by hand.
/// </summary>
/// <param name="seed">Seed of the choice between equals. Safe for any number of threads.</param>
public sealed class Picker(int seed)
{
    /// <summary>How many times slower than the quickest a server is thought at most.</summary>
    private const double MostSlower = 8;

    private const int OnStack = 64;

    private int _ties = seed;

    /// <summary>
    /// Chooses a server, or null when every one has been tried or is down. When no server is well, it chooses among those
    /// that are not: an attempt that may fail is better than an answer that surely does.
    /// </summary>
    /// <param name="service">The service to serve.</param>
    /// <param name="tried">Servers that have failed this request; a second attempt prefers other regions than theirs.</param>
    /// <param name="draw">A number of this request, uniform in [0, 1): which share of a recovering region it belongs to.</param>
    /// <param name="unfit">Servers that cannot serve this request, whatever their state.</param>
    public LiveServer? Pick(LiveService service, ImmutableArray<LiveServer> tried, double draw, ImmutableArray<LiveServer> unfit = default) =>
        Pick(service, tried, draw, unfit, default);

    /// <param name="affinity">What the request has in common with others; default: nothing.</param>
    internal LiveServer? Pick(LiveService service, ImmutableArray<LiveServer> tried, double draw, ImmutableArray<LiveServer> unfit, Affinity affinity)
    {
        var candidates = service.Candidates;
        Span<int> first = candidates.Length <= OnStack ? stackalloc int[OnStack] : new int[candidates.Length];
        var count = 0;
        var bestPlace = int.MaxValue;
        for (var i = 0; i < candidates.Length; i++)
        {
            var (server, order) = (candidates[i].Server, candidates[i].Order);
            // They come in order: none that follows is better than a server that has nothing against it.
            if (order > bestPlace && tried.IsEmpty)
                break;
            if (!unfit.IsDefaultOrEmpty && unfit.Contains(server))
                continue;
            var place = order;
            if (!tried.IsEmpty && !TryPlace(server, tried, ref place))
                continue;
            var against = Against(service, server, draw);
            if (against >= PassedOver.Down)
                continue;
            place += Level(against) << LiveService.OrderBits;
            if (place > bestPlace)
                continue;
            if (place < bestPlace)
                (bestPlace, count) = (place, 0);
            first[count++] = i;
        }
        // Rather wait for a place on a server that is well than burden one that fails; unless too few are left (panic).
        if (count > 0 && bestPlace >> LiveService.OrderBits >= (int)PassedOver.BreakerOpen && service.IsWorthWaiting(unfit.IsDefaultOrEmpty ? tried : tried.AddRange(unfit)) && !service.HasTooFewLeft())
            return null;
        return count switch
        {
            0 => null,
            1 => candidates[first[0]].Server,
            _ => Soonest(service, first[..count], affinity),
        };
    }

    /// <summary>Of several at the same place the one that would be done first: work under way for its weight, times how long
    /// it takes lately. As Peak EWMA (Finagle), over all servers and not two of them, with the silence of a server counted.</summary>
    private LiveServer? Soonest(LiveService service, ReadOnlySpan<int> among, Affinity affinity)
    {
        var quickest = double.MaxValue;
        foreach (var i in among)
        {
            // What is on trial must show how quick it is now: what is known is of before it was drained. Work alone decides.
            if (service.IsOnTrial(service.Candidates[i].Server))
            {
                quickest = double.MaxValue;
                break;
            }
            if (service.Candidates[i].Server.Pace.Lately is var lately and > 0 && lately < quickest)
                quickest = lately;
        }
        var now = service.Now;
        LiveServer? best = null;
        var bestTime = 0.0;
        var ties = 0;
        foreach (var i in among)
        {
            var server = service.Candidates[i].Server;
            var time = (1 + server.Load(now, service.SlowStart)) * Slowness(service, i, now, quickest);
            if (best is null || time < bestTime)
                (best, bestTime, ties) = (server, time, 1);
            else if (time == bestTime && NextTie(++ties))
                best = server;
        }
        return affinity.Prefix == 0 ? best : Preferred(service, among, affinity, now, quickest, bestTime) ?? best;
    }

    /// <summary>How many times as long work takes on a server: by its distance and, unless all are alike, by its pace.</summary>
    private static double Slowness(LiveService service, int i, long now, double quickest)
    {
        var (server, _, distance) = service.Candidates[i];
        // Without any answer so far, or on trial, all are alike.
        return quickest < double.MaxValue ? distance * server.Pace.At(now, unknown: quickest, most: quickest * MostSlower) : distance;
    }

    /// <summary>Of those that would be done nearly as soon as the soonest, the one that requests which begin alike go to. It gives way to load: it
    /// has never more than a quarter more to do than the least loaded, and one request.</summary>
    private static LiveServer? Preferred(LiveService service, ReadOnlySpan<int> among, Affinity affinity, long now, double quickest, double soonest)
    {
        LiveServer? preferred = null;
        foreach (var i in among)
        {
            var server = service.Candidates[i].Server;
            var slowness = Slowness(service, i, now, quickest);
            var time = (1 + server.Load(now, service.SlowStart)) * slowness;
            if (time <= (Affinity.Bound * soonest) + (affinity.Work / server.Spec.Weight * slowness)
                && (preferred is null || affinity.Rendezvous(server.NameHash) > affinity.Rendezvous(preferred.NameHash)))
                preferred = server;
        }
        return preferred;
    }

    /// <summary>
    /// Says of every server why it does not serve a request, as things stand now: a choice and its explanation agree
    /// if nothing changed between. Costs about as much as a choice, and allocates nothing.
    /// </summary>
    /// <param name="service">As for the choice.</param>
    /// <param name="tried">As for the choice.</param>
    /// <param name="draw">As for the choice.</param>
    /// <param name="chosen">What was chosen; null: none.</param>
    /// <param name="why">Receives one reason for each of the service's servers, in their order; as long as they are many.</param>
    /// <param name="unfit">As for the choice.</param>
    /// <param name="isAlike">True if the beginning of its prompt had a say.</param>
    public static void Explain(
        LiveService service, ImmutableArray<LiveServer> tried, double draw, LiveServer? chosen, Span<PassedOver> why,
        ImmutableArray<LiveServer> unfit = default, bool isAlike = false)
    {
        var orders = service.Orders;
        var chosenAt = chosen is null ? -1 : service.Servers.IndexOf(chosen);
        var chosenPlace = chosenAt < 0 ? 0 : orders[chosenAt];
        var chosenLevel = chosen is null ? 0 : Level(Against(service, chosen, draw));
        var now = service.Now;
        var chosenLoad = chosen?.Load(now, service.SlowStart) ?? 0;
        if (chosen is not null)
            TryPlace(chosen, tried, ref chosenPlace);
        for (var i = 0; i < service.Servers.Length; i++)
        {
            var server = service.Servers[i];
            var place = orders[i];
            why[i] = i == chosenAt ? PassedOver.No
                : place == LiveService.NotAllowed ? PassedOver.NotAllowed
                : !unfit.IsDefaultOrEmpty && unfit.Contains(server) ? PassedOver.Unfit
                : !TryPlace(server, tried, ref place) ? PassedOver.Tried
                : Against(service, server, draw) is var against && Level(against) > chosenLevel ? against
                : place > chosenPlace ? Behind(place, chosenPlace)
                : service.IsOtherZone(server.Spec) && !service.IsOtherZone(chosen!.Spec) ? PassedOver.Zone
                : server.Load(now, service.SlowStart) > chosenLoad ? PassedOver.Busier
                : isAlike ? PassedOver.Prefix
                : server.Pace.Lately > chosen!.Pace.Lately ? PassedOver.Slower
                : PassedOver.Chance;
        }
    }

    /// <summary>What speaks against a server, the worst first.</summary>
    internal static PassedOver Against(LiveService service, LiveServer server, double draw)
    {
        var hold = server.Breaker.HoldNow();
        if (hold == Hold.Down)
            return PassedOver.Down;
        if (server.LockedOut is not null)
            return PassedOver.LockedOut;
        if (!server.HasPlace)
            return PassedOver.NoPlace;
        if (!server.IsWell)
            return PassedOver.Unwell;
        if (hold == Hold.Open)
            return PassedOver.BreakerOpen;
        foreach (var overlay in service.Overlays)
            if (draw >= overlay.Share && overlay.Covers(service.Spec.Name, server.Spec))
                return PassedOver.Drained;
        return hold == Hold.Slow ? PassedOver.Slow
            : server.Breaker.IsResting ? PassedOver.Resting
            : server.IsFull ? PassedOver.Full
            : PassedOver.No;
    }

    /// <summary>An open breaker and failing probes weigh alike: either says that an attempt would fail.</summary>
    private static int Level(PassedOver against) => against == PassedOver.Unwell ? (int)PassedOver.BreakerOpen : (int)against;

    /// <summary>Moves the place of a server behind those whose region has not failed this request; false if it has been
    /// tried itself. The rank binds harder: a fallback serves only what its betters cannot.</summary>
    private static bool TryPlace(LiveServer server, ImmutableArray<LiveServer> tried, ref int place)
    {
        var order = place;
        foreach (var other in tried)
        {
            if (other == server)
                return false;
            if (other.Spec.Region == server.Spec.Region)
                place = order | LiveService.RegionTried;
        }
        return true;
    }

    private static PassedOver Behind(int place, int chosen) =>
        LiveService.RankOf(place) > LiveService.RankOf(chosen) ? PassedOver.Rank
        : (place & LiveService.RegionTried) > (chosen & LiveService.RegionTried) ? PassedOver.RegionTried
        : PassedOver.Region;

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
