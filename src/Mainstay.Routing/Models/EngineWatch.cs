using Mainstay.Routing.Certificates;

namespace Mainstay.Routing.Models;

/// <summary>
/// Reads the metrics of engines about once a second, beside the traffic, so that work which other gateways send there counts as load as well.
/// What cannot be read counts for nothing after a few seconds. One thread at a time calls <see cref="Beat"/>.
/// </summary>
internal sealed class EngineWatch(ServerProbe probe, TimeProvider clock, Random random)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private readonly Dictionary<LiveServer, DateTimeOffset> _due = [];
    private readonly Dictionary<LiveServer, Task> _underWay = [];

    /// <summary>Ends when those that were asked have answered.</summary>
    internal Task UnderWay => Task.WhenAll(_underWay.Values);

    /// <summary>Asks those whose turn it is, and does not wait for them.</summary>
    /// <returns>What connections to them are opened with.</returns>
    public IEnumerable<ServerTrust> Beat(IEnumerable<LiveService> services, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var present = services.SelectMany(service => service.Servers.Where(s => s.Spec.Ai?.Metrics is not null).Select(s => (s, service))).ToDictionary();
        foreach (var gone in _due.Keys.Where(server => !present.ContainsKey(server)).ToList())
        {
            _due.Remove(gone);
            _underWay.Remove(gone);
        }
        foreach (var (server, service) in present)
        {
            if (!_due.TryGetValue(server, out var due))
                due = now;
            if (due > now || (_underWay.TryGetValue(server, out var asked) && !asked.IsCompleted))
                continue;
            _due[server] = now + (Every * (0.9 + (0.2 * random.NextDouble())));
            _underWay[server] = AskAsync(server, service, cancel);
        }
        return present.Values.Select(Prober.TrustOf);
    }

    /// <summary>Where the metrics of a server stand: a path on its host, or a URL of their own.</summary>
    internal static Uri UrlOf(Server server) => new(server.Url, server.Ai!.Metrics!);

    /// <summary>Asks one, and takes over what it says.</summary>
    internal async Task AskAsync(LiveServer server, LiveService service, CancellationToken cancel)
    {
        // What begins or ends meanwhile must not count as somebody else's: the greater number is taken off.
        var (began, own) = (clock.GetTimestamp(), server.Outstanding);
        var (text, trouble) = await probe.ReadTextAsync(Prober.TrustOf(service), server.Spec with { Url = UrlOf(server.Spec) }, cancel);
        if (trouble.Length == 0 && EngineSample.Read(text) is { } said)
        {
            var others = Math.Max(0, said.Running + said.Waiting - Math.Max(own, server.Outstanding));
            server.NoteEngine(new EngineLoad(began, said, others, others * service.State.Answers.Expected(most: null)), null);
        }
        else
        {
            server.NoteEngine(null, trouble.Length > 0 ? trouble : "they name no engine that is known: vLLM, SGLang or TGI");
        }
    }
}
