using System.Globalization;

namespace Mainstay.Control.Detection;

/// <summary>What a detector makes of one point.</summary>
/// <param name="Surprise">How unusual the point is, over all aspects of the series: a new record in one of them makes 2. From 0, and 0 while nothing is known.</param>
/// <param name="Score">1 − 10^−surprise at a point that stands out from those around it; 0 in the refractory period behind
/// another as unusual.</param>
/// <param name="Evidence">What a person needs to check it; only where <paramref name="Score"/> reaches
/// <see cref="SeriesDetector.Alarm"/>.</param>
public readonly record struct SeriesScore(double Surprise, double Score, SeriesEvidence? Evidence);

/// <summary>What about a series is unusual.</summary>
public enum SeriesAspect
{
    /// <summary>A single value lies beyond what it was.</summary>
    Value,

    /// <summary>Its level over some tens of points.</summary>
    Level,

    /// <summary>How much it changes from point to point.</summary>
    Change,

    /// <summary>It is off its rhythm of the day or the week.</summary>
    Rhythm,

    /// <summary>It stands still.</summary>
    Flat,

    /// <summary>No points come any more.</summary>
    Silence,
}

/// <summary>Why a point stands out.</summary>
/// <param name="Aspect">The aspect with the largest part in it.</param>
/// <param name="Low">The lowest that was remembered of it, −infinity if only high values are unusual.</param>
/// <param name="High">The highest.</param>
/// <param name="Observed">What came: a value, a level or a mean change in the unit of the series; points without a change; seconds of silence.</param>
/// <param name="Since">When the series began to leave the usual.</param>
/// <param name="At">Time of the point.</param>
public sealed record SeriesEvidence(
    SeriesAspect Aspect, double Low, double High, double Observed, DateTimeOffset Since, DateTimeOffset At)
{
    /// <summary>In one line, for logs and timelines.</summary>
    public string Summary
    {
        get
        {
            var usual = double.IsNegativeInfinity(Low) ? Text($"up to {High:G5}") : Text($"{Low:G5} to {High:G5}");
            return Aspect switch
            {
                SeriesAspect.Value => Text($"{Observed:G5}; was {usual}"),
                SeriesAspect.Level => Text($"level of {Observed:G5}; was {usual}"),
                SeriesAspect.Change => Text($"changes by {Observed:G5} from point to point; was {usual}"),
                SeriesAspect.Rhythm => Text($"level of {Observed:G5}; at this time usually {usual}"),
                SeriesAspect.Flat => Text($"the same for {Observed:F0} points; was {usual}"),
                _ => Text($"no point for {Observed:F0} s; was {usual}"),
            };
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
