using System.Collections.Immutable;
using System.Globalization;

namespace Mainstay.Control.Config;

/// <summary>Reads when people are told: escalation, maintenance, heartbeats.</summary>
internal static class AlertsReader
{
    private const int MostHeartbeats = 1000;
    private static readonly string[] Times = ["yyyy-MM-dd'T'HH:mm'Z'", "yyyy-MM-dd'T'HH:mm:ss'Z'"];
    private static readonly TimeSpan LeastGrace = TimeSpan.FromSeconds(10);

    public static AlertsConfig Read(Section? section, ImmutableArray<ServiceConfig> services, ImmutableArray<ChannelConfig> channels)
    {
        var config = new AlertsConfig();
        if (section is null)
            return config;
        return config with
        {
            Wait = section.Duration("wait") ?? config.Wait,
            ResolveAfter = section.Duration("resolve_after") ?? config.ResolveAfter,
            Remind = section.Duration("remind"),
            Expire = section.Duration("expire") ?? config.Expire,
            Escalation = ReadEscalation(section, channels),
            Maintenance = ReadMaintenance(section, services),
            Heartbeat = ReadHeartbeat(section.Map("heartbeat")),
            Heartbeats = ReadHeartbeats(section),
        };
    }

    private static ImmutableArray<EscalationStep> ReadEscalation(Section alerts, ImmutableArray<ChannelConfig> channels)
    {
        var steps = ImmutableArray.CreateBuilder<EscalationStep>();
        foreach (var section in alerts.Maps("escalate"))
        {
            section.Require("after", "to");
            var after = section.Duration("after");
            var names = section.Names("to");
            foreach (var name in names)
            {
                if (channels.All(c => c.Name != name.Text))
                    section.Report(name.Line, name.Key, $"there is no channel {name.Text}", channels.IsEmpty
                        ? "name it under notify first"
                        : NearestWord.Cure(name.Text, [.. channels.Select(c => c.Name)], $"write one of: {string.Join(", ", channels.Select(c => c.Name))}"));
            }
            if (section.IsEmptyList("to"))
                section.Error("to", "names no channel", "write at least one, or take the step out");
            if (after is { } time && steps.Count > 0 && time <= steps[^1].After)
                section.Error("after", "not later than the step before", "write the steps in the order of their times");
            steps.Add(new EscalationStep(after ?? TimeSpan.Zero, [.. names.Select(n => n.Text)]));
        }
        return steps.ToImmutable();
    }

    private static ImmutableArray<MaintenanceWindow> ReadMaintenance(Section alerts, ImmutableArray<ServiceConfig> services)
    {
        var windows = ImmutableArray.CreateBuilder<MaintenanceWindow>();
        foreach (var section in alerts.Maps("maintenance"))
        {
            section.Require("name");
            var name = section.Name("name") ?? "";
            if (windows.Any(w => w.Name == name))
                section.Error("name", $"another window has the name {name}", "give each its own: alerts say by it what silences them");
            var window = new MaintenanceWindow(
                name, Known(section, "services", [.. services.Select(s => s.Routing.Name)]),
                Known(section, "regions", [.. services.SelectMany(s => s.Routing.Servers).Select(s => s.Region).Distinct()]));
            if (ReadTimes(section, window) is { } read)
                windows.Add(read);
        }
        return windows.ToImmutable();
    }

    private static MaintenanceWindow? ReadTimes(Section section, MaintenanceWindow window)
    {
        var once = section.Has("from") || section.Has("until");
        if (once == (section.Has("at") || section.Has("for")))
        {
            section.Error(once ? "is said to happen once and again and again" : "says no time", "write `from` and `until`, or `at` and `for`");
            return null;
        }
        if (once)
        {
            section.Require("from", "until");
            var from = Time(section, "from");
            var until = Time(section, "until");
            if (section.Has("every"))
                section.Error("every", "what has a `from` happens once", "take it out, or write `at` and `for`");
            if (until <= from)
                section.Error("until", "not after `from`", "write a later time");
            return from is { } begin && until is { } end ? window with { Once = (begin, end) } : null;
        }
        section.Require("at", "for");
        var isAt = PracticeReader.TryAt(section.Text("at") ?? "", out var day, out var at);
        if (section.Has("at") && !isAt)
            section.Error("at", "not a time of day", PracticeReader.WriteAt);
        var every = section.Duration("every") ?? (day is null ? TimeSpan.FromDays(1) : TimeSpan.FromDays(7));
        if (every.Ticks % TimeSpan.TicksPerDay != 0)
            section.Error("every", "not whole days", "write days, such as 1d or 7d");
        else if (day is not null && every.Days % 7 != 0)
            section.Error("every", "a day of the week stands in `at`, and this is not whole weeks", "write 7d, 14d and so on, or take the day out of `at`");
        var lasts = section.Duration("for");
        if (lasts >= every)
            section.Error("for", "lasts until the next one begins, so that nobody would ever be told", "write a shorter one, or a longer `every`");
        return isAt && lasts is { } time ? window with { Day = day, At = at, Every = every, For = time } : null;
    }

    private static DateTimeOffset? Time(Section section, string key)
    {
        if (section.Text(key) is not { } text)
            return null;
        if (DateTimeOffset.TryParseExact(text, Times, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
            return time;
        section.Error(key, $"{Findings.Quote(text)} is not a time of UTC", "write one such as 2026-05-03T02:00Z");
        return null;
    }

    /// <summary>Names that must be among those known: a window for what does not exist would silence nothing.</summary>
    private static ImmutableArray<string> Known(Section section, string key, string[] known)
    {
        var names = section.Names(key);
        foreach (var name in names.Where(n => !known.Contains(n.Text)))
            section.Report(name.Line, name.Key, $"nothing is called {name.Text}", NearestWord.Cure(name.Text, known, $"write one of: {string.Join(", ", known.Take(20))}"));
        return [.. names.Select(n => n.Text)];
    }

    private static OwnHeartbeat? ReadHeartbeat(Section? section)
    {
        section?.Require("url");
        return section is not null && Addresses.SecretWeb(section, "url") is { } url
            ? new OwnHeartbeat(url, section.Duration("every") ?? TimeSpan.FromMinutes(1))
            : null;
    }

    private static ImmutableArray<HeartbeatConfig> ReadHeartbeats(Section alerts)
    {
        var heartbeats = ImmutableArray.CreateBuilder<HeartbeatConfig>();
        foreach (var section in alerts.Maps("heartbeats"))
        {
            section.Require("name", "every");
            var name = section.Name("name") ?? "";
            if (heartbeats.Any(h => h.Name == name))
                section.Error("name", $"another heartbeat has the name {name}", "give each its own: jobs report by it");
            var every = section.Duration("every") ?? TimeSpan.FromDays(1);
            var tenth = every / 10;
            heartbeats.Add(new HeartbeatConfig(
                name, every, section.Duration("grace") ?? (tenth < LeastGrace ? LeastGrace : tenth), section.Choice<Severity>("severity") ?? Severity.Page,
                section.Name("service"), section.Name("region")));
        }
        if (heartbeats.Count > MostHeartbeats)
            alerts.Error("heartbeats", $"{heartbeats.Count} heartbeats", $"write {MostHeartbeats} at most");
        return heartbeats.ToImmutable();
    }
}
