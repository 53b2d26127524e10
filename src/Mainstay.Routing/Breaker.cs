namespace Mainstay.Routing;

/// <summary>
/// The reflex of one server: closed, it lets every request through; after five failures in a row, or half of at least
/// twenty attempts in ten seconds, it opens and lets none through; after a hold it lets one try at a time through, and
/// the first success closes it. The hold starts at one second and doubles with each failed try, to thirty.
/// Safe for any number of threads; times are timestamps of one TimeProvider.
/// </summary>
public sealed class Breaker(TimeProvider clock)
{
    private const int FailuresInARow = 5;
    private const int WindowMinimum = 20;
    private const double WindowShare = 0.5;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstHold = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly RollingCount _attempts = new(clock, Window);
    private readonly RollingCount _failures = new(clock, Window);
    private int _inARow;
    private TimeSpan _hold = FirstHold;
    private long _openedAt;
    private bool _tryUnderWay;
    private volatile bool _open;

    /// <summary>True while requests are held back, tries included.</summary>
    public bool IsOpen => _open;

    /// <summary>True if a request may be sent now. Asks only; <see cref="TryEnter"/> takes the place.</summary>
    public bool MayEnter()
    {
        if (!_open)
            return true;
        lock (_lock)
            return !_open || (!_tryUnderWay && clock.GetElapsedTime(_openedAt) >= _hold);
    }

    /// <summary>Takes a place for one attempt; false if the breaker holds it back. Every taken place must be given back by
    /// <see cref="Note"/>, whatever became of the attempt.</summary>
    /// <param name="isTry">True if this is the one try of an open breaker; to be handed to <see cref="Note"/>.</param>
    public bool TryEnter(out bool isTry)
    {
        isTry = false;
        if (!_open)
            return true;
        lock (_lock)
        {
            if (!_open)
                return true;
            if (_tryUnderWay || clock.GetElapsedTime(_openedAt) < _hold)
                return false;
            _tryUnderWay = isTry = true;
            return true;
        }
    }

    /// <summary>Notes how an attempt ended and gives its place back.</summary>
    /// <param name="isTry">As <see cref="TryEnter"/> said.</param>
    /// <param name="failed">True: the server failed it; false: it answered; null: it says nothing about the server.</param>
    public void Note(bool isTry, bool? failed)
    {
        lock (_lock)
        {
            if (isTry)
                _tryUnderWay = false;
            if (failed is not { } isFailure)
                return;
            _attempts.Add();
            if (!isFailure)
                Close();
            else if (_open)
                HoldAgain(isTry);
            else
                CountFailure();
        }
    }

    /// <summary>Lets a try through now: something else, such as a probe, says that the server is back.</summary>
    public void Hint()
    {
        lock (_lock)
        {
            if (_open)
                _openedAt = clock.GetTimestamp() - (long)(_hold.TotalSeconds * clock.TimestampFrequency);
        }
    }

    private void CountFailure()
    {
        _inARow++;
        _failures.Add();
        var attempts = _attempts.Count;
        if (_inARow < FailuresInARow && (attempts < WindowMinimum || _failures.Count < WindowShare * attempts))
            return;
        _open = true;
        _openedAt = clock.GetTimestamp();
    }

    /// <summary>Attempts that began before the breaker opened fail late; only a failed try doubles the hold.</summary>
    private void HoldAgain(bool isTry)
    {
        if (!isTry)
            return;
        _hold = TimeSpan.FromTicks(Math.Min(_hold.Ticks * 2, LongestHold.Ticks));
        _openedAt = clock.GetTimestamp();
    }

    private void Close()
    {
        _inARow = 0;
        if (!_open)
            return;
        _open = false;
        _hold = FirstHold;
        _attempts.Clear();
        _failures.Clear();
    }
}
