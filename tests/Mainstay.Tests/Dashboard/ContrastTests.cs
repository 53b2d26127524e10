using System.Globalization;
using System.Text.RegularExpressions;
using Mainstay.Dashboard;

namespace Mainstay.Tests.Dashboard;

/// <summary>Every pair of text and ground that the stylesheet uses holds WCAG AA, 4.5:1, in light and in dark.</summary>
public sealed partial class ContrastTests
{
    private static readonly (string Text, string Ground)[] Pairs =
    [
        ("text", "ground"), ("text", "panel"), ("quiet", "ground"), ("quiet", "panel"), ("link", "ground"), ("link", "panel"), ("panel", "link"),
        ("good", "good-ground"), ("warn", "warn-ground"), ("bad", "bad-ground"), ("off", "off-ground"), ("busy", "busy-ground"),
        ("good", "panel"), ("warn", "panel"), ("bad", "panel"), ("text", "warn-ground"), ("text", "bad-ground"), ("text", "busy-ground"),
        ("text", "off-ground"), ("link", "warn-ground"), ("quiet", "busy-ground"),
    ];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Text_can_be_read_on_its_ground(int palette)
    {
        using var stream = typeof(PageText).Assembly.GetManifestResourceStream("assets/site.css")!;
        var roots = RootBlock().Matches(new StreamReader(stream).ReadToEnd());
        Assert.Equal(2, roots.Count);
        var colours = Colour().Matches(roots[palette].Value).ToDictionary(m => m.Groups["name"].Value, m => Luminance(m.Groups["hex"].Value));

        foreach (var (text, ground) in Pairs)
        {
            var (a, b) = (colours[text], colours[ground]);
            var contrast = (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
            Assert.True(contrast >= 4.5, $"--{text} on --{ground} has only {contrast:0.00}:1 in palette {palette}");
        }
        foreach (var line in new[] { "line-rate", "line-errors", "line-p50", "line-p99", "edge" })
        {
            var (a, b) = (colours[line], colours["panel"]);
            Assert.True((Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05) >= 3, $"--{line} has less than 3:1 in palette {palette}");
        }
    }

    private static double Luminance(string hex)
    {
        double Channel(int at)
        {
            var value = int.Parse(hex.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }
        return (0.2126 * Channel(0)) + (0.7152 * Channel(2)) + (0.0722 * Channel(4));
    }

    [GeneratedRegex(@":root\s*\{[^}]*\}", RegexOptions.None, 1000)]
    private static partial Regex RootBlock();

    [GeneratedRegex("--(?<name>[a-z0-9-]+): #(?<hex>[0-9a-f]{6})", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Colour();
}
