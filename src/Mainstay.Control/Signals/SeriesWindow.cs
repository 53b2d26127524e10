namespace Mainstay.Control.Signals;

/// <summary>What happened on one series in one interval. Windows can be merged, in any order but for <see cref="Last"/>. Not safe for several threads.</summary>
public sealed class SeriesWindow
{
    /// <summary>Points of a gauge or counter; of a histogram the values counted.</summary>
    public double Count { get; private set; }

    /// <summary>Of the values; of a counter, by how much it grew.</summary>
    public double Sum { get; private set; }

    public double Min { get; private set; } = double.PositiveInfinity;

    public double Max { get; private set; } = double.NegativeInfinity;

    /// <summary>The value that came last.</summary>
    public double Last { get; private set; }

    /// <summary>Of a histogram, or null.</summary>
    public Sketch? Values { get; private set; }

    public double Mean => Count > 0 ? Sum / Count : 0;

    public void Add(double value, double count = 1)
    {
        Count += count;
        Sum += value * count;
        Min = Math.Min(Min, value);
        Max = Math.Max(Max, value);
        Last = value;
    }

    /// <summary>Adds values that were counted together.</summary>
    /// <param name="values">How many of what size.</param>
    /// <param name="sum">Their sum, known better than from the sizes.</param>
    public void Add(Sketch values, double sum)
    {
        if (values.Count <= 0)
            return;
        Count += values.Count;
        Sum += sum;
        Last = sum / values.Count;
        Min = Math.Min(Min, values.Quantile(0)!.Value);
        Max = Math.Max(Max, values.Quantile(1)!.Value);
        (Values ??= new Sketch()).Add(values);
    }

    /// <param name="other">Later than what is here.</param>
    public void Add(SeriesWindow other) => Add(other.Count, other.Sum, other.Min, other.Max, other.Last, other.Values);

    internal void Add(double count, double sum, double min, double max, double last, Sketch? values)
    {
        Count += count;
        Sum += sum;
        Min = Math.Min(Min, min);
        Max = Math.Max(Max, max);
        Last = last;
        if (values is not null)
            (Values ??= new Sketch()).Add(values);
    }
}
