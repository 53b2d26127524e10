using Mainstay.Routing;

namespace Mainstay.Control.Telemetry;

/// <summary>
/// Names a series: a service as its callers see it (no region), the attempts on its servers in a region, or those on
/// one server.
/// </summary>
public readonly record struct SeriesKey(string Service, string? Region = null, string? Server = null);

/// <summary>What happened on one series in one closed interval. Windows can be merged.</summary>
public sealed class Window
{
    private readonly int[] _results = new int[Enum.GetValues<AttemptResult>().Length];

    /// <summary>Requests, or attempts; those whose caller left are not counted.</summary>
    public int Count { get; private set; }

    public int Failed { get; private set; }

    /// <summary>Times to the first byte of what was answered.</summary>
    public Histogram FirstByte { get; } = new();

    /// <summary>How many attempts ended so.</summary>
    public int this[AttemptResult result] => _results[(int)result];

    public double ErrorShare => Count == 0 ? 0 : (double)Failed / Count;

    public void Add(Attempt attempt)
    {
        if (attempt.Result.SaysNothing())
            return;
        _results[(int)attempt.Result]++;
        Count++;
        if (attempt.Failed)
            Failed++;
        else if (attempt.Result == AttemptResult.Answered)
            // How quickly a server refuses says nothing of how quickly it answers.
            FirstByte.Add(attempt.FirstByte);
    }

    public void Add(Outcome outcome)
    {
        if (outcome.Result is OutcomeResult.CallerLeft or OutcomeResult.Queued)
            return;
        Count++;
        if (outcome.Result == OutcomeResult.Failed)
            Failed++;
        else
            FirstByte.Add(outcome.FirstByte);
    }

    public void Add(Window other)
    {
        Count += other.Count;
        Failed += other.Failed;
        FirstByte.Add(other.FirstByte);
        for (var i = 0; i < _results.Length; i++)
            _results[i] += other._results[i];
    }
}

/// <summary>Everything seen between two ticks.</summary>
/// <param name="Start">End of the windows before.</param>
/// <param name="End">When these were closed.</param>
/// <param name="Series">A window for each series that had traffic.</param>
/// <param name="Outcomes">The requests themselves, for impact.</param>
/// <param name="Probes">Health checks that ended in it.</param>
/// <param name="Servers">The newest report of each server.</param>
public sealed record ClosedWindows(
    DateTimeOffset Start,
    DateTimeOffset End,
    IReadOnlyDictionary<SeriesKey, Window> Series,
    IReadOnlyList<Outcome> Outcomes,
    IReadOnlyList<Probe> Probes,
    IReadOnlyDictionary<SeriesKey, ServerReport> Servers)
{
    public TimeSpan Length => End - Start;

    /// <summary>The newest report of each service.</summary>
    public IReadOnlyDictionary<string, ServiceReport> Services { get; init; } = new Dictionary<string, ServiceReport>();

    /// <summary>Requests whose way the data plane thinks worth keeping.</summary>
    public IReadOnlyList<DecisionReport> Decisions { get; init; } = [];

    /// <summary>The newest word on each service's queue.</summary>
    public IReadOnlyCollection<QueueReport> Queues { get; init; } = [];

    public Window? this[SeriesKey key] => Series.GetValueOrDefault(key);
}
