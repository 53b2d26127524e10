using System.Collections.Immutable;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;
using Mainstay.Control.Notify;

namespace Mainstay.Control.Alerts;

/// <summary>
/// Which alerts are told together, when, and to whom. A group opens with its first alert and is over when all of them, and the incident of
/// its region, have been over for a while; what comes back sooner is no news. Reads neither clock nor disk. Not safe for several threads.
/// </summary>
internal sealed class AlertGroups
{
    private const int MostClosed = 500;
    private const int MostFingerprints = 20;
    private static readonly TimeSpan FlapMemory = TimeSpan.FromHours(2);
    private static readonly TimeSpan LongestHold = TimeSpan.FromHours(1);

    /// <summary>Between two messages that only say that more services are hit; doubled each time.</summary>
    private static readonly TimeSpan UpdateGap = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, AlertGroup> _open = [];
    private readonly AlertRows _rows;
    private int _last;

    /// <param name="kept">Rows as the disk has them.</param>
    /// <param name="rows">Where changes go.</param>
    public AlertGroups(IReadOnlyDictionary<string, string> kept, AlertRows rows)
    {
        _rows = rows;
        var groups = AlertRows.Read(kept, AlertRows.Groups, AlertJson.Default.AlertGroup).ToList();
        foreach (var group in groups.Where(g => g.Closed is null))
            _open[group.Key] = group;
        Closed = [.. groups.Where(g => g.Closed is not null).OrderByDescending(g => g.Closed).Take(MostClosed)];
        _last = Math.Max(AlertRows.TryParse(kept.GetValueOrDefault(AlertRows.NumbersKey), AlertJson.Default.Numbers)?.Group ?? 0, groups.Select(g => g.Number).DefaultIfEmpty(0).Max());
    }

    /// <summary>Those that are open.</summary>
    public IReadOnlyCollection<AlertGroup> Open => _open.Values;

    /// <summary>The last ones that are over and that people heard of, newest first.</summary>
    public ImmutableArray<AlertGroup> Closed { get; private set; }

    public int Last => _last;

    public AlertGroup? Find(int number) => _open.Values.FirstOrDefault(g => g.Number == number);

    public AlertGroup? Find(string key) => _open.GetValueOrDefault(key);

    /// <summary>Takes the groups to the end of a tick.</summary>
    /// <param name="alerts">Those that stand.</param>
    /// <param name="incidents">As they stand.</param>
    /// <param name="config">Channels and times.</param>
    /// <param name="now">Time of the tick.</param>
    /// <returns>Messages, and what the journal should say.</returns>
    public AlertStep Advance(IReadOnlyCollection<Alert> alerts, ImmutableArray<Incident> incidents, MainstayConfig config, DateTimeOffset now)
    {
        var step = new AlertStep(now);
        var members = alerts.ToLookup(a => a.GroupKey);
        foreach (var key in members.Select(m => m.Key).Where(key => !_open.ContainsKey(key)).Order(StringComparer.Ordinal).ToList())
            _open[key] = Begin(key, members[key].First(), config.Alerts, now);
        var openIn = incidents.Where(i => i.IsOpen).ToDictionary(i => i.Region);
        // In the same order in every process, whatever order the disk gives.
        foreach (var group in _open.Values.OrderBy(g => g.Number).ToList())
        {
            var incident = group.Region is null ? null : openIn.GetValueOrDefault(group.Region);
            var after = Advance(group, [.. members[group.Key]], incident, config, step);
            if (after.Closed is not null)
                Close(after, incidents, config, step);
            else if (after != group)
                _rows.Put(_open[group.Key] = after);
        }
        return step;
    }

    /// <summary>A person takes care of a group.</summary>
    public AlertGroup Acknowledge(AlertGroup group, string who, string why, MainstayConfig config, AlertStep step)
    {
        var after = group with { Acknowledged = new Acknowledgement(who, step.Now, why) };
        if (group.Told is not null)
            after = Tell(after, MessageKind.Acknowledged, group.Channels, $"{who} takes care of it: {group.Title}", why, config, step, [], null);
        step.Facts.Add(($"acknowledged alert {group.Number} ({group.Title}){(why.Length > 0 ? $": {why}" : "")}", who));
        _rows.Put(_open[group.Key] = after);
        return after;
    }

