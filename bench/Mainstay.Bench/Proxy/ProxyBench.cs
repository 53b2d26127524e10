using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Mainstay.Bench.Proxy;

/// <summary>
/// What a request and a streamed token cost through Mainstay, HAProxy and nginx in front of the same servers: CPU of the
/// proxy's processes, added latency, memory. The proxies take turns in paired rounds; the table shows medians.
/// </summary>
internal static class ProxyBench
{
    private const int Connections = 32;
    private const int TokenStreams = 100;
    private const int TokenEveryMs = 20;

    /// <summary>How long each part takes: seconds, and numbers of rounds. Warm-up is a bound, for each proxy.</summary>
    private sealed record Plan(int WarmUp, int Rounds, int Loaded, int Single, int TokenRounds, int Tokens, int Open, int Streams);

    private static readonly Plan Full = new(60, 7, 4, 2, 5, 5, 6, 8000);
    private static readonly Plan Quick = new(5, 2, 1, 1, 1, 2, 1, 2000);

    /// <summary>Warm-up ends when two runs of a second in turn are not cheaper by this share than the cheapest before.</summary>
    private const double Cheaper = 0.05;

    public static Command Build(TimeProvider clock)
    {
        var quick = new Option<bool>("--quick") { Description = "A coarser answer within a minute." };
        var rounds = new Option<int?>("--rounds") { Description = "Rounds of plain requests." };
        var tokens = new Option<bool>("--plain-only") { Description = "Leave the streams out." };
        var command = new Command("proxy", "Cost of a request and of a streamed token, beside HAProxy and nginx.") { quick, rounds, tokens };
        command.SetAction(async (parsed, cancel) =>
        {
            var missing = ((string[])["haproxy", "nginx", "wrk"]).Where(program => Children.Find(program) is null).ToList();
            if (missing.Count > 0)
            {
                await Console.Error.WriteLineAsync($"Missing: {string.Join(", ", missing)}. Install with: apt-get install {string.Join(' ', missing)}");
                return 2;
            }
            var plan = parsed.GetValue(quick) ? Quick : Full;
            return await RunAsync(plan with { Rounds = parsed.GetValue(rounds) ?? plan.Rounds }, !parsed.GetValue(tokens), clock, cancel);
        });
        return command;
    }

    /// <summary>The parts that run as processes of their own, so that each has its own limit of open files.</summary>
    public static Command BuildServer(TimeProvider clock)
    {
        var every = new Argument<int>("milliseconds");
        var command = new Command("token-server", "Part of proxy: streams events.") { every };
        command.Hidden = true;
        command.SetAction(parsed => TokenServer.Run(parsed.GetValue(every), clock));
        return command;
    }

    /// <inheritdoc cref="BuildServer"/>
    public static Command BuildReader(TimeProvider clock)
    {
        var port = new Argument<int>("port");
        var streams = new Argument<int>("streams");
        var command = new Command("token-reader", "Part of proxy: reads events.") { port, streams };
        command.Hidden = true;
        command.SetAction(parsed => new TokenReader(clock).RunAsync(parsed.GetValue(port), parsed.GetValue(streams)));
        return command;
    }

