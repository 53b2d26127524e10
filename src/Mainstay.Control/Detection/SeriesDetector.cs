namespace Mainstay.Control.Detection;

/// <summary>
/// Judges one series of any kind, point by point, from its past alone, with one configuration for all series. Four statistics
/// (the value, its mean over some tens of points, how much it changes from point to point, how far that mean is off the rhythm of
/// day and week) are each asked how long ago they were last so extreme; their surprises are combined as the length of a
/// vector, so that several half-unusual ones make an unusual point. A stand-still that is twice as long as any before counts too.
/// A point is reported if it is more surprising than a guard that rises above each point reported and then falls slowly: the
/// refractory period. Behind it only worse news is news. Not safe for several threads.
/// </summary>
public sealed class SeriesDetector
{
    /// <summary>Score from which a point is worth people's time: that of a plain record. See docs/benchmarks.md.</summary>
    public const double Alarm = 0.99;

    internal const int MeanSpan = 40;
    internal const int ChangeSpan = 12;

    private const int LevelSpan = 500;
    private const int LongSpan = 2000;
    /// <summary>A fifth more or less, as a natural logarithm.</summary>
    private const double ChangeMargin = 0.2;

    private const double GuardRise = 0.5;
    private const double GuardFall = 0.01;
    private const double Noticed = 1;
    private const int FewestUnchanged = 30;

    /// <summary>As much as a plain record.</summary>
    private const double FlatSurprise = 2.05;

    private const int Version = 1;

    private SeriesState _state = new();

    /// <summary>Bytes that <see cref="Save"/> gives, and about what a series takes of memory.</summary>
    public static int SavedBytes { get; } = SavedState.Bytes<SeriesState>();

    /// <summary>Points judged.</summary>
    public long Points => _state.Points;

    /// <summary>Points passed over because they were no finite number.</summary>
    public long NotFinite => _state.NotFinite;

    /// <summary>Points that were not later than the one before: passed over, but for every tenth in a row, since the clock may have
    /// been set back.</summary>
    public long Late => _state.Clock.Late;

    /// <summary>Judges the next point and learns from it.</summary>
    /// <param name="at">Its time.</param>
    /// <param name="value">Its value in any unit.</param>
    public SeriesScore Judge(DateTimeOffset at, double value)
    {
        ref var s = ref _state;
        // Beyond the range of float no difference could be seen, and sums would overflow.
        if (!(Math.Abs(value) < 1e30))
        {
            s.NotFinite++;
            return default;
        }
        if (!s.Clock.Take(at.UtcTicks))
            return default;
        if (s.Points++ == 0)
            s.Before = value;
        return JudgeInOrder(ref s, value);
    }

    /// <summary>Tells, between points, whether they have stopped coming: null while they have not.</summary>
    public SeriesEvidence? Silence(DateTimeOffset now) => _state.Clock.Silence(now.UtcTicks) is { } seconds
        ? new SeriesEvidence(
            SeriesAspect.Silence, double.NegativeInfinity, _state.Clock.Longest, seconds, new DateTimeOffset(_state.Clock.At, TimeSpan.Zero), now)
        : null;

    /// <summary>The state as bytes: a detector restored from them gives the same scores as this one would.</summary>
    public byte[] Save() => SavedState.Write(Version, _state);

    /// <summary>A detector as it was when it was saved; null if the bytes are of another version: then a new one has to learn anew.</summary>
    public static SeriesDetector? Restore(ReadOnlySpan<byte> saved) =>
        SavedState.TryRead(Version, saved, out SeriesState state) ? new SeriesDetector { _state = state } : null;

