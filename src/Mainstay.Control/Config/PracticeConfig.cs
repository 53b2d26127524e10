namespace Mainstay.Control.Config;

/// <summary>A practice on a schedule. The same file gives the same times, whenever the program was started.</summary>
/// <param name="Region">The region that is shifted away.</param>
/// <param name="Service">The one service; null: every one.</param>
/// <param name="Day">Day of the week; null: any.</param>
/// <param name="At">Time of day, UTC.</param>
/// <param name="Every">Whole days; counted from Monday, 1970-01-05.</param>
/// <param name="For">How long each lasts.</param>
public sealed record PracticeConfig(string Region, string? Service, DayOfWeek? Day, TimeOnly At, TimeSpan Every, TimeSpan For)
{
    private static readonly DateTimeOffset FirstMonday = new(1970, 1, 5, 0, 0, 0, TimeSpan.Zero);

    public string Title => Service is null ? Region : $"{Region} of {Service}";

    /// <summary>True if one is due after <paramref name="from"/>, and at <paramref name="to"/> at the latest.</summary>
    public bool IsDueIn(DateTimeOffset from, DateTimeOffset to)
    {
        var first = FirstMonday.AddDays(Day is { } day ? ((int)day + 6) % 7 : 0) + At.ToTimeSpan();
        var last = first + (Math.Floor((to - first) / Every) * Every);
        return last > from && last <= to;
    }
}
