namespace Mainstay.Control.Detection;

/// <summary>
/// Level and spread of a series over about as many points as its span, forgetting exponentially. A point counts for no
/// more than four spreads, so that one far point moves the level little, while a lasting change of level is followed.
/// </summary>
internal struct RunningLevel
{
    private const float Most = 4;
    private const int Begin = 20;

    private int _points;

    /// <summary>The level, in the unit of the series.</summary>
    public double Mean { get; private set; }

    /// <summary>Mean absolute distance from it; 0 before the second point.</summary>
    public double Spread { get; private set; }

    /// <param name="value">A finite value.</param>
    /// <param name="span">Points that count; the same on every call.</param>
    public void Add(double value, double span)
    {
        _points = Math.Min(_points + 1, int.MaxValue - 1);
        if (_points == 1)
        {
            Mean = value;
            return;
        }
        var share = Math.Max(1 / span, 1.0 / _points);
        var distance = value - Mean;
        if (_points > Begin && Spread > 0)
            distance = Math.Clamp(distance, -Most * Spread, Most * Spread);
        Mean += share * distance;
        Spread += share * (Math.Abs(distance) - Spread);
    }

    /// <summary>Learns a distance from a level that is known from elsewhere: only the spread counts, and the mean stays 0.</summary>
    public void AddDistance(double distance, double span)
    {
        _points = Math.Min(_points + 1, int.MaxValue - 1);
        var most = _points > Begin && Spread > 0 ? Most * Spread : double.MaxValue;
        Spread += Math.Max(1 / span, 1.0 / _points) * (Math.Min(Math.Abs(distance), most) - Spread);
    }
}
