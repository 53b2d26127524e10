namespace Mainstay.Control.Detection;

/// <summary>How unusual single values are, as high or as low as they are.</summary>
internal struct RecordBand
{
    /// <summary>So many spreads more or less make no difference.</summary>
    private const double Margin = 0.1;

    private RecordAge<FourteenLevels> _high;
    private RecordAge<FourteenLevels> _low;

    /// <param name="value">The value now, not added yet.</param>
    /// <param name="spread">Of single values, above 0.</param>
    /// <returns>Surprise: see <see cref="Rarity"/>.</returns>
    public readonly double Surprise(double value, double spread) => Math.Max(Judge(in _high, value, spread), Judge(in _low, -value, spread));

    public void Add(double value)
    {
        _high.Add((float)value);
        _low.Add((float)-value);
    }

    /// <summary>The lowest and the highest remembered value.</summary>
    public readonly (double Low, double High) Range() => (-_low.Highest(), _high.Highest());

    private static double Judge(in RecordAge<FourteenLevels> record, double value, double spread)
    {
        var age = record.Of((float)(value - (Margin * spread)), out var highest);
        return Rarity.Surprise(age, record.Remembered, (value - highest) / spread);
    }
}
