using System.Collections.Immutable;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;
using Mainstay.Tests.Routing;

namespace Mainstay.Tests;

/// <summary>
/// Services in regions of two servers each, and all that the steps of a tick judge by, tick for tick. A test says what
/// happened in the second, and takes the tick at its end.
/// </summary>
internal sealed class Scene(MainstayConfig config)
{
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly Collector _collector = new(Start);

    public Scene(RemedyMode mode = RemedyMode.Act)
        : this(Configure(mode, Service("chat", 100, "a", "b", "c")))
    {
    }

    public MainstayConfig Config { get; set; } = config;

    public DateTimeOffset Now { get; private set; } = Start;

    public History History { get; } = new();

    public Detectors Detectors { get; } = new();

    public CapacityBook Capacity { get; } = new();

    public string? PausedBy { get; set; }

    /// <summary>Names of servers whose health checks fail.</summary>
    public HashSet<string> Unwell { get; } = [];

    /// <summary>Names of servers whose breaker is open.</summary>
    public HashSet<string> Broken { get; } = [];

    /// <summary>True: the data plane reports nothing.</summary>
    public bool Silent { get; set; }

    public static MainstayConfig Configure(RemedyMode mode, params ImmutableArray<Service> services) => new()
    {
        File = "/etc/mainstay.yaml",
        StateFolder = "/var/lib/mainstay",
        Remedies = mode,
        Services = [.. services.Select(s => new ServiceConfig { Routing = s })],
    };

    /// <summary>Servers are named after their region: a1 and a2 in region a.</summary>
    public static Service Service(string name, double? capacity, params string[] regions) => new()
    {
        Name = name,
        Servers = [.. regions.SelectMany(r => new[] { Tables.Server(r + "1", r, capacity: capacity), Tables.Server(r + "2", r, capacity: capacity) })],
        Regions = [.. regions],
    };

    public static Outcome Outcome(DateTimeOffset at, string service, OutcomeResult result, double ms, params ImmutableArray<Attempt> attempts) => new(
        at, "r", 1, service, null, result, result == OutcomeResult.Failed ? 502 : 200, TimeSpan.FromMilliseconds(ms), TimeSpan.FromMilliseconds(ms), attempts);

    public static Attempt Attempt(string server, AttemptResult result = AttemptResult.Answered, double ms = 20) =>
        new(server, server[..1], result, result == AttemptResult.Answered ? 200 : 0, TimeSpan.FromMilliseconds(ms));

    /// <summary>Something that stands out in the tick that comes.</summary>
    public Anomaly Anomaly(string region, string? server = null, string detector = "errors", string service = "chat") =>
        new(Now, Now.AddSeconds(1), service, region, server, detector, "0.5 % failed", "100 % failed", 11);

    /// <summary>Requests that one server answered.</summary>
    public void Answered(string server, int count, double ms = 20, string service = "chat", string? customer = null)
    {
        for (var i = 0; i < count; i++)
            _collector.Add(Outcome(Now.AddSeconds(0.5), service, OutcomeResult.Succeeded, ms, Attempt(server, ms: ms)) with { Customer = customer });
    }

    /// <summary>Requests that one server failed; another answered them, if one is named.</summary>
    public void Failed(
        string server, int count, AttemptResult result = AttemptResult.ServerError, string? rescuer = null, string service = "chat", string? customer = null)
    {
        for (var i = 0; i < count; i++)
            _collector.Add((rescuer is null
                ? Outcome(Now.AddSeconds(0.5), service, OutcomeResult.Failed, 0, Attempt(server, result))
                : Outcome(Now.AddSeconds(0.5), service, OutcomeResult.Succeeded, 40, Attempt(server, result), Attempt(rescuer))) with
            { Customer = customer });
    }

    public void Probed(string server, bool well = true, double ms = 2, string service = "chat") => _collector.Add(
        new Probe(Now.AddSeconds(0.5), service, server, server[..1], well, TimeSpan.FromMilliseconds(ms), well ? "" : "refused"));

    /// <summary>Ends the second, and closes its windows.</summary>
    public ClosedWindows Close(double seconds = 1)
    {
        Now = Now.AddSeconds(seconds);
        if (!Silent)
            foreach (var service in Config.Services)
                foreach (var server in service.Routing.Servers)
                    _collector.Add(new ServerReport(
                        Now, service.Routing.Name, server.Name, server.Region, !Unwell.Contains(server.Name), Broken.Contains(server.Name), 0));
        var windows = _collector.Close(Now);
        History.Add(windows);
        return windows;
    }

    /// <summary>Ends the second; the anomalies are those that stand at its end.</summary>
    public TickInput Tick(params Anomaly[] anomalies)
    {
        var windows = Close();
        return new(Now, Config, windows, anomalies, History, Detectors, Capacity, PausedBy, new Dictionary<string, string>());
    }

    /// <summary>The same tick, after a person approved a remedy.</summary>
    public static TickInput Approving(TickInput tick, string remedy, string who) =>
        tick with { Approvals = new Dictionary<string, string> { [remedy] = who } };

    /// <summary>An open incident in Mitigation, as the playbook gets it.</summary>
    public Incident Incident(string region, params ImmutableArray<Anomaly> anomalies) => new()
    {
        Number = 1,
        Region = region,
        Services = [.. anomalies.Select(a => a.Service).Distinct()],
        Occurred = Now,
        Detected = Now,
        Stages = [new(Stage.Mitigation, Now, "")],
        Anomalies = anomalies,
    };
}
