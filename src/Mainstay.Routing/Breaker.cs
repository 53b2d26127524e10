namespace Mainstay.Routing;

/// <summary>What a breaker does with requests, from the mildest to the strictest.</summary>
public enum Hold
{
    /// <summary>Lets every request through, or, of a held server, the one try that is due.</summary>
    None,

    /// <summary>The server answers, but far more slowly than its peers: it serves only what no other server can.</summary>
    Slow,

    /// <summary>It fails: used again only when too few servers are left (panic).</summary>
    Open,

    /// <summary>It fails, and has answered nothing for long: no request is sent there but one try after each hold.</summary>
    Down,
}

/// <summary>
/// The reflex of one server: closed, it lets every request through; after so many failures in a row, or a share of at least
/// twenty attempts in ten seconds, it opens and lets none through; twice as many in a row, and it is down. Far slower
/// than its peers, it is slow (the grey failure of Huang et al., HotOS 2017; ejection as in Envoy's outlier detection). After a
/// hold it lets one try at a time through: the first success closes it; a slow one takes three that are quick enough.
/// The hold starts at one second (slow: five) and doubles with each failed try, to thirty, unless its policy has others; it is spread by a tenth, so
/// that many gateways do not try at once. Safe for any number of threads; times are timestamps of one TimeProvider.
/// </summary>
public sealed class Breaker(TimeProvider clock, Random random)
{
    private const int WindowMinimum = 20;
    private const int QuickTries = 3;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstSlowHold = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly RollingCount _attempts = new(clock, Window);
    private readonly RollingCount _failures = new(clock, Window);
    private int _inARow;
    private int _quickTries;
    private TimeSpan _length;
    private TimeSpan _quickEnough;
    private long _until;
    private long _restUntil;
    private bool _tryUnderWay;
    private volatile Hold _hold;
    private volatile BreakerPolicy _policy = new();

    /// <summary>The service's wishes; may change at any time.</summary>
    public BreakerPolicy Policy
    {
        get => _policy;
        set => _policy = value;
    }

    /// <summary>How it stands, whether or not a try is due.</summary>
    public Hold Standing => _hold;

    /// <summary>True while requests are held back because the server fails, tries included.</summary>
    public bool IsOpen => _hold >= Hold.Open;

    /// <summary>True while the server asked to be spared: it said Retry-After.</summary>
    public bool IsResting => Volatile.Read(ref _restUntil) is var until and not 0 && clock.GetTimestamp() < until;

    /// <summary>How a request that came now would be held: <see cref="Hold.None"/> if a try is due.</summary>
    public Hold HoldNow()
    {
        if (_hold == Hold.None)
            return Hold.None;
        lock (_lock)
            return IsTryDue() ? Hold.None : _hold;
    }

    /// <summary>True if a request may be sent now. Asks only; <see cref="TryEnter"/> takes the place.</summary>
    public bool MayEnter() => HoldNow() == Hold.None;

    /// <summary>Takes a place for one attempt; false if the breaker holds it back. Every taken place must be given back by
    /// <see cref="Note"/>, whatever became of the attempt.</summary>
    /// <param name="isTry">True if this is the one try of a held server; to be handed to <see cref="Note"/>.</param>
    public bool TryEnter(out bool isTry)
    {
        isTry = false;
        if (_hold == Hold.None)
            return true;
        lock (_lock)
        {
            if (_hold == Hold.None)
                return true;
            if (!IsTryDue())
                return false;
            _tryUnderWay = isTry = true;
            return true;
        }
    }

    /// <summary>Notes how an attempt ended and gives its place back.</summary>
    /// <param name="isTry">As <see cref="TryEnter"/> said.</param>
    /// <param name="failed">True: the server failed it; false: it answered; null: it says nothing about the server.</param>
    /// <param name="firstByte">How long its first byte took.</param>
    public void Note(bool isTry, bool? failed, TimeSpan firstByte = default)
    {
        lock (_lock)
        {
            if (isTry)
                _tryUnderWay = false;
            if (failed is not { } isFailure)
                return;
            _attempts.Add();
            if (isFailure)
                CountFailure(isTry);
            else if (_hold == Hold.Slow)
                JudgeSlow(isTry, firstByte);
            else
                Close();
        }
    }

