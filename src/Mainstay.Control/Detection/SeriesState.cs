namespace Mainstay.Control.Detection;

/// <summary>All that a detector keeps of one series: plain numbers, so that saving them is copying them.</summary>
internal struct SeriesState
{
    public SeriesState() => Profile = new SeasonalProfile();

    /// <summary>Points judged.</summary>
    public long Points;

    /// <summary>Points that were no finite number.</summary>
    public long NotFinite;

    /// <summary>When its points come.</summary>
    public PointClock Clock;

    /// <summary>Points whose value was not that of the one before.</summary>
    public long Changed;

    /// <summary>Points since the value changed.</summary>
    public int Unchanged;

    /// <summary>The longest of those before; fades.</summary>
    public float LongestUnchanged;

    /// <summary>When the surprise left the usual; 0 while it is usual.</summary>
    public long Since;

    /// <summary>The value before.</summary>
    public double Before;

    /// <summary>Mean of about the last <see cref="SeriesDetector.MeanSpan"/> values.</summary>
    public double Mean;

    /// <summary>Mean of about the last <see cref="SeriesDetector.ChangeSpan"/> distances from one value to the next.</summary>
    public double Change;

    /// <summary>Mean of about the last <see cref="SeriesDetector.MeanSpan"/> distances from the rhythm of day and week.</summary>
    public double OffRhythm;

    /// <summary>Mean absolute distance from that rhythm, over hundreds of points.</summary>
    public RunningLevel Rhythm;

    public RunningLevel Level;
    public RunningLevel LongLevel;
    public RecordBand Values;
    public SmoothBand Means;
    public SmoothRecord Changes;
    public SmoothBand OffRhythms;
    public SeasonalProfile Profile;

    /// <summary>Surprise that a point has to exceed so soon behind the last one reported.</summary>
    public double Guard;
}
