using System.Numerics;
using System.Runtime.CompilerServices;

namespace Mainstay.Control.Detection;

/// <summary>
/// How long ago a series was last as high as now, in points. If its points are exchangeable, a point is the highest of the last
/// k with probability 1/k, whatever their distribution: so 1/age is a tail probability that means the same on every series.
/// Kept is the highest point of the last finished block of 1, 2, 4, … points, and of the finished halves of
/// the blocks under way, as a binary counter: a few comparisons a point, and what is older than the largest block is forgotten.
/// </summary>
internal struct RecordAge
{
    /// <summary>The largest block has 2^13 points: six days of minutes, eleven months of hours.</summary>
    private const int Levels = 14;

    private Maxima _halves;
    private Maxima _finished;
    private uint _points;

    /// <summary>Points seen, up to the number that are remembered at least.</summary>
    public readonly int Remembered => (int)Math.Min(_points, 1u << (Levels - 1));

    /// <summary>Points since one was at least as high; <see cref="Remembered"/> if none that is remembered was.</summary>
    /// <param name="value">The value now, before it is added.</param>
    /// <param name="highest">The highest remembered point; −infinity if the age is shorter.</param>
    public readonly double Of(float value, out float highest)
    {
        highest = float.NegativeInfinity;
        var underWay = float.NegativeInfinity;
        for (var level = 0; level < Levels && _points >> level != 0; level++)
        {
            if (value <= underWay || value <= _finished[level])
            {
                highest = float.NegativeInfinity;
                return Math.Max(1, 0.75 * (1u << level));
            }
            highest = Math.Max(highest, _finished[level]);
            if ((_points >> level & 1) != 0)
                underWay = Math.Max(underWay, _halves[level]);
        }
        highest = Math.Max(highest, underWay);
        return Remembered;
    }

    public void Add(float value)
    {
        var carries = BitOperations.TrailingZeroCount(~_points);
        for (var level = 0; level < Levels; level++)
        {
            _finished[level] = value;
            if (level >= carries)
            {
                _halves[level] = value;
                break;
            }
            value = Math.Max(value, _halves[level]);
        }
        // The counter stays among the numbers whose lowest bits go on counting the same blocks.
        _points = _points == uint.MaxValue ? (1u << Levels) : _points + 1;
    }

    [InlineArray(Levels)]
    private struct Maxima
    {
        private float _first;
    }
}
