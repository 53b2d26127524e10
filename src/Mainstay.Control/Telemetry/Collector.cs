using Mainstay.Routing;

namespace Mainstay.Control.Telemetry;

/// <summary>Sorts what the data plane saw into windows, one set a tick. Not safe for several threads.</summary>
/// <param name="start">Where the first window begins.</param>
public sealed class Collector(DateTimeOffset start)
{
    /// <summary>The data plane sends one or two a second; more must not fill the journal.</summary>
    private const int MostDecisions = 4;
    private static readonly TimeSpan Stale = TimeSpan.FromSeconds(5);
    private readonly Dictionary<SeriesKey, ServerReport> _servers = [];
    private readonly Dictionary<string, ServiceReport> _services = [];
    private Dictionary<SeriesKey, Window> _series = [];
    private List<Outcome> _outcomes = [];
    private List<Probe> _probes = [];
    private List<DecisionReport> _decisions = [];
    private Dictionary<string, QueueReport> _queues = [];
    private DateTimeOffset _start = start;

    /// <summary>Takes one observation in. What is older than five seconds has missed its window: it would tell of a past
    /// state as if it were now, as after a control plane was away.</summary>
    public void Add(Observation observation)
    {
        if (observation.At < _start - Stale)
            return;
        switch (observation)
        {
            case Outcome outcome:
                AddOutcome(outcome);
                break;
            case Probe probe:
                _probes.Add(probe);
                break;
            case QueueReport queue:
                _queues[queue.Service] = queue;
                break;
            case DecisionReport decision when _decisions.Count < MostDecisions:
                _decisions.Add(decision);
                break;
            case ServiceReport report:
                _services[report.Service] = report;
                break;
            case ServerReport report:
                _servers[new(report.Service, report.Region, report.Server)] = report;
                break;
        }
    }

    /// <summary>Ends the open windows at <paramref name="now"/> and begins new ones.</summary>
    public ClosedWindows Close(DateTimeOffset now)
    {
        foreach (var (key, _) in _servers.Where(s => s.Value.At < now - Stale).ToList())
            _servers.Remove(key);
        foreach (var (key, _) in _services.Where(s => s.Value.At < now - Stale).ToList())
            _services.Remove(key);
        var closed = new ClosedWindows(_start, now, _series, _outcomes, _probes, new Dictionary<SeriesKey, ServerReport>(_servers))
        {
            Services = new Dictionary<string, ServiceReport>(_services),
            Decisions = _decisions,
            Queues = _queues.Values,
        };
        (_series, _outcomes, _probes, _decisions, _queues, _start) = ([], [], [], [], [], now);
        return closed;
    }

    private void AddOutcome(Outcome outcome)
    {
        _outcomes.Add(outcome);
        Of(new(outcome.Service)).Add(outcome);
        foreach (var attempt in outcome.Attempts)
        {
            Of(new(outcome.Service, attempt.Region)).Add(attempt);
            Of(new(outcome.Service, attempt.Region, attempt.Server)).Add(attempt);
        }
    }

    private Window Of(SeriesKey key)
    {
        if (!_series.TryGetValue(key, out var window))
            _series[key] = window = new Window();
        return window;
    }
}
