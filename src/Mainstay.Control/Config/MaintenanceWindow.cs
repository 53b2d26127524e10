using System.Collections.Immutable;

namespace Mainstay.Control.Config;

/// <summary>A time of work that is announced: alerts of what is worked on are kept, and nobody is told.</summary>
/// <param name="Name">Stands beside the alerts that it silences.</param>
/// <param name="Services">What is worked on; empty: every service.</param>
/// <param name="Regions">Where; empty: every region.</param>
public sealed record MaintenanceWindow(string Name, ImmutableArray<string> Services, ImmutableArray<string> Regions)
{
    private static readonly DateTimeOffset FirstMonday = new(1970, 1, 5, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Begin and end of one that happens once; null: it comes again and again.</summary>
    public (DateTimeOffset From, DateTimeOffset Until)? Once { get; init; }

    /// <summary>Day of the week; null: any.</summary>
    public DayOfWeek? Day { get; init; }

    /// <summary>Time of day, UTC.</summary>
    public TimeOnly At { get; init; }

    /// <summary>Whole days; counted from Monday, 1970-01-05.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromDays(7);

    public TimeSpan For { get; init; }

    /// <summary>True while there is work.</summary>
    public bool Contains(DateTimeOffset now)
    {
        if (Once is var (from, until))
            return now >= from && now < until;
        var first = FirstMonday.AddDays(Day is { } day ? ((int)day + 6) % 7 : 0) + At.ToTimeSpan();
        var last = first + (Math.Floor((now - first) / Every) * Every);
        return now - last < For;
    }

    /// <summary>True if something there is meant.</summary>
    public bool Covers(string? service, string? region) =>
        (Services.IsEmpty || (service is not null && Services.Contains(service)))
        && (Regions.IsEmpty || (region is not null && Regions.Contains(region)));
}