    /// <summary>Its peers are far quicker: it serves only what they cannot, until its tries are quick enough.</summary>
    /// <param name="quickEnough">First byte of a try that speaks for it.</param>
    public void Eject(TimeSpan quickEnough)
    {
        lock (_lock)
        {
            if (_hold != Hold.None)
                return;
            (_hold, _quickTries, _quickEnough) = (Hold.Slow, 0, quickEnough);
            HoldFor(FirstSlowHold);
        }
    }

    /// <summary>Spares the server for a time, as it asked: it is passed over while others can serve, and an open breaker
    /// tries nothing before.</summary>
    /// <param name="time">At most 30 s count.</param>
    public void Rest(TimeSpan time)
    {
        lock (_lock)
            Volatile.Write(ref _restUntil, Math.Max(_restUntil, After(time < LongestRest ? time : LongestRest)));
    }

    /// <summary>Lets a try through now: something else, such as a probe, says that the server is back.</summary>
    public void Hint()
    {
        lock (_lock)
            _until = _restUntil = 0;
    }

    /// <summary>Ends the hold: a try may be made now, though not before the server wants to be spared no longer.</summary>
    public void Hasten()
    {
        lock (_lock)
            _until = 0;
    }

    /// <summary>Until the next try; zero if requests pass.</summary>
    public TimeSpan UntilTry()
    {
        if (_hold == Hold.None)
            return TimeSpan.Zero;
        lock (_lock)
            return TimeSpan.FromSeconds(Math.Max(0, (double)(Math.Max(_until, _restUntil) - clock.GetTimestamp()) / clock.TimestampFrequency));
    }

    /// <summary>How long the server still wants to be spared; zero: it does not.</summary>
    public TimeSpan UntilRested() =>
        TimeSpan.FromSeconds(Math.Max(0, (double)(Volatile.Read(ref _restUntil) - clock.GetTimestamp()) / clock.TimestampFrequency));

    private bool IsTryDue() => !_tryUnderWay && clock.GetTimestamp() >= Math.Max(_until, _restUntil);

    private void CountFailure(bool isTry)
    {
        _inARow++;
        _failures.Add();
        if (_hold >= Hold.Open)
        {
            // Attempts that began before the breaker opened fail late; only a failed try doubles the hold.
            if (isTry)
                HoldFor(_length * 2);
        }
        else if (_inARow >= _policy.Failures || (_attempts.Count is >= WindowMinimum and var n && _failures.Count >= _policy.Share * n))
        {
            _hold = Hold.Open;
            HoldFor(_policy.FirstHold);
        }
        else if (isTry)
        {
            _quickTries = 0;
            HoldFor(_length * 2);
        }
        if (_hold == Hold.Open && _inARow >= 2 * _policy.Failures)
            _hold = Hold.Down;
    }

    private void JudgeSlow(bool isTry, TimeSpan firstByte)
    {
        _inARow = 0;
        if (!isTry)
            return;
        if (firstByte > _quickEnough)
        {
            _quickTries = 0;
            HoldFor(_length * 2);
        }
        else if (++_quickTries == QuickTries)
        {
            Close();
        }
    }

    private void HoldFor(TimeSpan time)
    {
        _length = time < _policy.LongestHold ? time : _policy.LongestHold;
        _until = After(_length * (0.9 + (0.2 * random.NextDouble())));
    }

    private long After(TimeSpan time) => clock.GetTimestamp() + (long)(time.TotalSeconds * clock.TimestampFrequency);

    private void Close()
    {
        _inARow = 0;
        if (_hold == Hold.None)
            return;
        _hold = Hold.None;
        _attempts.Clear();
        _failures.Clear();
    }
}
