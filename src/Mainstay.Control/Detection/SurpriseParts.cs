namespace Mainstay.Control.Detection;

/// <summary>The surprise of a point by aspect; see <see cref="Rarity"/> for the scale.</summary>
internal struct SurpriseParts
{
    public double Value;
    public double Level;
    public double Change;
    public double Rhythm;
    public double Flat;

    /// <summary>The length of the vector.</summary>
    public readonly double Combined =>
        Math.Sqrt((Value * Value) + (Level * Level) + (Change * Change) + (Rhythm * Rhythm) + (Flat * Flat));

    public readonly SeriesAspect Largest
    {
        get
        {
            var largest = Math.Max(Math.Max(Value, Level), Math.Max(Change, Math.Max(Rhythm, Flat)));
            if (Value == largest) return SeriesAspect.Value;
            if (Level == largest) return SeriesAspect.Level;
            if (Change == largest) return SeriesAspect.Change;
            return Rhythm == largest ? SeriesAspect.Rhythm : SeriesAspect.Flat;
        }
    }
}