    private AlertGroup Begin(string key, Alert first, AlertsConfig config, DateTimeOffset now)
    {
        var back = Closed.Count(g => g.Key == key && now - g.Closed < FlapMemory);
        var hold = config.ResolveAfter * Math.Pow(2, Math.Min(back, 12));
        return new AlertGroup
        {
            Number = ++_last,
            Key = key,
            Region = first.Region,
            Opened = now,
            Hold = back > 0 && hold > LongestHold ? (LongestHold > config.ResolveAfter ? LongestHold : config.ResolveAfter) : hold,
        };
    }

    private static AlertGroup Advance(AlertGroup group, ImmutableArray<Alert> members, Incident? incident, MainstayConfig config, AlertStep step)
    {
        var now = step.Now;
        var after = Gather(group, members, incident);
        if (members.IsEmpty && incident is null)
        {
            if (after.QuietSince is not { } quiet)
                return after with { QuietSince = now };
            return now - quiet < after.Hold ? after : after with { Closed = now };
        }
        if (after.QuietSince is not null)
            after = after with { QuietSince = null, Flaps = after.Flaps + 1 };
        ImmutableArray<Alert> active = [.. members.Where(m => m.IsActive).OrderBy(m => m.Since).ThenBy(m => m.Fingerprint, StringComparer.Ordinal)];
        if (active.IsEmpty)
            return after;
        var services = active.Select(a => a.Service).OfType<string>().Except(after.Services).ToList();
        after = after with
        {
            ActiveSince = after.ActiveSince ?? now,
            // The same array while it says the same: only what changed is written to the disk.
            Services = services.Count == 0 ? after.Services : [.. after.Services, .. services],
        };
        var severity = active.Max(a => a.Severity);
        if (after.Told is null)
        {
            after = after with { Severity = severity, Title = AlertText.Title(after, active, incident) };
            return now - after.ActiveSince >= config.Alerts.Wait ? TellMore(after, active, incident, config, step) : after;
        }
        return TellMore(GetWorse(after, severity, active, incident, config, step), active, incident, config, step);
    }

    /// <summary>What a group knows of its alerts and incidents, told or not.</summary>
    private static AlertGroup Gather(AlertGroup group, ImmutableArray<Alert> members, Incident? incident)
    {
        if (incident is not null && !group.Incidents.Contains(incident.Number))
            group = group with { Incidents = group.Incidents.Length < 50 ? group.Incidents.Add(incident.Number) : [.. group.Incidents.Skip(1), incident.Number] };
        return members.Length > group.Raised ? group with { Raised = members.Length } : group;
    }

    /// <summary>Says to those who were told what makes a difference: it is graver, a person is asked, more services are hit.</summary>
    private static AlertGroup GetWorse(
        AlertGroup group, Severity severity, ImmutableArray<Alert> active, Incident? incident, MainstayConfig config, AlertStep step)
    {
        var asks = Asks(incident).Except(group.Asked).ToList();
        // What was observed when people were first told stays the title, unless it became something else.
        var graver = severity > group.Severity;
        var more = group.Services.Except(group.ToldServices).Any() && step.Now - group.LastTold >= UpdateGap * Math.Pow(2, Math.Min(group.Updates, 8));
        var remind = config.Alerts.Remind is { } every && group.Acknowledged is null && step.Now - group.LastTold >= every;
        if (!graver && !more && asks.Count == 0 && !remind)
            return group;
        group = graver || more ? group with { Title = AlertText.Title(group, active, incident) } : group;
        var title = graver ? $"Worse: {group.Title}" : asks.Count > 0 ? $"A person is asked: {group.Title}" : more ? $"More is hit: {group.Title}" : $"Still: {group.Title}";
        group = group with
        {
            Severity = graver ? severity : group.Severity,
            // Who took care of a warning does not know yet that it became more.
            Acknowledged = graver ? null : group.Acknowledged,
            Updates = group.Updates + (more ? 1 : 0),
            Asked = [.. group.Asked, .. asks],
            ToldServices = group.Services,
        };
        var kind = graver || more || asks.Count > 0 ? MessageKind.Updated : MessageKind.Reminder;
        return Tell(group, kind, group.Channels, title, AlertText.Body(group, active, incident), config, step, active, incident);
    }

