namespace Mainstay.Control.Detection;

/// <summary>All that a detector keeps of one series: plain numbers, so that saving them is copying them.</summary>
internal struct SeriesState
{
    public int Points;
    public double Before;
    public double LocalMean;
    public double LocalChange;
    public RunningLevel Level;
    public RunningLevel LongLevel;
    public RecordAge Highest;
    public RecordAge Lowest;
    public RecordAge HighestMean;
    public RecordAge LowestMean;
    public RecordAge MostChange;
    public double Guard;
}
