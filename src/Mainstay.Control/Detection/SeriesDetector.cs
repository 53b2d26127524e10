namespace Mainstay.Control.Detection;

/// <summary>
/// Judges one series of any kind, point by point, from its past alone. Three statistics (the value, the mean of about the last
/// 40, how much it changes from point to point) are each asked how long ago they were last so extreme; the
/// tail probabilities of the answers are combined. Not safe for several threads.
/// </summary>
public sealed class SeriesDetector
{
    private const int Silent = 40;
    private const double Usual = 1.5;
    private const double Margin = 0.1;
    private const double GuardRise = 0.5;
    private const double GuardFall = 0.01;

    private SeriesState _state;

    /// <summary>Judges the next point and learns from it.</summary>
    /// <param name="value">Its value; what is not finite is passed over.</param>
    public SeriesScore Judge(double value)
    {
        if (!double.IsFinite(value))
            return default;
        ref var s = ref _state;
        if (s.Points++ == 0)
            (s.Before, s.LocalMean) = (value, value);
        var resolution = (1e-3 * s.LongLevel.Spread) + (1e-6 * Math.Abs(s.LongLevel.Mean)) + 1e-9;
        s.LocalMean += (value - s.LocalMean) / 40;
        s.LocalChange += (Math.Abs(value - s.Before) - s.LocalChange) / 12;
        s.Before = value;
        var spread = s.Level.Spread + resolution;
        var longSpread = s.LongLevel.Spread + resolution;
        var sum = Math.Max(Surprise(ref s.Highest, value, spread), Surprise(ref s.Lowest, -value, spread)) is var a ? a * a : 0;
        var b = Math.Max(Surprise(ref s.HighestMean, s.LocalMean, longSpread), Surprise(ref s.LowestMean, -s.LocalMean, longSpread));
        var c = Surprise(ref s.MostChange, Math.Log(s.LocalChange + resolution), 1);
        var surprise = Math.Sqrt(sum + (b * b) + (c * c));
        s.Level.Add(value, 500);
        s.LongLevel.Add(value, 2000);
        s.Guard = Math.Max(0, s.Guard - GuardFall);
        if (surprise <= s.Guard)
            return new SeriesScore(surprise, 0);
        s.Guard = surprise + GuardRise;
        return new SeriesScore(surprise, 1 - Math.Pow(10, -surprise));
    }

    private static double Surprise(ref RecordAge record, double value, double spread)
    {
        var surprise = 0.0;
        if (record.Remembered >= Silent)
        {
            var age = record.Of((float)(value - (Margin * spread)), out var highest);
            surprise = Math.Log10(age);
            if (float.IsFinite(highest))
                surprise += Math.Log10(1 + ((value - highest) / spread));
        }
        record.Add((float)value);
        return Math.Max(0, surprise - Usual);
    }
}
