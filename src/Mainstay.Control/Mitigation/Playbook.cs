using Mainstay.Control.Config;
using Mainstay.Control.Incidents;
using Mainstay.Control.Telemetry;

namespace Mainstay.Control.Mitigation;

/// <summary>
/// Which remedies an incident gets, and how far each has come: chosen once the cause is ranked, checked by the guard,
/// done at once or left to a person as the mode says, eased away when its servers are well. Not safe for several threads.
/// </summary>
internal sealed class Playbook
{
    private const int EnoughOfOthers = 10;
    private const string NotChecked = "not checked yet";
    private readonly Dictionary<string, (DateTimeOffset Since, Window Attempts)> _steps = [];
    private readonly Dictionary<(int Incident, string Service), RestOfRegion> _rests = [];

    /// <summary>Looks at the servers of the region that are not blamed; to be called once a tick for every open incident.</summary>
    public void Watch(Incident incident, TickInput tick)
    {
        foreach (var service in incident.Services)
        {
            if (Blamed(incident, service) is not { Count: > 0 } blamed)
                continue;
            if (!_rests.TryGetValue((incident.Number, service), out var rest))
                _rests[(incident.Number, service)] = rest = new RestOfRegion();
            var region = new SeriesKey(service, incident.Region);
            var windows =
                from series in tick.Windows.Series
                let key = series.Key
                where key.Service == service && key.Region == incident.Region && key.Server is not null && !blamed.Contains(key.Server)
                select series.Value;
            rest.Add(blamed.Count, windows, UsualMs(service, incident.Region, tick), tick.Detectors.UsualErrorShare(region) ?? 0);
        }
    }

    /// <summary>True while callers of the region's other servers suffer, though the blamed ones are drained.</summary>
    public bool IsRestInTrouble(Incident incident) => incident.Services.Any(service =>
        _rests.TryGetValue((incident.Number, service), out var rest) && rest.Trouble is not null
        && !incident.Remedies.Any(r => r.InForce && r.Service == service && r.Server is null));

    /// <summary>Forgets what it knows of any other incidents.</summary>
    public void Keep(IReadOnlyCollection<Incident> open)
    {
        foreach (var gone in _rests.Keys.Where(key => open.All(i => i.Number != key.Incident)).ToList())
            _rests.Remove(gone);
        var remedies = open.SelectMany(i => i.Remedies).Where(r => r.InForce).Select(r => r.Id).ToHashSet();
        foreach (var gone in _steps.Keys.Where(id => !remedies.Contains(id)).ToList())
            _steps.Remove(gone);
    }

    /// <summary>The incident with its remedies as they stand after this tick, each change told in its timeline.</summary>
    /// <param name="incident">An open incident in Mitigation or Recovery.</param>
    /// <param name="others">Remedies of other incidents.</param>
    /// <param name="tick">What the tick judges by.</param>
    public Incident Advance(Incident incident, IReadOnlyCollection<Remedy> others, TickInput tick)
    {
        incident = Choose(incident, tick);
        foreach (var remedy in incident.Remedies)
        {
            var after = Advance(incident, remedy, [.. others, .. incident.Remedies], tick);
            if (after == remedy)
                continue;
            incident = incident with { Remedies = incident.Remedies.Replace(remedy, after) };
            // That health checks are well or not is no news by itself.
            if (after.State != remedy.State || after.Share != remedy.Share || remedy.Reason == NotChecked)
                incident = incident.Tell(tick.Now, "remedy", $"{after.Title}: {Word(after)}: {after.Reason}");
        }
        return incident;
    }

    private Incident Choose(Incident incident, TickInput tick)
    {
        foreach (var service in incident.Services)
        {
            // Traffic is moved for what is seen here; what others say of it opens an incident and asks for nothing.
            if (tick.Mode(service) == RemedyMode.Observe || !incident.Anomalies.Any(a => a.Service == service && !a.IsFromOutside))
                continue;
            foreach (var server in Scope(incident, service, tick))
            {
                // What was one server's trouble may turn out to be the region's; never the other way round.
                if (incident.Remedies.Any(r => r.Service == service && (r.Server is null || r.Server == server)))
                    continue;
                var remedy = new Remedy
                {
                    Id = $"{incident.Number}-{incident.Remedies.Length + 1}",
                    Service = service,
                    Region = incident.Region,
                    Server = server,
                    State = RemedyState.Refused,
                    Reason = NotChecked,
                    Since = tick.Now,
                    Hold = Easing.FirstHold,
                };
                incident = incident with { Remedies = incident.Remedies.Add(remedy) };
                if (server is null && _rests.GetValueOrDefault((incident.Number, service)) is { IsIll: true } rest)
                    incident = incident.Tell(tick.Now, "detected", $"{incident.Region} beside {string.Join(", ", Blamed(incident, service))} is ill too: {rest.Trouble}");
            }
        }
        return incident;
    }

