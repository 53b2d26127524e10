namespace Mainstay.Routing;

/// <summary>
/// How many attempts may wait at a time for the first byte of one server, learned from how long they wait. The gradient of
/// Netflix's concurrency-limits (Gradient2) decides: at more than twice the baseline the limit shrinks, while it is used
/// up and answers come in time it grows. Whether slowness comes of the load is never assumed but tried: fewer are let in for a
/// moment, and only if that makes the answers quicker does the smaller limit stay (as Envoy's adaptive concurrency measures
/// its minimum). So a service that became slower by itself is not throttled for long. What is measured is the median of
/// attempts that began together, so that a heavy tail does no harm. Safe for any number of threads.
/// </summary>
internal sealed class Limiter
{
    /// <summary>Limit at first, of a server of weight 1.</summary>
    public const int Start = 32;

    /// <summary>Never fewer, of a server of weight 1.</summary>
    public const int Floor = 4;

    private const int Cap = 100_000;
    private const int Most = 50;
    private const int Least = 10;
    private const double Tolerance = 2;
    private const double FarTooSlow = 4;
    private const double Comfort = 1.5;
    private const double CheckWith = 0.4;
    private const double Quicker = 0.65;
    private const int SlowCohorts = 3;
    private static readonly TimeSpan BetweenCohorts = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestCohort = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Later = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan MuchLater = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly long[] _took = new long[Most];
    private double _weight = 1;
    private double _limit;
    private int _whole;
    private double _baseline;
    private bool _mayDouble = true;
    private bool _isLoadToBlame;
    private int _slowCohorts;
    private long _measuredAt;
    private TimeSpan _untilMeasured = SoonAgain;
    private (double Limit, double Median, bool WasSlow)? _checking;

    // The cohort: attempts that began together, whose median wait is measured. None is left out because it takes long.
    private int _cohort = 1;
    private bool _isOpen = true;
    private int _begun;
    private int _ended;
    private int _peak;
    private bool _isBound;
    private long _firstBegun;
    private long _lastBegun;
    private long _judgedAt;

    public Limiter(TimeProvider clock)
    {
        _clock = clock;
        _measuredAt = _judgedAt = clock.GetTimestamp();
        SetLimit(Start);
    }

    /// <summary>Attempts that may wait at a time; from 1.</summary>
    public int Limit => Volatile.Read(ref _whole);

    /// <summary>The median wait when the server is not overloaded, as far as is known.</summary>
    public TimeSpan Baseline => TimeSpan.FromTicks((long)Volatile.Read(ref _baseline));

    /// <summary>Size of the server beside its peers; the limit goes with it.</summary>
    public void SetWeight(double weight)
    {
        lock (_lock)
        {
            if (weight == _weight)
                return;
            var factor = weight / _weight;
            _weight = weight;
            SetLimit(_limit * factor);
        }
    }

    /// <summary>Notes that an attempt begins.</summary>
    /// <param name="waiting">How many wait, itself included.</param>
    /// <returns>Its cohort, to be handed back when it ends.</returns>
    public int Begin(int waiting)
    {
        lock (_lock)
        {
            var now = _clock.GetTimestamp();
            _peak = Math.Max(_peak, waiting);
            _isBound |= waiting >= _whole;
            if (!_isOpen || Since(_judgedAt, now) < BetweenCohorts)
                return 0;
            if (_begun++ == 0)
                _firstBegun = now;
            _lastBegun = now;
            _isOpen = _begun < (_baseline == 0 ? Least : Most) && (_begun < Least || Since(_firstBegun, now) < LongestCohort);
            return _cohort;
        }
    }

    /// <summary>Notes that a wait ended.</summary>
    /// <param name="cohort">As <see cref="Begin"/> said.</param>
    /// <param name="took">How long it lasted; null: that says nothing.</param>
    public void End(int cohort, TimeSpan? took)
    {
        lock (_lock)
        {
            if (cohort == _cohort)
            {
                if (took is { } time)
                    _took[_ended++] = time.Ticks;
                else if (--_begun == 0)
                    _isOpen = true;
            }
            var now = _clock.GetTimestamp();
            if (_isOpen || _ended <= _begun / 2)
                return;
            Array.Sort(_took, 0, _ended);
            var median = _took[_begun / 2];
            // Those that still wait must have waited longer, or they might be the quicker half.
            if (_ended < _begun && Since(_lastBegun, now).Ticks < median)
                return;
            Judge(median, now);
            (_begun, _ended, _peak, _isBound, _isOpen, _judgedAt) = (0, 0, 0, false, true, now);
            _cohort++;
        }
    }

    /// <summary>Notes that the server refused an attempt, since it has too many.</summary>
    /// <param name="waiting">How many waited, itself included.</param>
    public void NoteRefused(int waiting)
    {
        lock (_lock)
        {
            _mayDouble = false;
            SetLimit(Math.Min(_limit, waiting - 1));
        }
    }

    private void Judge(double median, long now)
    {
        if (_checking is { } before)
        {
            _checking = null;
            EndCheck(before.Limit, before.Median, before.WasSlow, median);
            return;
        }
        if (_baseline == 0)
            _baseline = median;
        _slowCohorts = median > FarTooSlow * _baseline ? SlowCohorts : median > Tolerance * _baseline ? _slowCohorts + 1 : 0;
        if (_slowCohorts >= SlowCohorts)
            BeSlow(median, now);
        else if (_slowCohorts > 0)
            return;
        else if (!_isBound)
            // What is usual changes slowly; what is quicker than usual is believed soon.
            _baseline += (median < _baseline ? 0.5 : 0.25) * (median - _baseline);
        else if (Since(_measuredAt, now) > _untilMeasured)
            BeginCheck(_limit, median, wasSlow: false, now);
        else if (median <= Comfort * _baseline)
            SetLimit(_mayDouble ? 2 * _limit : Math.Max(_limit + 1, 1.1 * _limit));
    }

    private void BeSlow(double median, long now)
    {
        var from = Math.Min(_limit, _peak);
        if (_isLoadToBlame && Since(_measuredAt, now) <= _untilMeasured)
        {
            // A check has just shown that they wait for each other: no need for another.
            _slowCohorts = 0;
            SetLimit(from * Math.Max(0.5, Comfort * _baseline / median));
        }
        else
            BeginCheck(from, median, wasSlow: true, now);
    }

    private void BeginCheck(double from, double median, bool wasSlow, long now)
    {
        _checking = (from, median, wasSlow);
        (_mayDouble, _slowCohorts, _measuredAt) = (false, 0, now);
        SetLimit(CheckWith * from);
    }

    private void EndCheck(double limit, double before, bool wasSlow, double median)
    {
        _isLoadToBlame = median <= Quicker * before;
        if (!_isLoadToBlame)
        {
            // Fewer did not make it quicker: so long it takes.
            (_baseline, _mayDouble, _untilMeasured) = (median, median > Quicker * Tolerance * _baseline, MuchLater);
            SetLimit(limit);
            return;
        }
        // They wait for each other. What it takes without that is the measure, and the limit goes with it.
        var baseline = Math.Min(_baseline, median);
        SetLimit(limit * Math.Max(CheckWith, wasSlow ? Comfort * baseline / before : baseline / _baseline));
        _untilMeasured = baseline < 0.9 * _baseline ? SoonAgain : Later;
        _baseline = baseline;
    }

    private TimeSpan Since(long then, long now) => _clock.GetElapsedTime(then, now);

    private void SetLimit(double limit)
    {
        _limit = Math.Clamp(limit, Math.Max(1, Floor * _weight), Cap);
        Volatile.Write(ref _whole, (int)_limit);
    }
}
