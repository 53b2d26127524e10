namespace Mainstay.Routing.Keys;

/// <summary>
/// A token bucket (J. Turner, 1986) that holds what a minute brings and fills without a pause. What was taken too much is given back,
/// what was taken too little makes a debt that must be filled first. One thread at a time.
/// </summary>
/// <param name="perMinute">What it holds, and what a minute brings; from 1.</param>
/// <param name="now">Timestamp; it is full then.</param>
/// <param name="frequency">Units of a timestamp in a second.</param>
internal sealed class TokenBucket(long perMinute, long now, long frequency)
{
    private double _level = perMinute;
    private long _at = now;
    private long _fullAt = now;

    public long PerMinute => perMinute;

    /// <summary>What is in it; below zero: a debt.</summary>
    public double Level(long now)
    {
        if (now > _at)
        {
            var filled = _level + (perMinute / 60.0 * (now - _at) / frequency);
            _at = now;
            if (filled >= perMinute)
                _fullAt = now;
            _level = Math.Min(perMinute, filled);
        }
        return _level;
    }

    /// <summary>True if it holds so much, but for what is lost in rounding.</summary>
    public bool Has(double amount, long now) => Level(now) >= amount - 1e-6;

    public void Take(double amount) => _level -= amount;

    /// <summary>Gives back what was taken too much. Once it was full again without that, nothing is missing in it.</summary>
    /// <param name="amount">How much; below zero: more was needed.</param>
    /// <param name="takenAt">Timestamp of the taking.</param>
    /// <param name="now">Timestamp.</param>
    public void GiveBack(double amount, long takenAt, long now)
    {
        var level = Level(now);
        if (amount < 0 || _fullAt <= takenAt)
            _level = Math.Min(perMinute, level + amount);
    }

    /// <summary>How long until it holds so much; zero: it does.</summary>
    public TimeSpan Until(double amount, long now) => TimeSpan.FromSeconds(Math.Max(0, (amount - Level(now)) * 60 / perMinute));

    /// <summary>The same bucket for another limit: what was used stays used.</summary>
    public TokenBucket As(long other, long now)
    {
        var bucket = new TokenBucket(other, now, frequency);
        bucket.Take(Math.Max(0, perMinute - Level(now)));
        return bucket;
    }
}
