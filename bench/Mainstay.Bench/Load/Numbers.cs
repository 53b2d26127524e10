namespace Mainstay.Bench.Load;

/// <summary>Figures from many measurements.</summary>
internal static class Numbers
{
    /// <summary>Nearest rank; NaN if there is nothing.</summary>
    /// <param name="share">From 0 to 1.</param>
    public static double Quantile(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    public static double Median(IEnumerable<double> values) => Quantile(values, 0.5);
}
