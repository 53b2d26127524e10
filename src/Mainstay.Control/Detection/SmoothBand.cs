namespace Mainstay.Control.Detection;

/// <summary>The <see cref="SmoothRecord"/> of a mean in both directions.</summary>
internal struct SmoothBand
{
    /// <summary>A level that differs by less than half of what single values differ by is none of people's concern.</summary>
    private const double Margin = 0.5;

    private SmoothRecord _high;
    private SmoothRecord _low;

    /// <param name="value">The mean now, not added yet.</param>
    /// <param name="spread">Of single values, above 0.</param>
    /// <returns>Surprise: see <see cref="Rarity"/>.</returns>
    public readonly double Surprise(double value, double spread) =>
        Math.Max(_high.Surprise(value, spread, Margin), _low.Surprise(-value, spread, Margin));

    public void Add(double value)
    {
        _high.Add((float)value);
        _low.Add((float)-value);
    }

    /// <summary>The lowest and the highest remembered mean.</summary>
    public readonly (double Low, double High) Range() => (-_low.Highest(), _high.Highest());
}