    private static SeriesScore JudgeInOrder(ref SeriesState s, double value)
    {
        // Differences below this are those of the representation.
        var resolution = (1e-3 * s.LongLevel.Spread) + (1e-6 * Math.Abs(s.LongLevel.Mean)) + 1e-9;
        var spread = s.Level.Spread + resolution;
        var longSpread = s.LongLevel.Spread + resolution;
        s.Mean += (value - s.Mean) / Math.Min(s.Points, MeanSpan);
        s.Change += (Math.Abs(value - s.Before) - s.Change) / ChangeSpan;
        var expected = s.Profile.Expect(s.Clock.At / TimeSpan.TicksPerSecond, value, s.LongLevel.Mean);
        var change = Math.Log(s.Change + resolution);

        var parts = new SurpriseParts
        {
            Value = s.Values.Surprise(value, spread),
            Level = s.Means.Surprise(s.Mean, longSpread),
            Change = s.Changes.Surprise(change, 1, ChangeMargin),
            Flat = Flatness(ref s, value),
        };
        s.Before = value;
        if (!double.IsNaN(expected))
        {
            s.OffRhythm += (value - expected - s.OffRhythm) / MeanSpan;
            if (s.Profile.IsRhythmic)
                parts.Rhythm = s.OffRhythms.Surprise(s.OffRhythm, s.Rhythm.Spread + resolution);
        }
        var score = Report(ref s, parts, expected);

        s.Values.Add(value);
        // The mean of the first few points may lie anywhere.
        if (s.Points >= MeanSpan)
            s.Means.Add(s.Mean);
        s.Changes.Add((float)change);
        if (!double.IsNaN(expected))
        {
            s.OffRhythms.Add(s.OffRhythm);
            s.Rhythm.AddDistance(value - expected, LevelSpan);
        }
        s.Level.Add(value, LevelSpan);
        s.LongLevel.Add(value, LongSpan);
        return score;
    }

    /// <summary>A stand-still is unusual only for a series that moved most of the time and never stood still for half as long: counts
    /// of rare events may well be 0 for days. It is told when it begins to be unusual; past ones fade.</summary>
    private static double Flatness(ref SeriesState s, double value)
    {
        if (value != s.Before)
        {
            s.LongestUnchanged = Math.Max(s.LongestUnchanged * (1 - (1f / LongSpan)), s.Unchanged);
            s.Unchanged = 0;
            s.Changed++;
            return 0;
        }
        s.Unchanged++;
        return s.Unchanged is >= FewestUnchanged and < 2 * FewestUnchanged && s.LongestUnchanged < FewestUnchanged / 2
            && s.Points >= LevelSpan && 2 * s.Changed >= s.Points - s.Unchanged
            ? FlatSurprise
            : 0;
    }

    private static SeriesScore Report(ref SeriesState s, in SurpriseParts parts, double expected)
    {
        var surprise = parts.Combined;
        if (surprise < Noticed)
            s.Since = 0;
        else if (s.Since == 0)
            s.Since = s.Clock.At;
        s.Guard = Math.Max(0, s.Guard - GuardFall);
        if (surprise <= s.Guard)
            return new SeriesScore(surprise, 0, null);
        s.Guard = surprise + GuardRise;
        var score = 1 - Math.Pow(10, -surprise);
        return new SeriesScore(surprise, score, score >= Alarm ? Evidence(s, parts, expected) : null);
    }

    private static SeriesEvidence Evidence(in SeriesState s, in SurpriseParts parts, double expected)
    {
        var (low, high, observed) = (0.0, 0.0, 0.0);
        switch (parts.Largest)
        {
            case SeriesAspect.Value:
                (low, high) = s.Values.Range();
                observed = s.Before;
                break;
            case SeriesAspect.Level:
                (low, high) = s.Means.Range();
                observed = s.Mean;
                break;
            case SeriesAspect.Change:
                (low, high) = (double.NegativeInfinity, Math.Exp(s.Changes.Highest()));
                observed = s.Change;
                break;
            case SeriesAspect.Rhythm:
                (low, high) = s.OffRhythms.Range();
                (low, high, observed) = (expected + low, expected + high, expected + s.OffRhythm);
                break;
            default:
                (low, high, observed) = (double.NegativeInfinity, s.LongestUnchanged, s.Unchanged);
                break;
        }
        return new SeriesEvidence(
            parts.Largest, low, high, observed, new DateTimeOffset(s.Since, TimeSpan.Zero), new DateTimeOffset(s.Clock.At, TimeSpan.Zero));
    }
}
