using System.Collections.Immutable;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Models;

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

    /// <summary>A server in another zone counts as if it took so many times as long.</summary>
    private const double OtherZone = 2;

    private readonly TimeProvider _clock;
    private readonly string? _zone;
    private readonly bool _hasTrials;

    /// <param name="spec">What the table says.</param>
    /// <param name="trust">The files of its TLS; null: it has none.</param>
    /// <param name="servers">Its servers, as they are now.</param>
    /// <param name="state">What outlives the table.</param>
    /// <param name="table">The table that it stands in.</param>
    /// <param name="clock">The clock of its servers.</param>
    internal LiveService(
        Service spec, TrustFiles? trust, ImmutableArray<LiveServer> servers, ServiceState state, RouteTable table, TimeProvider clock)
    {
        (_clock, _zone) = (clock, table.Zone);
        SlowStart = (long)(spec.SlowStart.TotalSeconds * clock.TimestampFrequency);
        Spec = spec;
        Trust = trust;
        Servers = servers;
        State = state;
        Overlays = [.. table.Overlays.Where(o => o.Service is null || o.Service == spec.Name)];
        _hasTrials = Overlays.Any(IsTrial);
        var ranks = servers.Select(s => s.Spec.Rank).Distinct().Order().ToList();
        Orders = [.. servers.Select(server => OrderOf(server.Spec, ranks.IndexOf(server.Spec.Rank)))];
        Candidates = [.. servers.Zip(Orders)
            .Where(c => c.Second != NotAllowed)
            .OrderBy(c => c.Second)
            .Select(c => (c.First, c.Second, IsOtherZone(c.First.Spec) ? OtherZone : 1))];
    }

    public Service Spec { get; }

    public ImmutableArray<LiveServer> Servers { get; }

    public RetryBudget Retries => State.Retries;

    /// <summary>Who waits for a place.</summary>
    internal Admission Admission => State.Admission;

    /// <summary>What outlives the table.</summary>
    internal ServiceState State { get; }

    /// <summary>The files of its TLS; null: it has none.</summary>
    internal TrustFiles? Trust { get; }

    internal ImmutableArray<Overlay> Overlays { get; }

    /// <summary>The servers that may serve, by rank, within a rank by region in order of preference; and how far each is.</summary>
    internal ImmutableArray<(LiveServer Server, int Order, double Distance)> Candidates { get; }

    /// <summary>For each of the servers its order: rank and region as one number, the smaller the better.</summary>
    internal ImmutableArray<int> Orders { get; }

    /// <summary>True while a server that was drained by itself gets a part of its work back.</summary>
    internal bool IsOnTrial(LiveServer server)
    {
        if (_hasTrials)
            foreach (var overlay in Overlays)
                if (IsTrial(overlay) && overlay.Covers(Spec.Name, server.Spec))
                    return true;
        return false;
    }

    /// <summary>True if a server that this request has not tried lacks nothing but a free place.</summary>
    internal bool IsWorthWaiting(ImmutableArray<LiveServer> tried)
    {
        foreach (var (server, _, _) in Candidates)
            if (!server.HasPlace && server.IsWell && server.LockedOut is null && server.Breaker.HoldNow() <= Hold.Slow && !tried.Contains(server))
                return true;
        return false;
    }

    /// <summary>How long the quickest of its servers usually makes wait for the first byte; zero: unknown.</summary>
    internal TimeSpan UsualWait
    {
        get
        {
            var least = TimeSpan.MaxValue;
            foreach (var (server, _, _) in Candidates)
                least = server.UsualWait < least ? server.UsualWait : least;
            return least == TimeSpan.MaxValue ? TimeSpan.Zero : least;
        }
    }

    /// <summary>Panic: true if so few servers are left that those which fail are used again rather than anybody shed.</summary>
    internal bool HasTooFewLeft() => HasTooFewLeft(out _);

    /// <param name="servers">How many are left.</param>
    internal bool HasTooFewLeft(out int servers)
    {
        double all = 0, left = 0;
        servers = 0;
        foreach (var (server, _, _) in Candidates)
        {
            all += server.Spec.Weight;
            if (server.IsWell && !server.Breaker.IsOpen)
                (left, servers) = (left + server.Spec.Weight, servers + 1);
        }
        return left < Spec.Breaker.Panic * all;
    }

    /// <summary>How it stands, for the control plane.</summary>
    internal ServiceReport Report(DateTimeOffset now) => new(
        now, Spec.Name, Admission.Waiting, Admission.ShedLately(Priority.Critical), Admission.ShedLately(Priority.Default),
        Admission.ShedLately(Priority.Sheddable), HasTooFewLeft());

    /// <summary>
    /// To be called every tenth of a second. While every one of several servers is down, no hold is waited out: what fails all at
    /// once has one cause, often beside the servers, and each second after its end would cost all of the traffic. One try
    /// at a time on each, as ever.
    /// </summary>
    internal void HastenIfAllDown()
    {
        if (Candidates.Length < 2)
            return;
        foreach (var (server, _, _) in Candidates)
            if (server.Breaker.Standing != Hold.Down)
                return;
        foreach (var (server, _, _) in Candidates)
            server.Breaker.Hasten();
    }

    /// <summary>Timestamp of the clock of its servers.</summary>
    internal long Now => _clock.GetTimestamp();

    /// <summary>How long a server that comes back gets less work, in units of that clock.</summary>
    internal long SlowStart { get; }

    /// <summary>True if this gateway has a zone, and the server stands in another or in none.</summary>
    internal bool IsOtherZone(Server server) => _zone is not null && server.Zone != _zone;

    internal static int RankOf(int order) => order >> RankShift;

    private static bool IsTrial(Overlay overlay) => overlay is { Server: not null, Share: > 0 and < 1 };

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

    /// <summary>Of a model: how long its answers are.</summary>
    public AnswerLength Answers { get; } = new();

    /// <summary>Second attempts beside slow ones; its share is a share of the requests alone.</summary>
    public RetryBudget Hedges { get; } = new(clock, alwaysPerSecond: 0);

    /// <summary>95 of 100 first bytes came within it lately; null: too few came. Written once a second.</summary>
    public TimeSpan? UsualFirstByte
    {
        get => Interlocked.Read(ref _usualFirstByte) is > 0 and var ticks ? TimeSpan.FromTicks(ticks) : null;
        set => Interlocked.Exchange(ref _usualFirstByte, value?.Ticks ?? 0);
    }
}
