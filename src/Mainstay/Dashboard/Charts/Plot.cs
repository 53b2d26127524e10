using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Mainstay.Control;

namespace Mainstay.Dashboard.Charts;

/// <summary>One measure of a chart over time.</summary>
/// <param name="Name">Stands in the legend, such as "p99".</param>
/// <param name="Class">Class of the stylesheet: colour and dash.</param>
/// <param name="Of">The value at a second; NaN: none.</param>
public sealed record Line(string Name, string Class, Func<HistoryPoint, double> Of);

/// <summary>An interval to shade, such as an incident.</summary>
public sealed record Band(DateTimeOffset From, DateTimeOffset? To, string Name);

/// <summary>The geometry of a chart: values to coordinates, round labels, a path that breaks where seconds are missing.</summary>
/// <param name="width">Of the plotted area, in units of the view box.</param>
/// <param name="height">Likewise.</param>
internal sealed class Plot(double width, double height, DateTimeOffset from, DateTimeOffset to, double top)
{
    /// <summary>Without a point for this long, the line ends: a gap must look like one.</summary>
    private static readonly TimeSpan Gap = TimeSpan.FromSeconds(2.5);

    public double X(DateTimeOffset at) => Math.Clamp((at - from) / (to - from), 0, 1) * width;

    public double Y(double value) => height - (Math.Clamp(value / top, 0, 1) * height);

    /// <summary>An SVG path through the points.</summary>
    public string Path(ImmutableArray<HistoryPoint> points, Func<HistoryPoint, double> of)
    {
        var path = new StringBuilder();
        var before = DateTimeOffset.MinValue;
        foreach (var point in points)
        {
            var value = of(point);
            if (point.At < from || point.At > to || !double.IsFinite(value))
                continue;
            path.Append(point.At - before > Gap ? 'M' : 'L').Append(Number(X(point.At))).Append(' ').Append(Number(Y(value)));
            before = point.At;
        }
        return path.ToString();
    }

    /// <summary>The smallest of 1, 2, 3, 4, 5, 6 or 8 times a power of ten that holds the value: an axis whose middle reads well.</summary>
    public static double RoundTop(double largest, double least)
    {
        var value = Math.Max(double.IsFinite(largest) ? largest : 0, least);
        var power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        foreach (var step in (ReadOnlySpan<double>)[1, 2, 3, 4, 5, 6, 8, 10])
        {
            if (value <= step * power * 1.0000001)
                return step * power;
        }
        return 10 * power;
    }

    public static string Number(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    /// <summary>With two decimals, for shares.</summary>
    public static string Number2(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