    /// <summary>The servers to drain if the trouble is theirs alone; else one null: the whole region.</summary>
    private List<string?> Scope(Incident incident, string service, TickInput tick)
    {
        var servers = tick.Service(service)?.Routing.Servers.Where(s => s.Region == incident.Region).Select(s => s.Name).ToList() ?? [];
        var blamed = Blamed(incident, service);
        var alone = blamed.Count > 0 && blamed.Count < servers.Count
            && !incident.Anomalies.Any(a => a.Service == service && a.Detector == "probes")
            && _rests.GetValueOrDefault((incident.Number, service)) is not { IsIll: true };
        return alone ? [.. blamed] : [null];
    }

    private static List<string> Blamed(Incident incident, string service) =>
        [.. incident.Anomalies.Where(a => a.Service == service && a.Server is not null).Select(a => a.Server!).Distinct()];

    private Remedy Advance(Incident incident, Remedy remedy, IReadOnlyCollection<Remedy> all, TickInput tick)
    {
        if (remedy.State == RemedyState.Removed)
            return remedy;
        if (tick.Service(remedy.Service) is not { } service || !service.Routing.Servers.Any(s => remedy.ToOverlay().Covers(remedy.Service, s)))
            return remedy with { State = RemedyState.Removed, Since = tick.Now, Reason = "what it concerns is no longer configured" };
        // Two remedies on the same servers would ease one after the other, each judged by what the other lets through.
        if (remedy.Server is not null && incident.Remedies.FirstOrDefault(r => r is { InForce: true, Server: null } && r.Service == remedy.Service) is { } whole)
            return remedy with { State = RemedyState.Removed, Since = tick.Now, Reason = $"{whole.Title} (remedy {whole.Id}) takes its place" };
        if (tick.PausedBy is { } who)
            return remedy.State == RemedyState.Refused && remedy.Reason.StartsWith("paused", StringComparison.Ordinal)
                ? remedy
                : remedy with { State = RemedyState.Refused, Share = 0, Since = tick.Now, Reason = $"paused by {who}: mainstay resume lets remedies work again" };
        if (remedy.InForce)
            return Easing.Advance(
                remedy, StepOf(remedy, tick), ServersWell(remedy, tick),
                UsualMs(remedy.Service, remedy.Region, tick), tick.Detectors.UsualErrorShare(new(remedy.Service, remedy.Region)) ?? 0,
                incident.Occurred, tick.Now);
        return Check(remedy, all, tick);
    }

    private static Remedy Check(Remedy remedy, IReadOnlyCollection<Remedy> all, TickInput tick)
    {
        var verdict = Guard.Check(remedy, all, tick);
        var approved = tick.Approvals.TryGetValue(remedy.Id, out var approver);
        var (state, reason) = verdict.Answer switch
        {
            GuardAnswer.Forbid => (RemedyState.Refused, $"the guard forbids it: {verdict.Reason}"),
            _ when approved => (RemedyState.Active, $"approved by {approver}: {verdict.Reason}"),
            GuardAnswer.Allow when tick.Mode(remedy.Service) == RemedyMode.Act => (RemedyState.Active, verdict.Reason),
            GuardAnswer.Allow => (RemedyState.Proposed, $"waits for approval (mainstay incident approve {remedy.Id}): {verdict.Reason}"),
            _ => (RemedyState.Proposed, $"waits for approval (mainstay incident approve {remedy.Id}): {verdict.Reason}"),
        };
        // The numbers in a reason change all the time; only a change of state is a change.
        return state == remedy.State && remedy.Reason != NotChecked ? remedy
            : remedy with { State = state, Reason = reason, Since = tick.Now };
    }

    private Window StepOf(Remedy remedy, TickInput tick)
    {
        if (!_steps.TryGetValue(remedy.Id, out var step) || step.Since != remedy.Since)
        {
            // The windows of the tick in which a step begins belong to the step before.
            _steps[remedy.Id] = step = (remedy.Since, new Window());
            if (tick.Windows.Start < remedy.Since)
                return step.Attempts;
        }
        if (tick.Windows[new(remedy.Service, remedy.Region, remedy.Server)] is { } window)
            step.Attempts.Add(window);
        return step.Attempts;
    }

    /// <summary>What would be usual now: what slows the other regions' traffic or health checks too is not this one's fault.</summary>
    private static double? UsualMs(string service, string region, TickInput tick)
    {
        var slowdowns =
            from series in tick.Windows.Series
            let key = series.Key
            where key.Service == service && key.Region is not null && key.Region != region && key.Server is null
            where series.Value.FirstByte.Count >= EnoughOfOthers
            let usual = tick.Detectors.UsualMs(key)
            where usual is not null
            select series.Value.FirstByte.QuantileMs(0.5) / usual.Value;
        return tick.Detectors.UsualMs(new(service, region)) * Math.Max(tick.Detectors.Slowdown(region), slowdowns.DefaultIfEmpty(1).Min());
    }

    private static bool ServersWell(Remedy remedy, TickInput tick)
    {
        var reports = tick.Windows.Servers.Values.Where(
            r => r.Service == remedy.Service && r.Region == remedy.Region && (remedy.Server is null || r.Server == remedy.Server));
        return reports.Any() && reports.All(r => r.Well);
    }

    private static string Word(Remedy remedy) => remedy.State switch
    {
        RemedyState.Active when remedy.Share == 0 => "in force",
        RemedyState.Active => "easing",
        _ => remedy.State.ToString().ToLowerInvariant(),
    };
}
