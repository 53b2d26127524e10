namespace Mainstay.Routing;

/// <summary>
/// Picks decisions for the journal: of the requests that failed, were tried again or met a reflex at most one a second, of
/// the others one a minute. Safe for any number of threads.
/// </summary>
internal sealed class DecisionSampler(OutcomeFeed feed)
{
    private static readonly long NotableEvery = TimeSpan.FromSeconds(1).Ticks;
    private static readonly long UsualEvery = TimeSpan.FromMinutes(1).Ticks;
    private long _nextNotable;
    private long _nextUsual;

    /// <summary>Reports the decision of an ended request if its turn has come.</summary>
    public void Offer(Outcome outcome, DecisionRing ring)
    {
        var isNotable = outcome.Result is OutcomeResult.Failed or OutcomeResult.Queued || outcome.Attempts.Length != 1;
        if (!(isNotable ? IsDue(ref _nextNotable, NotableEvery, outcome.At) : IsDue(ref _nextUsual, UsualEvery, outcome.At)))
            return;
        if (ring.Find(outcome.RequestId, out _) is { } decision)
            feed.Report(new DecisionReport(outcome.At, decision));
    }

    private static bool IsDue(ref long next, long every, DateTimeOffset at)
    {
        var now = at.UtcTicks;
        var due = Volatile.Read(ref next);
        // A clock that was put back must not silence the journal.
        if (now < due && due - now <= every)
            return false;
        return Interlocked.CompareExchange(ref next, now + every, due) == due;
    }
}
