using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mainstay.Control.Detection;

/// <summary>
/// How long ago a series was last as high as now, in points. If its points are exchangeable, a point is the highest of the last
/// k with probability 1/k, whatever their distribution: so 1/age is a tail probability that means the same on every series.
/// Kept is the highest point of the last finished block of 1, 2, 4, … points, and of the finished halves of
/// the blocks under way, as a binary counter: a few comparisons a point, and what is older than the largest block is forgotten.
/// </summary>
/// <typeparam name="TLevels">An inline array of floats, one for each size of block.</typeparam>
internal struct RecordAge<TLevels>
    where TLevels : unmanaged
{
    private TLevels _halves;
    private TLevels _finished;
    private uint _points;

    /// <summary>Points seen, up to the size of the largest block, which are remembered at least.</summary>
    public readonly int Remembered => (int)Math.Min(_points, 1u << (Levels - 1));

    private static int Levels => Unsafe.SizeOf<TLevels>() / sizeof(float);

    /// <summary>Points since one was at least as high, within a factor of 2.7; <see cref="Remembered"/> if none that is remembered was.</summary>
    /// <param name="value">The value now, not added yet.</param>
    /// <param name="highest">The highest remembered point; NaN unless all of them are lower.</param>
    public readonly double Of(float value, out float highest)
    {
        var halves = Values(in _halves);
        var finished = Values(in _finished);
        highest = float.NaN;
        var before = float.NegativeInfinity;
        var underWay = float.NegativeInfinity;
        for (var level = 0; level < finished.Length && _points >> level != 0; level++)
        {
            before = Math.Max(before, Math.Max(underWay, finished[level]));
            if (value <= before)
                return Math.Max(1, 0.75 * (1u << level));
            if ((_points >> level & 1) != 0)
                underWay = Math.Max(underWay, halves[level]);
        }
        if (value <= underWay)
            return 0.75 * Remembered;
        highest = Math.Max(before, underWay);
        return Remembered;
    }

    /// <summary>The highest remembered point; −infinity before the first.</summary>
    public readonly float Highest()
    {
        Of(float.PositiveInfinity, out var highest);
        return highest;
    }

    public void Add(float value)
    {
        var halves = MemoryMarshal.CreateSpan(ref Unsafe.As<TLevels, float>(ref _halves), Levels);
        var finished = MemoryMarshal.CreateSpan(ref Unsafe.As<TLevels, float>(ref _finished), Levels);
        var full = BitOperations.TrailingZeroCount(~_points);
        for (var level = 0; level < finished.Length; level++)
        {
            finished[level] = value;
            if (level >= full)
            {
                halves[level] = value;
                break;
            }
            value = Math.Max(value, halves[level]);
        }
        // After 2^32 points it goes on as if it had begun a largest block ago: the lower bits are zero in both.
        _points = _points == uint.MaxValue ? 1u << Levels : _points + 1;
    }

    private static ReadOnlySpan<float> Values(in TLevels levels) =>
        MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<TLevels, float>(ref Unsafe.AsRef(in levels)), Levels);
}

/// <summary>Blocks of 1 to 2^13.</summary>
[InlineArray(14)]
internal struct FourteenLevels
{
    private float _first;
}

/// <summary>Blocks of 1 to 2^8.</summary>
[InlineArray(9)]
internal struct NineLevels
{
    private float _first;
}
