using System.Collections.Immutable;

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

    internal LiveService(Service spec, ImmutableArray<LiveServer> servers, ServiceState state, ImmutableArray<Overlay> overlays)
    {
        Spec = spec;
        Servers = servers;
        State = state;
        Overlays = [.. overlays.Where(o => o.Service is null || o.Service == spec.Name)];
        var ranks = servers.Select(s => s.Spec.Rank).Distinct().Order().ToList();
        Orders = [.. servers.Select(server => OrderOf(server.Spec, ranks.IndexOf(server.Spec.Rank)))];
        Candidates = [.. servers.Zip(Orders).Where(c => c.Second != NotAllowed).OrderBy(c => c.Second)];
    }

    public Service Spec { get; }

    public ImmutableArray<LiveServer> Servers { get; }

    public RetryBudget Retries => State.Retries;

    /// <summary>Who waits for a place.</summary>
    internal Admission Admission => State.Admission;

    /// <summary>What outlives the table.</summary>
    internal ServiceState State { get; }

    internal ImmutableArray<Overlay> Overlays { get; }

    /// <summary>The servers that may serve, by rank, within a rank by region in order of preference.</summary>
    internal ImmutableArray<(LiveServer Server, int Order)> Candidates { get; }

    /// <summary>For each of the servers its order: rank and region as one number, the smaller the better.</summary>
    internal ImmutableArray<int> Orders { get; }

    /// <summary>True if a server that this request has not tried lacks nothing but a free place.</summary>
    internal bool IsWorthWaiting(ImmutableArray<LiveServer> tried)
    {
        foreach (var (server, _) in Candidates)
            if (!server.HasPlace && server.IsWell && server.Breaker.HoldNow() <= Hold.Slow && !tried.Contains(server))
                return true;
        return false;
    }

    /// <summary>How long the quickest of its servers usually makes wait for the first byte; zero: unknown.</summary>
    internal TimeSpan UsualWait
    {
        get
        {
            var least = TimeSpan.MaxValue;
            foreach (var (server, _) in Candidates)
                least = server.UsualWait < least ? server.UsualWait : least;
            return least == TimeSpan.MaxValue ? TimeSpan.Zero : least;
        }
    }

    /// <summary>Panic: true if so few servers are left that those which fail are used again rather than anybody shed.</summary>
    internal bool HasTooFewLeft()
    {
        double all = 0, left = 0;
        foreach (var (server, _) in Candidates)
        {
            all += server.Spec.Weight;
            if (server.IsWell && !server.Breaker.IsOpen)
                left += server.Spec.Weight;
        }
        return left < Spec.Breaker.Panic * all;
    }

    internal static int RankOf(int order) => order >> RankShift;

    private int OrderOf(Server server, int rank)
    {
        var region = Spec.Regions.IndexOf(server.Region);
        var allowed = region >= 0 && (Spec.AllowedRegions.IsDefaultOrEmpty || Spec.AllowedRegions.Contains(server.Region));
        return allowed ? (rank << RankShift) | (Spec.ShareRegions ? 0 : region) : NotAllowed;
    }
}

/// <summary>What is known of a service through any number of tables.</summary>
internal sealed class ServiceState(TimeProvider clock)
{
    private long _usualFirstByte;

    public RetryBudget Retries { get; } = new(clock);

    public Admission Admission { get; } = new(clock);

    /// <summary>Second attempts beside slow ones; its share is a share of the requests alone.</summary>
    public RetryBudget Hedges { get; } = new(clock, alwaysPerSecond: 0);

    /// <summary>95 of 100 first bytes came within it lately; null: too few came. Written once a second.</summary>
    public TimeSpan? UsualFirstByte
    {
        get => Interlocked.Read(ref _usualFirstByte) is > 0 and var ticks ? TimeSpan.FromTicks(ticks) : null;
        set => Interlocked.Exchange(ref _usualFirstByte, value?.Ticks ?? 0);
    }
}
