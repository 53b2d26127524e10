namespace Mainstay.Routing;

/// <summary>
/// How many attempts may wait at a time for the first byte of one server, learned from how long they wait. As TCP Vegas
/// (Brakmo and Peterson, 1994), it reckons how many of them only queue, answers a second times the wait beyond the usual one, and
/// keeps that near <see cref="Room"/>: enough that no slot is idle, and no more. Whether slowness comes of the load is never assumed but
/// tried: fewer are let in, and unless that makes the answers quicker by most of what was reckoned, the limit comes back and
/// so long is usual from then on. So a service that became slower by itself is not throttled for long. What is measured is
/// the median of attempts that began together, so that a heavy tail does no harm. Safe for any number of threads.
/// </summary>
internal sealed class Limiter
{
    /// <summary>Limit at first, of a server of weight 1; without load the limit goes back to it.</summary>
    public const int Start = 16;

    /// <summary>Never fewer, of a server of weight 1.</summary>
    public const int Floor = 4;

    private const int Cap = 100_000;
    private const int Most = 50;
    private const int Usual = 20;
    private const int Least = 10;
    private const double Tolerance = 2;
    private const double Noisy = 0.5;
    private const double Surely = 2;
    private const double ShrinkTo = 0.4;
    private const double Fewer = 0.8;
    private const double More = 1.5;
    private const double WorthIt = 1.4;
    private const double MostOfIt = 0.6;
    private static readonly TimeSpan BetweenCohorts = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestCohort = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Drift = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Later = TimeSpan.FromSeconds(40);

    private readonly Lock _lock = new();
    private readonly TimeProvider _clock;
    private readonly long[] _took = new long[Most];
    private double _weight = 1;
    private double _limit;
    private int _whole;
    private double _baseline;
    private double _noise;
    private bool _mayQuadruple = true;
    private bool _isMoreNext = true;
    private long _measuredAt;
    private TimeSpan _untilMeasured = SoonAgain;
    private Trial? _trial;

