using System.Collections.Immutable;
using System.Globalization;
using Mainstay.Control.Config;

namespace Mainstay.Control.Signals;

/// <summary>Which points of which series somebody wants.</summary>
/// <param name="Name">Of the series.</param>
/// <param name="Labels">That a series must have, beside others.</param>
/// <param name="Step">Seconds of a point.</param>
public sealed record SeriesQuery(string Name, ImmutableDictionary<string, string> Labels, DateTimeOffset From, DateTimeOffset To, int Step)
{
    public const int MostPoints = 5000;
    private const int Usual = 300;
    private static readonly int[] Steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

    /// <summary>Reads one as it stands in an address.</summary>
    /// <param name="from">ISO 8601, or how long ago such as 2h; empty: an hour ago.</param>
    /// <param name="to">Likewise; empty: now.</param>
    /// <param name="step">A duration of whole seconds; empty: some 300 points.</param>
    /// <param name="why">What is wrong with it, and the cure; empty: nothing.</param>
    public static SeriesQuery? TryRead(string name, string? from, string? to, string? step, ImmutableDictionary<string, string> labels, DateTimeOffset now, out string why)
    {
        why = "";
        if (!TryTime(from, now, now - TimeSpan.FromHours(1), out var begin) | !TryTime(to, now, now, out var end))
            why = "from and to: write a time such as 2026-05-03T02:00:00Z, or how long ago, such as 2h.";
        else if (end <= begin || end - begin > Resolution.Hours.Kept)
            why = "to must be later than from, and not by more than 400 days.";
        if (why.Length > 0)
            return null;
        var length = (end - begin).TotalSeconds;
        var seconds = Steps.FirstOrDefault(s => length / s <= Usual, Steps[^1]);
        if (!string.IsNullOrEmpty(step))
        {
            if (!Units.TryDuration(step, out var wanted, out _) || wanted < TimeSpan.FromSeconds(1) || wanted > TimeSpan.FromDays(30) || wanted.Ticks % TimeSpan.TicksPerSecond != 0)
                why = "step: write whole seconds, minutes, hours or days, such as 10s or 1h.";
            seconds = Math.Max(1, (int)wanted.TotalSeconds);
        }
        if (why.Length == 0 && length / seconds > MostPoints)
            why = string.Create(CultureInfo.InvariantCulture, $"That would be more than {MostPoints} points: write a longer step, such as {Steps.FirstOrDefault(s => length / s <= MostPoints, Steps[^1])}s.");
        return why.Length == 0 ? new SeriesQuery(name, labels, begin, end, seconds) : null;
    }

    public bool Fits(SeriesId series) => series.Name == Name && Labels.All(l => series[l.Key] == l.Value);

    private static bool TryTime(string? text, DateTimeOffset now, DateTimeOffset otherwise, out DateTimeOffset time)
    {
        time = otherwise;
        if (string.IsNullOrEmpty(text))
            return true;
        if (Units.TryDuration(text, out var ago, out _) && ago < TimeSpan.FromDays(4000))
        {
            time = now - ago;
            return true;
        }
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
    }
}