    /// <summary>Tells the channels whose turn it is and that know nothing yet: at first those at once, later the steps of escalation.</summary>
    private static AlertGroup TellMore(AlertGroup group, ImmutableArray<Alert> active, Incident? incident, MainstayConfig config, AlertStep step)
    {
        var alerts = config.Alerts;
        var later = alerts.Escalation.SelectMany(e => e.To).ToHashSet();
        var waited = group.Told is { } told ? step.Now - told : TimeSpan.Zero;
        var due = alerts.Escalation.Where(e => e.After <= waited && group.Acknowledged is null).SelectMany(e => e.To).ToHashSet();
        var channels = config.Notify
            .Where(c => (!later.Contains(c.Name) || due.Contains(c.Name)) && !group.Channels.Contains(c.Name))
            .Where(c => group.Severity >= c.Severity && (c.Services.IsEmpty || c.Services.Intersect(group.Services).Any()))
            .Select(c => c.Name).ToImmutableArray();
        if (group.Told is null)
        {
            step.Facts.Add(($"alert {group.Number} opened: {group.Title}", "mainstay"));
            group = group with { Told = step.Now, LastTold = step.Now, ToldServices = group.Services, Asked = [.. Asks(incident)] };
        }
        else if (channels.Length > 0 && due.Overlaps(channels))
        {
            step.Facts.Add(($"alert {group.Number} was not acknowledged: {string.Join(", ", channels)} told", "mainstay"));
        }
        if (channels.IsEmpty)
            return group;
        group = Tell(group, MessageKind.Opened, channels, group.Title, AlertText.Body(group, active, incident), config, step, active, incident);
        return group with { Channels = [.. group.Channels, .. channels] };
    }

    private void Close(AlertGroup group, ImmutableArray<Incident> incidents, MainstayConfig config, AlertStep step)
    {
        _open.Remove(group.Key);
        if (group.Told is null)
        {
            _rows.Drop(group);
            return;
        }
        var last = incidents.FirstOrDefault(i => group.Incidents.Contains(i.Number));
        group = Tell(group, MessageKind.Resolved, group.Channels, $"Over: {group.Title}", AlertText.End(group, incidents), config, step, [], last);
        step.Facts.Add(($"alert {group.Number} is over: {group.Title}", "mainstay"));
        _rows.Put(group);
        Closed = Closed.Insert(0, group);
        foreach (var old in Closed.Skip(MostClosed))
            _rows.Drop(old);
        Closed = [.. Closed.Take(MostClosed)];
    }

    /// <summary>What a person is asked for, by what it is about: a trouble that comes and goes asks once, though each of its incidents does.</summary>
    private static IEnumerable<string> Asks(Incident? incident) =>
        incident is null ? [] : incident.Remedies.Where(r => r.State == RemedyState.Proposed).Select(r => $"{r.Service} {r.Server ?? r.Region}").Distinct();

    private static AlertGroup Tell(
        AlertGroup group, MessageKind kind, ImmutableArray<string> channels, string title, string text, MainstayConfig config, AlertStep step,
        ImmutableArray<Alert> active, Incident? incident)
    {
        foreach (var channel in channels.Where(name => config.Notify.Any(c => c.Name == name)))
        {
            step.Messages.Add(new Message
            {
                // The same whenever this step is decided again, so that it is told once.
                Id = FormattableString.Invariant($"alert-{group.Number}-{group.Opened.ToUnixTimeMilliseconds()}-{group.Messages}-{channel}"),
                Channel = channel,
                Kind = kind,
                Thread = group.Thread,
                At = step.Now,
                Title = title,
                Text = text,
                Severity = group.Severity,
                Alert = group.Number,
                Incident = incident?.Number,
                Region = group.Region ?? "",
                Services = group.Services,
                Stage = incident?.Stage.ToString() ?? "",
                Since = group.ActiveSince,
                Count = group.Raised,
                Fingerprints = [.. active.Take(MostFingerprints).Select(a => a.Fingerprint)],
            });
        }
        return group with { Messages = group.Messages + 1, LastTold = step.Now };
    }
}

/// <summary>What follows from one tick.</summary>
internal sealed class AlertStep(DateTimeOffset now)
{
    public DateTimeOffset Now => now;

    public List<Message> Messages { get; } = [];

    /// <summary>For the journal, with whose doing it is.</summary>
    public List<(string Text, string Who)> Facts { get; } = [];
}
