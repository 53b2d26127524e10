using System.Collections.Immutable;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Keys;

namespace Mainstay.Routing;

/// <summary>
/// The table in force, and the live state of its servers. A request reads <see cref="Current"/> once and keeps it.
/// Readers never wait; swaps come one at a time, from the one writer of the table.
/// </summary>
/// <param name="seed">Seed of what servers draw by chance, such as how their breakers' holds are spread.</param>
public sealed class LiveRoutes(TimeProvider clock, int seed = 0)
{
    private readonly Random _random = new(seed);
    private readonly Lock _swapping = new();
    private volatile LiveTable _current = new(RouteTable.Empty, []);

    public LiveTable Current => _current;

    /// <summary>What the keys of callers have used.</summary>
    public LiveKeys Keys { get; } = new(clock);

    /// <summary>Puts a table in force for requests that arrive from now on. Servers that stay keep their state.</summary>
    public void Swap(RouteTable table)
    {
        lock (_swapping)
        {
            var before = _current.Services.SelectMany(s => s.Servers).ToDictionary(s => (s.Service, s.Spec.Url, s.Spec.Label));
            var known = before.Keys.Select(k => k.Service).ToHashSet();
            var states = _current.Services.ToDictionary(s => s.Spec.Name, s => s.State);
            var trusts = _current.Services.ToDictionary(s => s.Spec.Name, s => s.Trust);
            var services = table.Services
                .Select(service =>
                {
                    var state = states.GetValueOrDefault(service.Name) ?? new ServiceState(clock);
                    return new LiveService(
                        service,
                        Keep(service, trusts.GetValueOrDefault(service.Name)),
                        [.. service.Servers.Select(server => Keep(service, state, server, before, known.Contains(service.Name)))],
                        state,
                        table,
                        clock);
                })
                .OrderByDescending(s => s.Spec.Host is not null)
                .ThenByDescending(s => s.Spec.PathPrefix.Length)
                .ToImmutableArray();
            var overlaysBefore = _current.Table.Overlays;
            _current = new LiveTable(table, services) { Keys = Keys.Of(table) };
            // A remedy that gives traffic back says that its servers may be well again: no breaker need wait out its hold.
            foreach (var server in services.SelectMany(s => s.Servers))
                if (Share(table.Overlays, server) > Share(overlaysBefore, server))
                    server.Breaker.Hint();
            // A handler ends its idle connections now and the busy ones when their requests are done.
            foreach (var gone in before.Values)
            {
                gone.Connections.Dispose();
                gone.Http2.Dispose();
            }
        }
    }

    private static double Share(ImmutableArray<Overlay> overlays, LiveServer server) =>
        overlays.Where(o => o.Covers(server.Service, server.Spec)).Select(o => o.Share).DefaultIfEmpty(1).Min();

    private static TrustFiles? Keep(Service service, TrustFiles? before) =>
        service.Tls is null ? null : before?.Spec == service.Tls ? before : new TrustFiles(service.Tls);

    private LiveServer Keep(Service service, ServiceState state, Server server, Dictionary<(string Service, Uri, string? Label), LiveServer> before, bool othersServe)
    {
        if (!before.Remove((service.Name, server.Url, server.Label), out var live))
        {
            live = new LiveServer(service.Name, server, clock, new Random(_random.Next()), state.Admission);
            if (othersServe)
                live.StartSlowly();
        }
        var kept = live.As(server);
        kept.Breaker.Policy = service.Breaker;
        kept.SetLimits(service.Limits);
        return kept;
    }
}

/// <summary>One table in force: what it says, and its services in the order in which they are matched.</summary>
public sealed record LiveTable(RouteTable Table, ImmutableArray<LiveService> Services)
{
    internal ImmutableArray<LiveKey> Keys { get; init; } = [];

    /// <summary>The service a request means: exact host before any host, then the longest path prefix; null if none.</summary>
    /// <param name="host">Host header without port.</param>
    /// <param name="path">Path as it was sent.</param>
    public LiveService? Match(ReadOnlySpan<char> host, ReadOnlySpan<char> path)
    {
        foreach (var service in Services)
        {
            if (service.Spec.Host is { } wanted && !host.Equals(wanted, StringComparison.OrdinalIgnoreCase))
                continue;
            var prefix = service.Spec.PathPrefix.AsSpan();
            var onBorder = prefix.EndsWith('/') || path.Length == prefix.Length
                || (path.Length > prefix.Length && path[prefix.Length] is '/' or '?');
            if (path.StartsWith(prefix, StringComparison.Ordinal) && onBorder)
                return service;
        }
        return null;
    }

    /// <summary>The service of a model by the name that callers ask for; null: none has that name.</summary>
    /// <param name="entry">Any of the services that stand behind the same path.</param>
    /// <param name="model">As the caller writes it.</param>
    internal LiveService? ModelOf(LiveService entry, string model)
    {
        LiveService? any = null;
        foreach (var service in Services)
        {
            if (!IsBeside(entry, service))
                continue;
            if (service.Spec.Model == model)
                return service;
            if (service.Spec.Model is null)
                any = service;
        }
        return any;
    }

    /// <summary>The names of the models behind the path of a service, in the order of the table.</summary>
    internal IReadOnlyList<string> ModelsBeside(LiveService entry) =>
        [.. Table.Services.Where(s => s.Model is not null && s.PathPrefix == entry.Spec.PathPrefix && s.Host == entry.Spec.Host).Select(s => s.Model!)];

    private static bool IsBeside(LiveService entry, LiveService service) =>
        service.Spec.Api != ModelApi.Http && service.Spec.PathPrefix == entry.Spec.PathPrefix && service.Spec.Host == entry.Spec.Host;
}
