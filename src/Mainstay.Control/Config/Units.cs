using System.Globalization;

namespace Mainstay.Control.Config;

/// <summary>
/// Quantities as people write them: durations (<c>500ms 1s 10m 12h 30d</c>), rates (<c>200/s 50/m</c>), percentages
/// (<c>20%</c>) and sizes (<c>512B 1MiB</c>). A number without a unit is refused: nobody should have to guess it.
/// Each method returns false for what it cannot read, and says in <c>cure</c> what to write instead.
/// </summary>
public static class Units
{
    private const decimal LargestNumber = 1_000_000_000_000m;

    private static readonly Scale Durations = new(
        "a duration such as 500ms, 1s, 10m, 12h or 30d",
        [("ms", 0.001m), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)],
        Others("ms: msec millis milliseconds", "s: sec secs second seconds", "m: min mins minute minutes", "h: hr hour hours", "d: day days"));

    private static readonly Scale Rates = new(
        "a rate such as 200/s or 50/m",
        [("/s", 1), ("/m", 1m / 60), ("/h", 1m / 3600)],
        Others("/s: rps qps ps /sec /second", "/m: rpm /min /minute", "/h: /hour"));

    private static readonly Scale Shares = new("a percentage such as 20% or 99.9%", [("%", 0.01m)], Others("%: percent pct"));

    private static readonly Scale Sizes = new(
        "a size such as 512B, 64KiB, 1MiB or 1GiB",
        [("B", 1), ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30)],
        Others("B: bytes", "KiB: k kb", "MiB: m mb", "GiB: g gb"));

    /// <summary>Reads a duration, from 0 to some ten thousand years.</summary>
    public static bool TryDuration(string text, out TimeSpan value, out string cure)
    {
        var done = Durations.TryRead(text, out var seconds, out cure);
        // A million million of the smaller units still fits; of days it does not.
        if (done && seconds > (decimal)TimeSpan.MaxValue.TotalSeconds / 2)
            (done, cure) = (false, "write a shorter one");
        value = done ? TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond)) : default;
        return done;
    }

    /// <summary>Reads a rate; the value is per second.</summary>
    public static bool TryRate(string text, out double perSecond, out string cure)
    {
        var done = Rates.TryRead(text, out var value, out cure);
        perSecond = (double)value;
        return done;
    }

    /// <summary>Reads a percentage; the value is a share: 20% is 0.2.</summary>
    public static bool TryPercent(string text, out double share, out string cure)
    {
        var done = Shares.TryRead(text, out var value, out cure);
        share = (double)value;
        return done;
    }

    /// <summary>Reads a size; the value is in bytes, rounded down.</summary>
    public static bool TrySize(string text, out long bytes, out string cure)
    {
        var done = Sizes.TryRead(text, out var value, out cure);
        if (done && value > long.MaxValue)
            (done, cure) = (false, "write a smaller one");
        bytes = done ? (long)value : 0;
        return done;
    }

    /// <summary>Reads a number without a unit, from 0 to a million million.</summary>
    internal static bool TryNumber(string text, out decimal value) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value) && value <= LargestNumber;

    /// <summary>Reads "unit: what people write instead of it".</summary>
    private static Dictionary<string, string> Others(params ReadOnlySpan<string> lines)
    {
        var others = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines)
        {
            var words = line.Split(": ");
            foreach (var other in words[1].Split(' '))
                others.Add(other, words[0]);
        }
        return others;
    }

    /// <summary>One kind of quantity: its units with their factors, and what people write instead of them.</summary>
    private sealed record Scale(string Example, (string Unit, decimal Factor)[] Units, Dictionary<string, string> Others)
    {
        public bool TryRead(string text, out decimal value, out string cure)
        {
            value = 0;
            cure = "write " + Example;
            var digits = 0;
            while (digits < text.Length && (char.IsAsciiDigit(text[digits]) || text[digits] == '.'))
                digits++;
            var number = text[..digits];
            if (number.Length == 0 || !TryNumber(number, out var count))
                return false;

            var unit = text[digits..];
            foreach (var (name, factor) in Units)
            {
                if (name != unit)
                    continue;
                value = count * factor;
                cure = "";
                return true;
            }
            if (Meant(unit.Trim()) is { } meant)
                cure = $"did you mean {number}{meant}?";
            else if (unit.Length == 0)
                cure = $"add the unit: {string.Join(", ", Units.Select(u => number + u.Unit))}";
            return false;
        }

        private string? Meant(string unit) =>
            Others.GetValueOrDefault(unit)
            ?? Units.Select(u => u.Unit).FirstOrDefault(u => u.Equals(unit, StringComparison.OrdinalIgnoreCase));
    }
}
