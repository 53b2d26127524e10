using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Control.Incidents;

/// <summary>Counts who was hit while an incident is open. Bounded: customers beyond the first thousand count together.</summary>
/// <param name="before">What was counted before, by a control plane that ended.</param>
internal sealed class ImpactTally(Impact before)
{
    private const int MostCustomers = 1000;
    private readonly Dictionary<(string Service, string Customer), (long Failed, long Slow)> _customers =
        before.Customers.ToDictionary(c => (c.Service, c.Customer), c => (c.Failed, c.Slow));

    private long _requests = before.Requests;
    private long _failed = before.Failed;
    private long _slow = before.Slow;
    private long _rescued = before.Rescued;
    private double? _firstRescueMs = before.FirstRescueMs;

    /// <param name="outcomes">Requests that ended.</param>
    /// <param name="since">Those that ended before are not counted.</param>
    /// <param name="incident">The incident they may belong to.</param>
    /// <param name="slowFrom">By service, the time to the first byte from which an answer counts as slow.</param>
    public void Add(IEnumerable<Outcome> outcomes, DateTimeOffset since, Incident incident, Func<string, TimeSpan> slowFrom)
    {
        foreach (var outcome in outcomes)
        {
            if (outcome.At < since || outcome.Result == OutcomeResult.Queued || !incident.Services.Contains(outcome.Service))
                continue;
            var failed = outcome.Result == OutcomeResult.Failed;
            var slow = !failed && outcome.FirstByte > slowFrom(outcome.Service);
            _requests++;
            if (outcome.Rescued && outcome.Attempts.Any(a => a.Failed && a.Region == incident.Region))
            {
                _rescued++;
                _firstRescueMs ??= outcome.Attempts.Where(a => a.Failed).Sum(a => a.FirstByte.TotalMilliseconds);
            }
            if (failed || slow)
                Blame(outcome, failed);
        }
    }

    public Impact ToImpact() => new(
        _requests, _failed, _slow, _rescued,
        [.. _customers.Select(c => new CustomerImpact(c.Key.Service, c.Key.Customer, c.Value.Failed, c.Value.Slow))
            .OrderByDescending(c => c.Failed).ThenByDescending(c => c.Slow).ThenBy(c => c.Customer, StringComparer.Ordinal).Take(100)])
    {
        FirstRescueMs = _firstRescueMs,
    };

    private void Blame(Outcome outcome, bool failed)
    {
        if (failed)
            _failed++;
        else
            _slow++;
        var key = (outcome.Service, outcome.Customer ?? "(unknown)");
        if (!_customers.ContainsKey(key) && _customers.Count >= MostCustomers)
            key = (outcome.Service, "(others)");
        var counted = _customers.GetValueOrDefault(key);
        _customers[key] = failed ? (counted.Failed + 1, counted.Slow) : (counted.Failed, counted.Slow + 1);
    }
}
