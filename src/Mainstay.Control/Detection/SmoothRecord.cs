namespace Mainstay.Control.Detection;

/// <summary>
/// <see cref="RecordAge{T}"/> for a statistic that moves slowly, such as a mean over some tens of points. Its latest points say nothing
/// about how unusual the next one is, since they are nearly the same: a slow rise would never be a record beside them. So it is compared
/// with what is older than 32 to 64 points, and remembered in blocks of 32.
/// </summary>
internal struct SmoothRecord
{
    private const int Block = 32;

    private RecordAge<NineLevels> _blocks;
    private float _open;
    private float _closed;
    private int _points;

    /// <param name="value">The value now, not added yet.</param>
    /// <param name="spread">Of single values, above 0.</param>
    /// <param name="margin">So many spreads more or less make no difference.</param>
    /// <returns>Surprise: see <see cref="Rarity"/>.</returns>
    public readonly double Surprise(double value, double spread, double margin)
    {
        var age = _blocks.Of((float)(value - (margin * spread)), out var highest);
        return Rarity.Surprise(age * Block, _blocks.Remembered * Block, (value - highest) / spread);
    }

    /// <summary>The highest remembered value that is old enough to count; NaN before there is one.</summary>
    public readonly float Highest() => _blocks.Highest();

    public void Add(float value)
    {
        _open = _points % Block == 0 ? value : Math.Max(_open, value);
        if (++_points % Block != 0)
            return;
        if (_points > Block)
            _blocks.Add(_closed);
        _closed = _open;
        // Counts on without end, always past the first block.
        if (_points >= 1 << 30)
            _points = 2 * Block;
    }
}
