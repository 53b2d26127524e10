using System.Globalization;
using System.Text.Json;
using Mainstay.Bench.Load;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Soak;

/// <summary>Four servers in two regions, Mainstay in front of them, and everything at once.</summary>
internal sealed class SoakRun(string folder, int seed, TimeProvider clock) : IAsyncDisposable
{
    /// <summary>Files that Mainstay may have open beside those before the traffic, such as log and database.</summary>
    public const int FilesToSpare = 16;

    /// <summary>The pool adds threads while the machine is overloaded; it must not go on doing so.</summary>
    public const int MostThreads = 100;

    private const int SigHangUp = 1;
    private const double WarmUpShare = 0.2;
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ReloadEvery = TimeSpan.FromSeconds(5);

    /// <summary>Idle connections to servers are kept for a minute.</summary>
    private static readonly TimeSpan IdleWithin = TimeSpan.FromSeconds(80);
    private readonly List<Backend> _servers = [];
    private readonly int _port = Peer.FreePort();
    private readonly int _controlPort = Peer.FreePort();
    private Peer? _mainstay;
    private int _reloads;

    public async Task StartAsync(CancellationToken cancel)
    {
        for (var i = 0; i < 4; i++)
            _servers.Add(await Backend.StartAsync(new BackendOptions(0, TimeSpan.Zero, 0, 0, KeepSeen: false, Seed: seed + i), cancel));
        _mainstay = await Peer.StartAsync(Peer.Mainstay, folder, _port, Config(0), clock, cancel);
    }

    public async Task<SoakResult> RunAsync(long requests, CancellationToken cancel)
    {
        var process = _mainstay!.Process.Id;
        var (filesBefore, threadsBefore) = (ProcessFacts.OpenFiles(process), ProcessFacts.Threads(process));
        var faults = new SoakFaults(_servers, new Random(seed), clock);
        var traffic = new SoakTraffic(_port, requests, faults, seed, clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var background = Task.WhenAll(faults.RunAsync(stop.Token), ReloadAsync(stop.Token));
        var start = clock.GetTimestamp();
        var sending = traffic.RunAsync(cancel);
        var memory = new MemoryTrend();
        var (threads, files) = (0, 0);
        while (await Task.WhenAny(sending, Task.Delay(Look, clock, cancel)) != sending)
        {
            if (traffic.Sent >= requests * WarmUpShare)
                memory.Add(clock.GetElapsedTime(start), ProcessFacts.Memory(process));
            threads = Math.Max(threads, ProcessFacts.Threads(process));
            files = Math.Max(files, ProcessFacts.OpenFiles(process));
            Show(traffic, faults, process, clock.GetElapsedTime(start));
        }
        await sending;
        var seconds = clock.GetElapsedTime(start).TotalSeconds;
        await stop.CancelAsync();
        await background;
        await IdleAsync(filesBefore, cancel);
        return new SoakResult
        {
            Requests = traffic.Sent,
            Seconds = Math.Round(seconds, 1),
            Right = traffic.Right,
            Left = traffic.Left,
            Refused = traffic.Refused,
            Cut = traffic.Cut,
            Failed = traffic.Troubles.Values.Sum(),
            Faults = faults.Count,
            Reloads = _reloads,
            RssGrowth = double.IsNaN(memory.Growth) ? 0 : Math.Round(memory.Growth, 3),
            RssMb = Math.Round(memory.Last, 1),
            RssMbPerMinute = Math.Round(memory.SlopePerMinute, 2),
            ThreadsBefore = threadsBefore,
            ThreadsMost = threads,
            FilesBefore = filesBefore,
            FilesMost = files,
            FilesAfter = ProcessFacts.OpenFiles(process),
            OutstandingAfter = await OutstandingAsync(cancel),
            Troubles = traffic.Troubles,
        };
    }

    public async ValueTask DisposeAsync()
    {
        if (_mainstay is not null)
            await _mainstay.DisposeAsync();
        foreach (var server in _servers)
            await server.DisposeAsync();
    }

    /// <summary>Changes the configuration over and over: weights change, and one server comes and goes.</summary>
    private async Task ReloadAsync(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            await Task.Delay(ReloadEvery, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await File.WriteAllTextAsync(Path.Combine(folder, "mainstay.yaml.new"), Config(++_reloads), CancellationToken.None);
            File.Move(Path.Combine(folder, "mainstay.yaml.new"), Path.Combine(folder, "mainstay.yaml"), overwrite: true);
            _mainstay!.Process.Signal(SigHangUp);
        }
    }

    /// <summary>Waits until nothing is under way and idle connections have been closed, if that comes to pass.</summary>
    private async Task IdleAsync(int filesBefore, CancellationToken cancel)
    {
        for (var start = clock.GetTimestamp(); clock.GetElapsedTime(start) < IdleWithin; await Task.Delay(Look, clock, cancel))
            if (ProcessFacts.OpenFiles(_mainstay!.Process.Id) <= filesBefore + FilesToSpare && await OutstandingAsync(cancel) == 0)
                return;
    }

    private async Task<int> OutstandingAsync(CancellationToken cancel)
    {
        using var http = new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_controlPort}")) };
        using var status = JsonDocument.Parse(await http.GetStringAsync("/api/status?history=none", cancel));
        return Outstanding(status.RootElement).Sum();
    }

    /// <summary>Every number of that name, wherever it stands.</summary>
    private static IEnumerable<int> Outstanding(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => p.NameEquals("outstanding") ? [Math.Abs(p.Value.GetInt32())] : Outstanding(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Outstanding),
        _ => [],
    };

    private void Show(SoakTraffic traffic, SoakFaults faults, int process, TimeSpan at)
    {
        if ((int)at.TotalSeconds % 10 == 0)
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{at.TotalSeconds,5:0} s {traffic.Sent,9} requests, {traffic.Troubles.Values.Sum()} failed, {faults.Count} faults, {_reloads} reloads, {ProcessFacts.Memory(process) >> 20} MiB, {ProcessFacts.OpenFiles(process)} files, {ProcessFacts.Threads(process)} threads"));
    }

    private string Config(int version)
    {
        var servers = string.Join('\n', _servers.Take(version % 3 == 2 ? 3 : 4).Select((server, i) => string.Create(
            CultureInfo.InvariantCulture,
            $"      - {{ url: \"http://127.0.0.1:{server.Port}\", region: {(i % 2 == 0 ? "a" : "b")}, weight: {1 + ((version + i) % 2)} }}")));
        return string.Create(CultureInfo.InvariantCulture, $$"""
            version: 1
            traffic: { listen: "http://127.0.0.1:{{_port}}" }
            control: { listen: "http://127.0.0.1:{{_controlPort}}" }
            services:
              - name: bench
                servers:
            {{servers}}
                regions: share
                health: { path: /health, every: 200ms, timeout: 200ms }
                timeouts: { connect: 500ms, first_byte: 1s }
                retry: { attempts: 4, replay: safe }

            """);
    }
}
