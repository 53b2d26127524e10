namespace Mainstay.Control.Detection;

/// <summary>When the points of a series come: tells late and doubled ones, and when they stop coming.</summary>
internal struct PointClock
{
    private const int UntilClockIsBelieved = 10;
    private const int Enough = 20;
    private const double Share = 0.05;
    private const double Fading = 0.001;

    private double _interval;
    private double _longest;
    private int _lateInARow;
    private int _points;

    /// <summary>Time of the latest point, in ticks UTC.</summary>
    public long At { get; private set; }

    /// <summary>Points that were not later than the one before.</summary>
    public long Late { get; private set; }

    /// <summary>The longest usual time between two points, in seconds.</summary>
    public readonly double Longest => Math.Max(_longest, _interval);

    /// <summary>False for a point at or before the time of the latest. After ten of those in a row the clock is taken to have been
    /// set back, and points count again.</summary>
    public bool Take(long ticks)
    {
        if (_points > 0 && ticks <= At)
        {
            Late++;
            if (++_lateInARow < UntilClockIsBelieved)
                return false;
        }
        else if (_points > 0)
        {
            var seconds = (ticks - At) / (double)TimeSpan.TicksPerSecond;
            // One long gap is no new rhythm of points.
            _interval += Math.Max(Share, 1.0 / _points) * (Math.Min(seconds, _points > Enough ? 4 * _interval : seconds) - _interval);
            _longest = Math.Max(_longest * (1 - Fading), Math.Min(seconds, 10 * _interval));
        }
        _lateInARow = 0;
        _points = Math.Min(_points + 1, int.MaxValue - 1);
        At = ticks;
        return true;
    }

    /// <summary>Seconds without a point, if they are more than three times the longest gap that is usual; else null.</summary>
    public readonly double? Silence(long ticks)
    {
        var seconds = (ticks - At) / (double)TimeSpan.TicksPerSecond;
        return _points >= Enough && seconds > 3 * Longest ? seconds : null;
    }
}
