using System.Globalization;
using Mainstay.Bench.Load;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Failover;

/// <summary>Servers, and the three gateways in front of them: one request schedule through one gateway at a time.</summary>
internal sealed class FailoverRun(FailoverShape shape, TimeProvider clock) : IAsyncDisposable
{
    private const int AnswerLength = 1000;
    private const int BodyLength = 500;
    private const int WarmUp = 4000;
    private static readonly TimeSpan Work = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan CallerWaits = TimeSpan.FromSeconds(5);
    private readonly List<Backend> _servers = [];
    private readonly List<Peer> _peers = [];

    private IEnumerable<Backend> Hit => _servers.Take(shape.ServersHit);

    /// <summary>Starts the servers and the gateways that are wanted.</summary>
    public async Task StartAsync(IEnumerable<string> peers, string folder, CancellationToken cancel)
    {
        for (var i = 0; i < shape.Regions.Count; i++)
            _servers.Add(await Backend.StartAsync(new BackendOptions(0, Work, 0, 0, KeepSeen: false, Seed: i + 1), cancel));
        var ports = _servers.Select((server, i) => (server.Port, shape.Regions[i])).ToList();
        foreach (var name in peers)
        {
            var port = Peer.FreePort();
            _peers.Add(await Peer.StartAsync(
                name, Path.Combine(folder, shape.Name + name), port, FailoverConfigs.Of(name, port, ports), clock, cancel));
        }
        // As programs that have run for a while: code compiled, connections open.
        await Task.WhenAll(_peers.Select(async peer =>
        {
            using var client = new LoadClient(peer.Port, CallerWaits);
            await OpenLoop.RunAsync(WarmUp, shape.Rate, number => AskAsync(client, number), clock, cancel);
        }));
    }

    /// <summary>Traffic through one gateway, with the fault from a quarter to three quarters of it.</summary>
    public async Task<FailoverResult> RunAsync(string peer, FailoverFault fault, CancellationToken cancel)
    {
        var gateway = _peers.Single(p => p.Name == peer);
        using var client = new LoadClient(gateway.Port, CallerWaits);
        await OpenLoop.RunAsync(shape.Rate / 4, shape.Rate, number => AskAsync(client, number), clock, cancel);
        var cpu = gateway.Process.Cpu;
        var length = TimeSpan.FromSeconds((double)shape.Requests / shape.Rate);
        var sending = OpenLoop.RunAsync(shape.Requests, shape.Rate, number => AskAsync(client, number), clock, cancel);
        await Task.Delay(length / 4, clock, cancel);
        await BreakAsync(fault, length / 2, cancel);
        var asked = await sending;
        cpu = gateway.Process.Cpu - cpu;
        await Task.Delay(shape.Settle, clock, cancel);
        var latencies = asked.Select(a => a.Latency.TotalMilliseconds).ToList();
        return new FailoverResult(
            asked.Count(a => a.Trouble is not null), Numbers.Quantile(latencies, 0.99), latencies.Max(), cpu.TotalMicroseconds / shape.Requests,
            [.. asked.Where(a => a.Trouble is not null).CountBy(a => a.Trouble!).OrderByDescending(t => t.Value)
                .Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Value} × {t.Key}"))]);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var peer in _peers)
            await peer.DisposeAsync();
        foreach (var server in _servers)
            await server.DisposeAsync();
    }

    /// <summary>GET and POST in turn.</summary>
    private static Task<string?> AskAsync(LoadClient client, int number)
    {
        var body = number % 2 == 0 ? [] : new byte[BodyLength];
        new Random(number).NextBytes(body);
        var checksum = Content.Checksum(body);
        return client.AskAsync(
            Content.Request(number, AnswerLength, body), answer => Content.IsRight(answer.Span, number, checksum, AnswerLength));
    }

    private async Task BreakAsync(FailoverFault fault, TimeSpan length, CancellationToken cancel)
    {
        var end = clock.GetUtcNow() + length;
        switch (fault)
        {
            case FailoverFault.Kill:
                await Task.WhenAll(Hit.Select(server => server.KillAsync()));
                break;
            case FailoverFault.Freeze:
                foreach (var server in Hit)
                    server.Freeze();
                break;
            case FailoverFault.Flapping:
                await FlapAsync(end, cancel);
                break;
            default:
                await TellAsync(Enum.Parse<ServerFault>(fault.ToString()), cancel);
                break;
        }
        if (end - clock.GetUtcNow() is var left && left > TimeSpan.Zero)
            await Task.Delay(left, clock, cancel);
        if (fault == FailoverFault.Kill)
            await Task.WhenAll(Hit.Select(server => server.RestartAsync(cancel)));
        foreach (var server in Hit)
            server.Thaw();
        await TellAsync(ServerFault.None, cancel);
    }

    private async Task FlapAsync(DateTimeOffset end, CancellationToken cancel)
    {
        for (var isDown = true; clock.GetUtcNow() < end - (shape.Flap / 2); isDown = !isDown)
        {
            await TellAsync(isDown ? ServerFault.Down : ServerFault.None, cancel);
            await Task.Delay(shape.Flap, clock, cancel);
        }
    }

    private Task TellAsync(ServerFault fault, CancellationToken cancel) => Task.WhenAll(Hit.Select(server => server.BreakAsync(fault, cancel)));
}

/// <summary>How a run looks.</summary>
/// <param name="Name">Before the fault's name in the results; empty or with its separator.</param>
/// <param name="Regions">The region of each server.</param>
/// <param name="ServersHit">How many of them, from the first, the fault hits.</param>
/// <param name="Rate">Requests a second.</param>
/// <param name="Flap">Time down and time up of a flapping server.</param>
/// <param name="Settle">Pause after each run.</param>
internal sealed record FailoverShape(
    string Name, IReadOnlyList<string> Regions, int ServersHit, int Requests, int Rate, TimeSpan Flap, TimeSpan Settle);

/// <param name="Failed">Requests without their right answer.</param>
/// <param name="CpuMicroseconds">Processor time of the gateway a request, to the next 10 ms of the whole run.</param>
/// <param name="Troubles">Why, the most frequent first.</param>
internal sealed record FailoverResult(int Failed, double P99Ms, double MaxMs, double CpuMicroseconds, IReadOnlyList<string> Troubles);
