using System.Globalization;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;

namespace Mainstay.Dashboard;

/// <summary>How numbers and times are written for people: short, with their unit, always in the same shape.</summary>
internal static class Words
{
    /// <summary>Requests per second, such as "198/s".</summary>
    public static string Rate(double perSecond) =>
        perSecond.ToString(perSecond is > 0 and < 9.95 ? "0.0" : "#,0", CultureInfo.InvariantCulture) + "/s";

    /// <summary>A share from 0 to 1, such as "0.04 %"; what is not zero never reads as zero.</summary>
    public static string Percent(double share) => (share * 100) switch
    {
        <= 0 => "0 %",
        < 0.01 => "< 0.01 %",
        < 1 and var percent => percent.ToString("0.##", CultureInfo.InvariantCulture) + " %",
        < 99.95 and var percent when percent % 1 > 0.05 => percent.ToString("0.0", CultureInfo.InvariantCulture) + " %",
        var percent => percent.ToString("0", CultureInfo.InvariantCulture) + " %",
    };

    /// <summary>Milliseconds, such as "12 ms" or "1.4 s"; "–" without traffic.</summary>
    public static string Milliseconds(double value) => value switch
    {
        <= 0 => "–",
        < 10 => value.ToString("0.0", CultureInfo.InvariantCulture) + " ms",
        < 1000 => value.ToString("0", CultureInfo.InvariantCulture) + " ms",
        _ => (value / 1000).ToString("0.0", CultureInfo.InvariantCulture) + " s",
    };

    public static string Count(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    public static string Count(long number, string one, string many) => $"{Count(number)} {(number == 1 ? one : many)}";

    /// <summary>Such as "14:03:07".</summary>
    public static string Clock(DateTimeOffset at) => at.UtcDateTime.ToString("HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>Such as "2026-05-01 14:03:07"; the day is left out if it is that of <paramref name="now"/>.</summary>
    public static string When(DateTimeOffset at, DateTimeOffset now) =>
        at.UtcDateTime.Date == now.UtcDateTime.Date ? Clock(at) : at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    public static string Iso(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>Such as "3 min 20 s", two units at most.</summary>
    public static string Span(TimeSpan span)
    {
        var seconds = Math.Max(0, (long)Math.Round(span.TotalSeconds));
        return seconds switch
        {
            < 60 => $"{seconds} s",
            < 3600 => Two(seconds / 60, "min", seconds % 60, "s"),
            < 86400 => Two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
            _ => Two(seconds / 86400, "d", seconds % 86400 / 3600, "h"),
        };
    }

    /// <summary>Such as "3 min 20 s ago".</summary>
    public static string Ago(DateTimeOffset at, DateTimeOffset now) => now - at < TimeSpan.FromSeconds(1) ? "just now" : Span(now - at) + " ago";

    public static string Of(RemedyMode mode) => mode switch
    {
        RemedyMode.Act => "act on their own",
        RemedyMode.Propose => "wait for a person",
        _ => "only observe",
    };

    /// <summary>Why requests are not let in, or breakers not heeded; empty while neither is so.</summary>
    public static string Overload(ServiceStatus service)
    {
        var shed = service.ShedPerSecond;
        var words = new List<string>();
        if (service.Waiting > 0 || shed.All > 0)
            words.Add($"Every place on the servers is taken: {Count(service.Waiting, "request waits", "requests wait")}, shed are {Rate(shed.Critical)} critical, {Rate(shed.Default)} default, {Rate(shed.Sheddable)} sheddable.");
        if (service.IsInPanic)
            words.Add("Too few servers are left: breakers are not heeded.");
        return string.Join(' ', words);
    }

    /// <summary>What a server gets at a time, such as "3 of 8, learned" (those that wait for their first byte) or "5 of 16" (those under way).</summary>
    public static string Limit(ServerStatus server) => server switch
    {
        { Limit: null } => "none",
        { IsLimitLearned: true } => $"{Count(server.Waiting)} of {Count(server.Limit.Value)}, learned",
        _ => $"{Count(server.Outstanding)} of {Count(server.Limit.Value)}",
    };

    /// <summary>What the engine of a server says, such as "engine: 12 running, 3 waiting, 9 of others, cache 41 %"; empty if it is not asked.</summary>
    public static string Engine(ServerStatus server) => server switch
    {
        { Engine: { } said } => $"engine: {Count(said.Running)} running, {Count(said.Waiting)} waiting, {Count(said.Others)} of others{(said.Cache is { } cache ? $", cache {Percent(cache)}" : "")}",
        { EngineTrouble: { } trouble } => $"engine: its metrics count for nothing, {trouble}",
        _ => "",
    };

    /// <summary>What callers feel, in a few words.</summary>
    public static string Severity(Impact impact) => impact switch
    {
        { Failed: > 0 } => "Callers got errors",
        { Slow: > 0 } => "Callers waited longer",
        _ => "No caller was harmed",
    };

    private static string Two(long large, string largeUnit, long small, string smallUnit) =>
        small == 0 ? $"{large} {largeUnit}" : $"{large} {largeUnit} {small} {smallUnit}";
}
