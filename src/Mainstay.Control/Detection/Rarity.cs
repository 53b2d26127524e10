namespace Mainstay.Control.Detection;

/// <summary>
/// The scale on which all aspects of all series are compared: the surprise is −log10 of how many points so extreme a past of this length is expected
/// to hold, times a hundred. If n points are remembered, one whose like was last seen k points ago makes 2 + log10(k/n): a new record makes 2
/// on every series, however long and however distributed.
/// </summary>
internal static class Rarity
{
    /// <summary>Points before which nothing is judged.</summary>
    public const int Silent = 40;

    /// <summary>A past shorter than that counts as if it were so long: young series have to be more extreme.</summary>
    private const int Young = 200;

    /// <param name="age">Points since the series was last so extreme; <paramref name="remembered"/> if it never was.</param>
    /// <param name="remembered">Points of the past.</param>
    /// <param name="beyond">How far the point lies beyond all before, in spreads; NaN if it does not. It adds log10(1 + that).</param>
    /// <returns>The surprise, from 0; 0 while too little is known.</returns>
    public static double Surprise(double age, int remembered, double beyond)
    {
        // The age of most points is far below a hundredth of the past: they need no logarithm.
        if (remembered < Silent || age * 100 <= remembered)
            return 0;
        var surprise = 2 + Math.Log10(age / Math.Max(remembered, Young));
        return Math.Max(0, double.IsNaN(beyond) ? surprise : surprise + Math.Log10(1 + Math.Max(0, beyond)));
    }
}
