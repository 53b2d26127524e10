using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;
using Mainstay.Control.Storage;
using Mainstay.Routing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Tests.Simulation;

/// <summary>
/// A whole Mainstay in one thread and on one clock: the real control loop, routes, picker, breakers and retry budget, and
/// in place of sockets servers that answer as a seed wants it: bursts of traffic, pauses as of a garbage collector, single
/// errors, late ticks, and any fault. A second costs a millisecond.
/// </summary>
internal sealed class World : IDisposable
{
    private readonly PriorityQueue<Action, (DateTimeOffset At, long Order)> _events = new();
    private readonly double _rate;
    private readonly Random _random;
    private readonly Picker _picker;
    private readonly OutcomeFeed _feed = new();
    private readonly Dictionary<(string, string), SimulatedServer> _servers = [];
    private readonly string _folder;
    private long _order;
    private DateTimeOffset _burstEnds;

    /// <param name="seed">Of all that is left to chance.</param>
    /// <param name="config">What to run; one service in four regions of two servers each if not given.</param>
    /// <param name="rate">Requests a second to each service.</param>
    public World(int seed, MainstayConfig? config = null, double rate = 100)
    {
        _rate = rate;
        _random = new Random(seed);
        _picker = new Picker(seed);
        Config = config ?? Scene.Configure(RemedyMode.Act, Service("chat"));
        // Memory, where there is such a folder: thousands of ticks wait for the disk.
        _folder = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"mainstay-world-{Environment.ProcessId}-{Interlocked.Increment(ref _worlds)}");
        State = StateFolder.Open(_folder);
        Routes = new LiveRoutes(Clock);
        Loop = MakeLoop();
        After(Exponential(1 / rate), Arrive);
        Tick(TimeSpan.FromSeconds(1));
    }

    private static int _worlds;

    public ManualTime Clock { get; } = new();

    public DateTimeOffset Now => Clock.GetUtcNow();

    /// <summary>What the data plane would report.</summary>
    public OutcomeFeed Feed => _feed;

    public MainstayConfig Config { get; }

    public LiveRoutes Routes { get; }

    public StateFolder State { get; }

    public ControlLoop Loop { get; private set; }

    /// <summary>Of the loop that runs.</summary>
    public Alerting? Alerting { get; private set; }

    /// <summary>Every table that was put in force, oldest first.</summary>
    public List<RouteTable> Published { get; } = [];

    /// <summary>Requests whose caller got no good answer.</summary>
    public int Failed { get; private set; }

    public int Requests { get; private set; }

    /// <summary>Runs after each tick.</summary>
    public Action? Ticked { get; set; }

    /// <summary>True: now and then the machine is busy with something else, and a tick comes late.</summary>
    public bool IsBusy { get; init; }

    /// <summary>False: nobody ticks, as if the control plane had died.</summary>
    public bool Alive { get; set; } = true;

    public static Service Service(string name, params string[] regions) => Scene.Service(name, 400, regions is [] ? ["a", "b", "c", "d"] : regions) with
    {
        Health = new HealthCheck { Path = "/health", Every = TimeSpan.FromSeconds(1), Timeout = TimeSpan.FromMilliseconds(500) },
        Timeouts = new Timeouts { FirstByte = TimeSpan.FromSeconds(1) },
    };

    public void Dispose()
    {
        State.Dispose();
        Alerting?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    public void Run(double seconds)
    {
        var end = Now.AddSeconds(seconds);
        while (_events.TryPeek(out _, out var next) && next.At <= end)
        {
            Clock.Advance(next.At - Now);
            _events.Dequeue()();
        }
        Clock.Advance(end - Now);
    }

    /// <summary>Runs until something is so, or some seconds have passed; tells whether it is so.</summary>
    public bool RunUntil(Func<bool> isSo, double seconds)
    {
        for (var end = Now.AddSeconds(seconds); !isSo();)
        {
            if (Now >= end)
                return false;
            Run(0.1);
        }
        return true;
    }

    /// <summary>What the servers of a region do from now on.</summary>
    public void Break(string region, Fault fault, double share = 1)
    {
        foreach (var server in Routes.Current.Services.SelectMany(s => s.Servers).Where(s => s.Spec.Region == region))
            Of(server).Begin(fault, share);
    }

    public void Heal(string region) => Break(region, Fault.None);

    /// <summary>The control plane ends and starts again on the same state.</summary>
    public void RestartControlPlane() => Loop = MakeLoop();

    private ControlLoop MakeLoop() => new(
        Config, _feed.Reader, State, Published.LastOrDefault() ?? RouteTable.Empty, Publish,
        Alerting = MakeAlerting(), new Troubles(), Clock, NullLogger<ControlLoop>.Instance);

    private Alerting MakeAlerting()
    {
        Alerting?.Dispose();
        return new Alerting(State.Root, new Troubles(), Clock, 1, NullLogger<Alerting>.Instance);
    }

    private void Publish(RouteTable table)
    {
        Published.Add(table);
        Routes.Swap(table);
        foreach (var server in Routes.Current.Services.SelectMany(s => s.Servers))
            Of(server);
    }

    private void Tick(TimeSpan after) => After(after, () =>
    {
        foreach (var server in Routes.Current.Services.SelectMany(s => s.Servers))
            _feed.Report(new ServerReport(
                Now, server.Service, server.Spec.Name, server.Spec.Region, server.IsWell, server.Breaker.IsOpen, server.Outstanding));
        if (Alive)
            Loop.Tick(Now);
        Ticked?.Invoke();
        Tick(TimeSpan.FromSeconds(IsBusy && _random.Next(200) == 0 ? 1.7 : 1 + (0.02 * _random.NextDouble())));
    });

    private void Arrive()
    {
        if (_random.NextDouble() < 1 / (_rate * 120))
            _burstEnds = Now.AddSeconds(2 + (3 * _random.NextDouble()));
        After(Exponential(1 / (Now < _burstEnds ? _rate * 2.5 : _rate)), Arrive);
        foreach (var service in Routes.Current.Services)
        {
            service.Retries.NoteRequest();
            Requests++;
            Try(new Request(service, Now, _random.NextDouble(), $"customer-{_random.Next(8)}"));
        }
    }

    /// <summary>One attempt, and what follows from it: the steps of the gateway without its streams.</summary>
    private void Try(Request request)
    {
        if (_picker.Pick(request.Service, request.Tried, request.Draw) is not { } server || server.TryEnter(force: true) is not { } place)
        {
            End(request, OutcomeResult.Failed);
            return;
        }
        request.Tried = request.Tried.Add(server);
        var (result, took) = Of(server).Answer(Now, request.Service.Spec.Timeouts.FirstByte!.Value);
        After(took, () =>
        {
            var attempt = new Attempt(
                server.Spec.Name, server.Spec.Region, result, result switch { AttemptResult.Answered => 200, AttemptResult.ServerError => 500, _ => 0 }, took);
            request.Attempts = request.Attempts.Add(attempt);
            place.Leave(attempt.Failed);
            if (!attempt.Failed)
                End(request, OutcomeResult.Succeeded);
            else if (request.Tried.Length < request.Service.Spec.Retry.Attempts && request.Service.Retries.TrySpend(request.Service.Spec.Retry.Budget))
                Try(request);
            else
                End(request, OutcomeResult.Failed);
        });
    }

    private void End(Request request, OutcomeResult result)
    {
        if (result == OutcomeResult.Failed)
            Failed++;
        _feed.Report(new Outcome(
            Now, "r", Routes.Current.Table.Version, request.Service.Spec.Name, request.Customer, result,
            result == OutcomeResult.Failed ? 502 : 200, Now - request.Arrived, Now - request.Arrived, request.Attempts));
    }

    private SimulatedServer Of(LiveServer server)
    {
        if (!_servers.TryGetValue((server.Service, server.Spec.Name), out var simulated))
        {
            _servers[(server.Service, server.Spec.Name)] = simulated = new SimulatedServer(new Random(_random.Next()), Now);
            After(TimeSpan.FromSeconds(_random.NextDouble()), () => Probe(server, simulated));
        }
        return simulated;
    }

    private void Probe(LiveServer server, SimulatedServer simulated)
    {
        var service = Routes.Current.Services.FirstOrDefault(s => s.Servers.Contains(server));
        if (service?.Spec.Health is not { } health)
        {
            _servers.Remove((server.Service, server.Spec.Name));
            return;
        }
        var (well, took) = simulated.AnswerProbe(Now, health.Timeout);
        After(took, () =>
        {
            server.NoteProbe(well);
            _feed.Report(new Probe(Now, server.Service, server.Spec.Name, server.Spec.Region, well, took, well ? "" : "no answer"));
        });
        After(health.Every * (0.9 + (0.2 * _random.NextDouble())), () => Probe(server, simulated));
    }

    private void After(TimeSpan wait, Action happens) => _events.Enqueue(happens, (Now + wait, _order++));

    private TimeSpan Exponential(double meanSeconds) => TimeSpan.FromSeconds(-meanSeconds * Math.Log(1 - _random.NextDouble()));

    private sealed class Request(LiveService service, DateTimeOffset arrived, double draw, string customer)
    {
        public LiveService Service => service;

        public DateTimeOffset Arrived => arrived;

        public double Draw => draw;

        public string Customer => customer;

        public System.Collections.Immutable.ImmutableArray<LiveServer> Tried { get; set; } = [];

        public System.Collections.Immutable.ImmutableArray<Attempt> Attempts { get; set; } = [];
    }
}
