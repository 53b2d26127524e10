using Mainstay.Commands;
using Mainstay.Control;
using Mainstay.Control.AiModels;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;
using Mainstay.Control.Storage;
using Mainstay.Routing;

namespace Mainstay.Demo;

/// <summary>
/// The main job on real processes and sockets: a moderation service on eight servers in four regions, traffic through
/// the gateway, a fault in one region at a third of the time, healed at two thirds.
/// </summary>
internal sealed class DemoRun(DemoOptions options, TimeProvider clock, TextWriter output) : IAsyncDisposable
{
    private const int ServersPerRegion = 2;
    private static readonly TimeSpan LongestRecovery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private readonly List<ModelProcess> _servers = [];
    private readonly List<FaultRelay> _relays = [];
    private ControlLoop? _loop;
    private DateTimeOffset? _broken;
    private DateTimeOffset? _healed;

    /// <summary>Runs it all.</summary>
    /// <exception cref="CommandException">Something that it needs is missing; the message says what.</exception>
    public async Task<DemoResult> RunAsync(CancellationToken cancel)
    {
        var arrivals = options.Trace is { } trace
            ? Arrivals.FromTrace(trace, options.Rate)
            : Arrivals.Bursty(options.Rate, new Random(options.Seed));
        Directory.CreateDirectory(options.Folder);
        var texts = ModerationCorpus.Load();
        await StartServersAsync(Train(texts), cancel);

        var config = ReadConfig();
        using var logs = Composition.MakeLogs(LogLevel.Error);
        using var state = StateFolder.Open(config.StateFolder);
        await using var composition = new Composition(clock, options.Seed, logs);
        var routes = new LiveRoutes(clock, options.Seed + 2);
        _loop = composition.BuildControlLoop(config, state, table =>
        {
            routes.Swap(table);
            state.LastGood.Write(table);
        });
        await composition.StartDataPlaneAsync(routes, config.TrafficListen, null, cancel);
        await composition.StartControlPlaneAsync(_loop, state, cancel);
        await output.WriteLineAsync($"dashboard   {config.Control.Listen}");
        await output.WriteLineAsync($"traffic     {options.Rate:0}/s to {config.TrafficListen}moderation/predict, for {options.Duration.TotalSeconds:0} s");

        using var traffic = new Traffic(config.TrafficListen, [.. texts.Select(t => t.Text)], clock, new Random(options.Seed + 1));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var sending = traffic.RunAsync(arrivals, stop.Token);
        await new DemoScreen(options, clock, output).ShowAsync(
            () => new(_loop.Snapshot, traffic.Records, Phase()), DirectAsync(cancel), cancel);
        await stop.CancelAsync();
        await sending;

        var incident = FaultIncident();
        var result = DemoResult.Of(traffic.Records, options.Fault, _broken, _healed, incident);
        WriteRequests(traffic.Records);
        DemoScreen.WriteSummary(output, result, traffic.Records, incident, config.StateFolder);
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var relay in _relays)
            await relay.DisposeAsync();
        foreach (var server in _servers)
            await server.DisposeAsync();
    }

    private string Train(IReadOnlyList<TextExample> texts)
    {
        var started = clock.GetTimestamp();
        var model = TextTrainer.Train(texts, new TrainingOptions { Name = "moderation", Seed = options.Seed });
        var file = Path.Combine(options.Folder, "moderation.model");
        model.Save(file);
        output.WriteLine($"model       {model.Id}, trained on {texts.Count} sentences in {clock.GetElapsedTime(started).TotalSeconds:0.0} s");
        return file;
    }

    private async Task StartServersAsync(string model, CancellationToken cancel)
    {
        var started = clock.GetTimestamp();
        foreach (var region in DemoConfig.Regions)
            for (var i = 0; i < ServersPerRegion; i++)
                _servers.Add(new ModelProcess(["--model", model], region));
        await Task.WhenAll(_servers.Select(s => s.StartAsync(cancel)));
        foreach (var server in Broken())
        {
            var relay = new FaultRelay(server.Url, clock, new Random(options.Seed + 2 + _relays.Count));
            _relays.Add(relay);
            if (options.Fault is FaultKind.Slow or FaultKind.Errors)
                await relay.StartAsync(cancel);
        }
        await output.WriteLineAsync(
            $"servers     {_servers.Count} processes in {string.Join(", ", DemoConfig.Regions)}, up in {clock.GetElapsedTime(started).TotalSeconds:0.0} s");
    }

    private MainstayConfig ReadConfig()
    {
        var relayed = Broken().Zip(_relays).ToDictionary(pair => pair.First, pair => pair.Second.Url ?? pair.First.Url);
        var file = DemoConfig.Write(
            options.Folder, options.Listen, options.Control, _servers.Select(s => (relayed.GetValueOrDefault(s, s.Url), s.Region)));
        output.WriteLine($"config      {file}");
        var result = ConfigReader.ReadFile(file);
        return result.Config ?? throw new CommandException(string.Join(Environment.NewLine, result.Errors));
    }

    /// <summary>Breaks, heals, and waits until the incident is closed.</summary>
    private async Task DirectAsync(CancellationToken cancel)
    {
        var third = options.Duration / 3;
        await Task.Delay(third, clock, cancel);
        if (options.Fault != FaultKind.None)
        {
            _broken = clock.GetUtcNow();
            Break();
        }
        await Task.Delay(third, clock, cancel);
        if (options.Fault != FaultKind.None)
        {
            await HealAsync(cancel);
            _healed = clock.GetUtcNow();
        }
        var end = clock.GetUtcNow() + third;
        await Task.Delay(third, clock, cancel);
        while (clock.GetUtcNow() < end + LongestRecovery && IsOpen())
            await Task.Delay(Look, clock, cancel);
        // The loop's last word on the last requests.
        await Task.Delay(ControlLoop.Period, clock, cancel);
    }

    private void Break()
    {
        foreach (var server in Broken())
        {
            if (options.Fault == FaultKind.Kill)
                server.Kill();
            else if (options.Fault == FaultKind.Freeze)
                server.Freeze();
        }
        foreach (var relay in _relays)
            relay.Fault = options.Fault;
    }

    private async Task HealAsync(CancellationToken cancel)
    {
        foreach (var relay in _relays)
            relay.Fault = FaultKind.None;
        if (options.Fault == FaultKind.Freeze)
            foreach (var server in Broken())
                server.Thaw();
        if (options.Fault == FaultKind.Kill)
            await Task.WhenAll(Broken().Select(s => s.StartAsync(cancel)));
    }

    private IEnumerable<ModelProcess> Broken() => _servers.Where(s => s.Region == DemoConfig.Regions[0]);

    private bool IsOpen() => _loop!.Snapshot.Incidents.Any(i => i.IsOpen);

    /// <summary>The incident that the fault made; without a fault any incident is one too many.</summary>
    private Incident? FaultIncident() =>
        _loop!.Snapshot.Incidents.Where(i => _broken is null || i.Detected >= _broken).MinBy(i => i.Number);

    private string Phase()
    {
        var region = DemoConfig.Regions[0];
        var done = options.Fault switch
        {
            FaultKind.Kill => $"{region} was killed",
            FaultKind.Freeze => $"{region} was frozen",
            FaultKind.Slow => $"{region} was made ten times slower",
            _ => $"{region} was made to answer 30 % errors",
        };
        return options.Fault == FaultKind.None ? "no fault is coming"
            : _healed is { } healed ? $"{done}, and healed {Ago(healed)}"
            : _broken is { } broken ? $"{done} {Ago(broken)}"
            : $"all well; the fault is to come to {region}";

        string Ago(DateTimeOffset at) => FormattableString.Invariant($"{(clock.GetUtcNow() - at).TotalSeconds:0} s ago");
    }

    private void WriteRequests(IEnumerable<RequestRecord> records)
    {
        if (options.Requests is not { } file)
            return;
        File.WriteAllLines(file, records
            .OrderBy(r => r.Arrival)
            .Select(r => FormattableString.Invariant($"{r.Arrival.TotalMilliseconds:0.###},{r.Latency.TotalMilliseconds:0.###},{(r.Failed ? 1 : 0)}"))
            .Prepend("arrival_ms,latency_ms,failed"));
    }
}

/// <summary>What the command line asks of the demo.</summary>
/// <param name="Duration">Of fault-free start, fault and end together.</param>
/// <param name="Rate">Mean requests per second.</param>
/// <param name="Trace">File of arrival times; null: a built-in bursty process.</param>
/// <param name="Folder">Where model, configuration and state go.</param>
/// <param name="Requests">File to write every request's arrival and latency to; null: none.</param>
/// <param name="Live">True: a table that renews itself; false: plain lines.</param>
internal sealed record DemoOptions(
    TimeSpan Duration, double Rate, string? Trace, FaultKind Fault, Uri Listen, Uri Control, string Folder, string? Requests, int Seed, bool Live);