    private static async Task<int> RunAsync(Plan plan, bool withStreams, TimeProvider clock, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-bench-").FullName;
        using var children = new Children();
        // System.CommandLine ends the process a while after Ctrl+C: the children must not outlive it.
        using var ended = cancel.Register(children.Dispose);
        try
        {
            var report = new ProxyReport();
            var plain = Peer.PlainServer(children, folder);
            await plain.ReadyAsync(clock, cancel);
            var tokens = await StartTokensAsync(children, TokenEveryMs, cancel);
            var peers = StartAll(children, folder, plain.Port, tokens);
            foreach (var peer in peers)
                await peer.ReadyAsync(clock, cancel);
            foreach (var peer in peers)
                report.WarmUp(peer.Name, isTokens: false, await WarmAsync(plan.WarmUp, () => PlainCostAsync(children, peer, cancel)));
            for (var round = 0; round < plan.Rounds; round++)
                await PlainRoundAsync(children, plan, [plain, .. peers], round, report, cancel);
            report.Idle(peers);
            if (withStreams)
            {
                foreach (var peer in peers)
                {
                    using var reader = await OpenStreams.StartAsync(children, peer.Port, TokenStreams, cancel);
                    report.WarmUp(peer.Name, isTokens: true, await WarmAsync(plan.WarmUp, async () => (await reader.CostAsync(peer, 1, cancel)).CpuUs));
                }
                for (var round = 0; round < plan.TokenRounds; round++)
                    await TokenRoundAsync(children, plan, peers, tokens, report, cancel);
                await OpenAsync(children, plan, folder, plain.Port, report, clock, cancel);
            }
            report.Print();
            Console.WriteLine(JsonSerializer.Serialize(report.ForPrograms()));
            return 0;
        }
        catch (InvalidOperationException e) when (!cancel.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
        catch (Exception) when (cancel.IsCancellationRequested)
        {
            return 130;
        }
        finally
        {
            children.Dispose();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Peer[] StartAll(Children children, string folder, int plain, int tokens) =>
    [
        Peer.Mainstay(children, folder, plain, tokens),
        Peer.Haproxy(children, folder, plain, tokens),
        Peer.Nginx(children, folder, plain, tokens),
    ];

    private static async Task<int> StartTokensAsync(Children children, int everyMs, CancellationToken cancel)
    {
        var server = children.LaunchSelf("token-server", everyMs.ToString(CultureInfo.InvariantCulture));
        return int.Parse((await server.StandardOutput.ReadLineAsync(cancel))!, CultureInfo.InvariantCulture);
    }

    /// <summary>All of them once, in an order that changes from round to round.</summary>
    private static async Task PlainRoundAsync(
        Children children, Plan plan, Peer[] all, int round, ProxyReport report, CancellationToken cancel)
    {
        for (var i = 0; i < all.Length; i++)
        {
            var peer = all[(i + round) % all.Length];
            var before = peer.CpuSeconds;
            var loaded = await Wrk.RunAsync(children, peer.Url("/"), Connections, plan.Loaded, cancel);
            var cpu = peer.CpuSeconds - before;
            var single = await Wrk.RunAsync(children, peer.Url("/"), 1, plan.Single, cancel);
            report.Plain(peer.Name, cpu * 1e6 / loaded.Requests, loaded, single);
        }
    }

    /// <summary>Runs a proxy until it costs no less from run to run, the same for each: what is compared is one that has run for a while.</summary>
    /// <param name="most">Runs at most.</param>
    /// <param name="cost">One run of a second; gives CPU a piece.</param>
    /// <returns>Runs made.</returns>
    private static async Task<int> WarmAsync(int most, Func<Task<double>> cost)
    {
        var (least, even) = (double.MaxValue, 0);
        for (var run = 1; run <= most; run++)
        {
            var now = await cost();
            even = now > least * (1 - Cheaper) ? even + 1 : 0;
            least = Math.Min(least, now);
            if (even == 2)
                return run;
        }
        return most;
    }

    private static async Task<double> PlainCostAsync(Children children, Peer peer, CancellationToken cancel)
    {
        var before = peer.CpuSeconds;
        var run = await Wrk.RunAsync(children, peer.Url("/"), Connections, seconds: 1, cancel);
        return (peer.CpuSeconds - before) * 1e6 / run.Requests;
    }

    private static async Task TokenRoundAsync(
        Children children, Plan plan, Peer[] peers, int tokens, ProxyReport report, CancellationToken cancel)
    {
        using (var direct = await OpenStreams.StartAsync(children, tokens, TokenStreams, cancel))
            report.Tokens("direct", 0, await direct.ReadAsync(plan.Tokens, cancel));
        foreach (var peer in peers)
        {
            using var reader = await OpenStreams.StartAsync(children, peer.Port, TokenStreams, cancel);
            var (cpu, result) = await reader.CostAsync(peer, plan.Tokens, cancel);
            report.Tokens(peer.Name, cpu, result);
        }
    }

    /// <summary>Memory of each proxy, freshly started, while many streams are open.</summary>
    private static async Task OpenAsync(
        Children children, Plan plan, string folder, int plain, ProxyReport report, TimeProvider clock, CancellationToken cancel)
    {
        var tokens = await StartTokensAsync(children, everyMs: 4000, cancel);
        foreach (var peer in StartAll(children, Directory.CreateDirectory(Path.Combine(folder, "open")).FullName, plain, tokens))
        {
            await peer.ReadyAsync(clock, cancel);
            using var reader = await OpenStreams.StartAsync(children, peer.Port, plan.Streams, cancel);
            await reader.ReadAsync(plan.Open, cancel);
            report.Open(peer.Name, plan.Streams, peer.ResidentMb);
        }
    }
}
