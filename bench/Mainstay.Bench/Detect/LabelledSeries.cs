using System.Globalization;

namespace Mainstay.Bench.Detect;

/// <summary>One series of a benchmark: its points in order, and where people saw something wrong.</summary>
/// <param name="Category">The folder it lies in.</param>
/// <param name="File">Its file name.</param>
/// <param name="Stamps">Times as they are written in the file.</param>
/// <param name="Times">The same as UTC.</param>
/// <param name="Values">Values; NaN where the file has none.</param>
/// <param name="Labels">First and last row, both included, of each labelled stretch, in order.</param>
internal sealed record LabelledSeries(
    string Category, string File, string[] Stamps, DateTimeOffset[] Times, double[] Values, IReadOnlyList<(int First, int Last)> Labels)
{
    public string Name => $"{Category}/{File}";

    public int Length => Values.Length;

    /// <summary>From the first row to the last.</summary>
    public double Days => Length == 0 ? 0 : (Times[^1] - Times[0]).TotalDays;

    /// <summary>The fields of a line of CSV without the quotes around them; the files have no commas within fields.</summary>
    public static string[] Fields(string line) => [.. line.Split(',').Select(field => field.Trim().Trim('"'))];

    public static DateTimeOffset Time(string text) =>
        DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal);

    public static double Value(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : double.NaN;
}
