namespace Mainstay.Control.Detection;

/// <summary>When something that fills will be full, as far as its recent past tells.</summary>
/// <param name="Left">The time until then if it goes on as lately.</param>
/// <param name="AtLeast">The shortest that its unevenness leaves likely (about one in forty is shorter).</param>
/// <param name="PerHour">How fast it fills, in its unit.</param>
public readonly record struct Exhaustion(TimeSpan Left, TimeSpan AtLeast, double PerHour);

/// <summary>
/// Forecasts when a quantity reaches its limit: a disk, a quota, an error budget, a capacity. Two straight lines are fitted by
/// exponentially weighted least squares, one over about the last hour and one over about six; both have to rise
/// beyond their own uncertainty, and the slower rise counts: a burst that is over and a pause in a steady rise both make
/// the time longer, not shorter. When the quantity falls by a tenth of the limit or more, somebody cleaned up, and the past is
/// forgotten. A few dozen bytes; not safe for several threads.
/// </summary>
public sealed class ExhaustionForecast
{
    private const double ShortSeconds = 3_600;
    private const double LongSeconds = 6 * 3_600;
    private const double FewestSeconds = 600;
    private const double MostSeconds = 365.0 * 86_400;
    private const int Version = 1;

    private State _state;

    /// <summary>Takes a point in and forecasts; null while nothing says that the limit will be reached, or within a year.</summary>
    /// <param name="at">Its time; what is not later than the point before is passed over.</param>
    /// <param name="used">How much is used.</param>
    /// <param name="limit">When it is full, in the same unit, above 0.</param>
    public Exhaustion? Judge(DateTimeOffset at, double used, double limit)
    {
        ref var s = ref _state;
        if (!double.IsFinite(used) || !(limit > 0) || !double.IsFinite(limit) || (s.Points > 0 && at.UtcTicks <= s.At))
            return null;
        var seconds = s.Points == 0 ? 0 : (at.UtcTicks - s.At) / (double)TimeSpan.TicksPerSecond;
        if (s.Points > 0 && used < s.Last - (0.1 * limit))
            (s.Short, s.Long) = (default, default);
        (s.Last, s.At, s.Points) = (used, at.UtcTicks, s.Points + 1);
        s.Short.Add(seconds, used, ShortSeconds);
        s.Long.Add(seconds, used, LongSeconds);
        return Forecast(s, limit - used);
    }

    /// <summary>The state as bytes, for <see cref="Restore"/>.</summary>
    public byte[] Save() => SavedState.Write(Version, _state);

    /// <summary>A forecast as it was when it was saved; null if the bytes are of another version.</summary>
    public static ExhaustionForecast? Restore(ReadOnlySpan<byte> saved) =>
        SavedState.TryRead(Version, saved, out State state) ? new ExhaustionForecast { _state = state } : null;

    private static Exhaustion? Forecast(in State s, double room)
    {
        if (room <= 0)
            return new Exhaustion(TimeSpan.Zero, TimeSpan.Zero, 0);
        var (brief, briefError) = s.Short.Slope();
        var (lasting, lastingError) = s.Long.Slope();
        if (!(brief > 3 * briefError) || !(lasting > 3 * lastingError) || s.Short.Seconds < FewestSeconds)
            return null;
        var (slope, error) = brief < lasting ? (brief, briefError) : (lasting, lastingError);
        var left = room / slope;
        return left < MostSeconds
            ? new Exhaustion(TimeSpan.FromSeconds(left), TimeSpan.FromSeconds(room / (slope + (2 * error))), slope * 3_600)
            : null;
    }

    private struct State
    {
        public WeightedLine Short;
        public WeightedLine Long;
        public double Last;
        public long At;
        public long Points;
    }

    /// <summary>A straight line through the points, the older the lighter; time counts backwards from the latest point, so
    /// that sums stay small.</summary>
    private struct WeightedLine
    {
        private double _weight;
        private double _t;
        private double _tt;
        private double _y;
        private double _ty;
        private double _yy;
        private double _first;
        private int _points;

        /// <summary>From the first point to the latest.</summary>
        public double Seconds { get; private set; }

        public void Add(double seconds, double value, double span)
        {
            if (_points++ == 0)
                _first = value;
            var y = value - _first;
            Seconds += _points == 1 ? 0 : seconds;
            // All points move into the past by the time that went by, and lose weight with it.
            _tt += (seconds * seconds * _weight) - (2 * seconds * _t);
            _ty -= seconds * _y;
            _t -= seconds * _weight;
            var kept = Math.Exp(-seconds / span);
            (_weight, _t, _tt, _y, _ty, _yy) = (
                (_weight * kept) + 1, _t * kept, _tt * kept, (_y * kept) + y, _ty * kept, (_yy * kept) + (y * y));
        }

        /// <summary>Rise a second, and its standard error widened for points that follow each other closely.</summary>
        public readonly (double Rise, double Error) Slope()
        {
            if (_points < 10)
                return (0, double.PositiveInfinity);
            var spread = _tt - (_t * _t / _weight);
            if (!(spread > 0))
                return (0, double.PositiveInfinity);
            var rise = (_ty - (_t * _y / _weight)) / spread;
            var rest = Math.Max(0, _yy - (_y * _y / _weight) - (rise * rise * spread));
            // Neighbours are alike: a tenth of the points are taken to be independent.
            var independent = Math.Max(2, Math.Min(_weight, _points) / 10);
            return (rise, Math.Sqrt(rest / _weight / independent / (spread / _weight)));
        }
    }
}
