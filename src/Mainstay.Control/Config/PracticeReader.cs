using System.Collections.Immutable;
using System.Globalization;

namespace Mainstay.Control.Config;

/// <summary>Reads the practices on a schedule.</summary>
internal static class PracticeReader
{
    public const string WriteAt = "write a time of UTC such as \"10:00\" or \"Tue 10:00\"";

    /// <param name="root">The root of the file.</param>
    /// <param name="services">What can be practised.</param>
    public static ImmutableArray<PracticeConfig> Read(Section root, ImmutableArray<ServiceConfig> services)
    {
        var practices = ImmutableArray.CreateBuilder<PracticeConfig>();
        foreach (var section in root.Maps("practice"))
        {
            section.Require("region", "at");
            var region = section.Name("region");
            var service = section.Name("service");
            if (region is not null)
                CheckPlace(section, region, service, services);
            var every = section.Duration("every") ?? TimeSpan.FromDays(7);
            var lasts = section.Duration("for") ?? TimeSpan.FromMinutes(10);
            var isAt = TryAt(section.Text("at") ?? "", out var day, out var at);
            if (section.Has("at") && !isAt)
                section.Error("at", "not a time of day", WriteAt);
            if (every.Ticks % TimeSpan.TicksPerDay != 0)
                section.Error("every", "not whole days", "write days, such as 1d or 7d");
            else if (day is not null && every.Days % 7 != 0)
                section.Error("every", "a day of the week stands in `at`, and this is not whole weeks", "write 7d, 14d and so on, or take the day out of `at`");
            if (region is not null && isAt)
                practices.Add(new PracticeConfig(region, service, day, at, every, lasts));
        }
        return practices.ToImmutable();
    }

    private static void CheckPlace(Section section, string region, string? service, ImmutableArray<ServiceConfig> services)
    {
        var named = services.Select(s => s.Routing).Where(s => service is null || s.Name == service).ToList();
        var there = named.Where(s => s.Servers.Any(v => v.Region == region)).ToList();
        if (service is not null && named.Count == 0)
            section.Error("service", $"there is no service {service}", $"write one of: {string.Join(", ", services.Select(s => s.Routing.Name))}");
        else if (there.Count == 0)
            section.Error("region", $"no server{(service is null ? "" : $" of {service}")} stands in {region}", $"write one of: {string.Join(", ", named.SelectMany(s => s.Regions).Distinct())}");
        else if (there.TrueForAll(s => s.Servers.All(v => v.Region == region)))
            section.Error("region", $"what runs in {region} has no server in another region, so there is nothing to practise", "add servers elsewhere first");
    }

    /// <summary>Reads a time of day, perhaps with a day of the week before it.</summary>
    public static bool TryAt(string text, out DayOfWeek? day, out TimeOnly at)
    {
        day = null;
        var time = text;
        if (text.Split(' ') is [var name, var rest])
        {
            time = rest;
            var index = Array.IndexOf(CultureInfo.InvariantCulture.DateTimeFormat.AbbreviatedDayNames, name);
            if (index < 0)
            {
                at = default;
                return false;
            }
            day = (DayOfWeek)index;
        }
        return TimeOnly.TryParseExact(time, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out at);
    }
}
