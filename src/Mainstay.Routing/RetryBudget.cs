namespace Mainstay.Routing;

/// <summary>
/// Bounds second attempts, so that retries cannot turn a slow-down into a collapse: a share of the requests of the last
/// ten seconds, plus ten a second for services with little traffic (after linkerd's and Finagle's retry budgets).
/// Safe for any number of threads.
/// </summary>
/// <param name="clock">Times are timestamps of it.</param>
/// <param name="alwaysPerSecond">Allowed whatever the share says.</param>
public sealed class RetryBudget(TimeProvider clock, double alwaysPerSecond = RetryBudget.AlwaysAllowedPerSecond)
{
    private const double AlwaysAllowedPerSecond = 10;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly RollingCount _requests = new(clock, Window);
    private readonly RollingCount _retries = new(clock, Window);

    public void NoteRequest()
    {
        lock (_lock)
            _requests.Add();
    }

    /// <summary>Second attempts of the last ten seconds, and how many were allowed in that time.</summary>
    /// <param name="share">As for <see cref="TrySpend"/>.</param>
    public (long Used, long Allowed) Standing(double share)
    {
        lock (_lock)
            return (_retries.Count, (long)Math.Ceiling(Allowed(share)));
    }

    /// <summary>Takes one second attempt out of the budget; false if it is spent.</summary>
    /// <param name="share">Allowed retries as a share of the requests, from 0 to 1.</param>
    public bool TrySpend(double share)
    {
        lock (_lock)
        {
            if (_retries.Count >= Allowed(share))
                return false;
            _retries.Add();
            return true;
        }
    }

    private double Allowed(double share) => (share * _requests.Count) + (alwaysPerSecond * Window.TotalSeconds);
}