    // The cohort: attempts that began together, whose median wait is measured. None is left out because it takes long.
    private int _cohort = 1;
    private bool _isFilling;
    private bool _isOpen = true;
    private int _begun;
    private int _ended;
    private int _left;
    private int _peak;
    private bool _isBound;
    private bool _wasBound;
    private int _allEnded;
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
            if (!_isOpen || _cohort > 1 && Since(_judgedAt, now) < BetweenCohorts)
                return 0;
            // Those that come before a raised limit is used up would tell of the old one.
            if (_isFilling && waiting < _whole && Since(_judgedAt, now).Ticks < _baseline)
                return 0;
            _isFilling = false;
            if (_begun++ == 0)
                (_firstBegun, _wasBound) = (now, waiting >= _whole);
            _lastBegun = now;
            var enough = _baseline == 0 || (_mayQuadruple && _isBound) ? Least : _noise > Noisy * _baseline ? Most : Usual;
            _isOpen = _begun < Most && (_begun < enough || Since(_firstBegun, now) < LongestCohort && Since(_firstBegun, now).Ticks < _baseline);
            return _cohort;
        }
    }

    /// <summary>Notes that a wait ended.</summary>
    /// <param name="cohort">As <see cref="Begin"/> said.</param>
    /// <param name="took">How long it lasted; null: that says nothing.</param>
    /// <param name="answered">False: the caller left after so long.</param>
    public void End(int cohort, TimeSpan? took, bool answered = true)
    {
        lock (_lock)
        {
            _allEnded += took is null ? 0 : 1;
            if (cohort == _cohort)
            {
                if (took is { } time)
                {
                    _took[_ended++] = time.Ticks;
                    _left += answered ? 0 : 1;
                }
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
            // What the median may be off by chance: its distance to the value at one standard error of its rank.
            var apart = Math.Ceiling(Math.Sqrt(_begun) / 2);
            var noise = (median - _took[(_begun / 2) - (int)apart]) * Math.Sqrt(_begun) * Math.Sqrt(_begun) / 2 / apart;
            _noise = _noise == 0 ? noise : _noise + (0.2 * (noise - _noise));
            var error = _noise / Math.Sqrt(_begun);
            var perTick = _allEnded / (double)Math.Max(1, now - _judgedAt) * _clock.TimestampFrequency / TimeSpan.TicksPerSecond;
            var before = _whole;
            if (2 * _left > _ended)
                BeDeserted();
            else
                Judge(new Measured(median, error, perTick), now);
            (_begun, _ended, _left, _peak, _isBound, _allEnded, _isOpen, _judgedAt) = (0, 0, 0, 0, false, 0, true, now);
            _cohort++;
            _isFilling = _whole > before;
        }
    }

    /// <summary>Notes that the server refused an attempt, since it has too many.</summary>
    /// <param name="waiting">How many waited, itself included.</param>
    public void NoteRefused(int waiting)
    {
        lock (_lock)
        {
            _mayQuadruple = false;
            SetLimit(Math.Min(_limit, waiting - 1));
        }
    }

    /// <summary>Most callers left before the first byte. The server may still work for them, and nothing is learned of its pace.</summary>
    private void BeDeserted()
    {
        (_trial, _mayQuadruple) = (null, false);
        SetLimit(ShrinkTo * _limit);
    }

    private void Judge(Measured seen, long now)
    {
        if (_trial is { } trial)
        {
            _trial = null;
            EndTrial(trial, seen);
            return;
        }
        if (_baseline == 0)
            // Of those that came to a server full of work already, it is to be measured soon.
            (_baseline, _untilMeasured) = (seen.Median, _wasBound ? AtOnce : SoonAgain);
        if (_isBound && seen.Median < _baseline - seen.Error)
            Follow(seen, 0);
        var queue = seen.PerTick * (seen.Median - _baseline);
        var room = Room(seen);
        if (!_isBound)
            BeUnbound(seen, now);
        else if (queue > room)
            Shrink(seen, queue, now);
        else if (_wasBound && !_mayQuadruple && Since(_measuredAt, now) > _untilMeasured)
            Try(_isMoreNext ? new Trial(Question.AreMoreWorthIt, _limit, seen, 0) : new Trial(Question.WhatIsUsual, _limit, seen, 0),
                (_isMoreNext ? More : Fewer) * _limit, now);
        else if (queue <= room / 2)
            SetLimit(_mayQuadruple && _wasBound ? 4 * _limit : Math.Max(_limit + 1, 1.1 * _limit));
    }

    /// <summary>How many may queue: one, so that the next is there when a slot is free, and what chance makes of the measure.</summary>
    private double Room(Measured seen) => Math.Max(1, (_mayQuadruple ? 0.3 : 0.1) * _limit) + (Surely * seen.PerTick * seen.Error);

    private void BeUnbound(Measured seen, long now)
    {
        Follow(seen, Math.Min(0.25, Since(_judgedAt, now) / Drift));
        (_measuredAt, _untilMeasured) = (now, SoonAgain);
        // A limit that was never needed is a guess (as RFC 7661 of TCP's window).
        _mayQuadruple = true;
        if (_limit > 2 * _peak)
            SetLimit(Math.Min(_limit, Math.Max(2 * _peak, Start * _weight)));
    }

    /// <summary>What is usual changes slowly; what is quicker than usual is believed soon.</summary>
    private void Follow(Measured seen, double share) =>
        _baseline += (seen.Median < _baseline - seen.Error ? 0.5 : seen.Median < _baseline ? 0.25 : share) * (seen.Median - _baseline);

    private void Shrink(Measured seen, double queue, long now)
    {
        var from = Math.Min(_limit, Math.Max(_peak, 1));
        var to = Math.Max(from - queue + Room(seen), ShrinkTo * from);
        var hope = (from - to) / seen.PerTick;
        _mayQuadruple = false;
        // So small a step is soon taken back; a trial would show nothing but chance. Nor does one while the queue still grows.
        if (hope < 2 * seen.Error || !_wasBound)
            SetLimit(to);
        else
            Try(new Trial(Question.IsLoadToBlame, from, seen, hope), to, now);
    }

    private void Try(Trial trial, double limit, long now)
    {
        (_trial, _measuredAt) = (trial, now);
        SetLimit(limit);
    }

    private void EndTrial(Trial trial, Measured seen)
    {
        var before = trial.Before.Median;
        switch (trial.Question)
        {
            case Question.IsLoadToBlame when before - seen.Median >= MostOfIt * trial.Hope:
                // They waited for each other: it stays.
                Follow(seen, 0);
                break;
            case Question.IsLoadToBlame:
                // Fewer did not make it quicker: so long it takes.
                _mayQuadruple = before > Tolerance * _baseline;
                (_baseline, _untilMeasured) = (before, SoonAgain);
                SetLimit(trial.Limit);
                break;
            case Question.WhatIsUsual:
                // What becomes little quicker is no queue, but work that shares its server: that is usual, too.
                var wasQueue = seen.Median < 0.9 * before;
                (_isMoreNext, _untilMeasured) = (true, seen.Median < 0.9 * _baseline && wasQueue ? AtOnce : Longer(_untilMeasured));
                if (wasQueue)
                    Follow(seen, 0.25);
                SetLimit(trial.Limit);
                break;
            case Question.AreMoreWorthIt:
                var worth = seen.Median + seen.Error < WorthIt * before;
                (_isMoreNext, _untilMeasured) = (worth, worth ? AtOnce : Longer(_untilMeasured));
                if (worth)
                    _baseline = seen.Median;
                else
                    SetLimit(trial.Limit);
                break;
        }
    }

    private static TimeSpan Longer(TimeSpan time) => time < SoonAgain ? SoonAgain : 2 * time < Later ? 2 * time : Later;

    private TimeSpan Since(long then, long now) => _clock.GetElapsedTime(then, now);

    private void SetLimit(double limit)
    {
        _limit = Math.Clamp(limit, Math.Max(1, Floor * _weight), Cap);
        Volatile.Write(ref _whole, (int)_limit);
    }

    /// <param name="Median">Wait of a cohort, ticks.</param>
    /// <param name="Error">Of the median, ticks.</param>
    /// <param name="PerTick">Waits that ended for each tick of time.</param>
    private readonly record struct Measured(double Median, double Error, double PerTick);

    private enum Question
    {
        IsLoadToBlame,
        WhatIsUsual,
        AreMoreWorthIt,
    }

    /// <param name="Question">What it is to tell.</param>
    /// <param name="Limit">Before it.</param>
    /// <param name="Before">What was measured with that.</param>
    /// <param name="Hope">By how many ticks it should become quicker if the load is to blame.</param>
    private readonly record struct Trial(Question Question, double Limit, Measured Before, double Hope);
}
