using System.Collections.Immutable;
using Mainstay.Routing.Certificates;

namespace Mainstay.Routing;

/// <summary>A service in force: its description, its servers in the order of preference, and the overlays that touch it.</summary>
public sealed class LiveService
{
    /// <summary>In an order, what lies below the rank: the region's place, and whether it has failed this request.</summary>
    private const int RankShift = 16;

    /// <summary>Set in an order: the region has failed this request.</summary>
    internal const int RegionTried = 1 << (RankShift - 1);

    /// <summary>Bits of an order.</summary>
    internal const int OrderBits = 24;

    /// <summary>The order of a server that must never serve.</summary>
    internal const int NotAllowed = int.MaxValue;

    internal LiveService(Service spec, TrustFiles? trust, ImmutableArray<LiveServer> servers, RetryBudget retries, ImmutableArray<Overlay> overlays)
    {
        Spec = spec;
        Trust = trust;
        Servers = servers;
        Retries = retries;
        Overlays = [.. overlays.Where(o => o.Service is null || o.Service == spec.Name)];
        var ranks = servers.Select(s => s.Spec.Rank).Distinct().Order().ToList();
        Orders = [.. servers.Select(server => OrderOf(server.Spec, ranks.IndexOf(server.Spec.Rank)))];
        Candidates = [.. servers.Zip(Orders).Where(c => c.Second != NotAllowed).OrderBy(c => c.Second)];
    }

    public Service Spec { get; }

    public ImmutableArray<LiveServer> Servers { get; }

    public RetryBudget Retries { get; }

    /// <summary>The files of its TLS; null: it has none.</summary>
    internal TrustFiles? Trust { get; }

    internal ImmutableArray<Overlay> Overlays { get; }

    /// <summary>The servers that may serve, by rank, within a rank by region in order of preference.</summary>
    internal ImmutableArray<(LiveServer Server, int Order)> Candidates { get; }

    /// <summary>For each of the servers its order: rank and region as one number, the smaller the better.</summary>
    internal ImmutableArray<int> Orders { get; }

    internal static int RankOf(int order) => order >> RankShift;

    private int OrderOf(Server server, int rank)
    {
        var region = Spec.Regions.IndexOf(server.Region);
        var allowed = region >= 0 && (Spec.AllowedRegions.IsDefaultOrEmpty || Spec.AllowedRegions.Contains(server.Region));
        return allowed ? (rank << RankShift) | (Spec.ShareRegions ? 0 : region) : NotAllowed;
    }
}
