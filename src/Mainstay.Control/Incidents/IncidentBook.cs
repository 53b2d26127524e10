using System.Collections.Immutable;
using System.Globalization;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Mitigation;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Control.Incidents;

/// <summary>
/// All incidents: one open at a time for each region, since a region is a failure domain. Each tick takes them one step
/// further through Detection, Investigation, Mitigation and Recovery. Not safe for several threads.
/// </summary>
internal sealed class IncidentBook(ImmutableArray<Incident> kept, Playbook playbook)
{
    private const int ResolvedKept = 50;
    private const int AnomaliesKept = 50;
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookBack = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan NeverSlow = TimeSpan.FromDays(1);

    private readonly Queue<ClosedWindows> _recent = new();
    private readonly Dictionary<int, Watch> _watches = [];
    private int _lastNumber = kept.Select(i => i.Number).DefaultIfEmpty(0).Max();

    /// <summary>Open ones first, then resolved ones, each newest first.</summary>
    public ImmutableArray<Incident> Incidents { get; private set; } = kept;

    public bool IsOpenIn(string region) => Incidents.Any(i => i.IsOpen && i.Region == region);

    /// <summary>Takes every incident one tick further.</summary>
    public void Advance(TickInput tick)
    {
        _recent.Enqueue(tick.Windows);
        while (_recent.Peek().End < tick.Now - LookBack)
            _recent.Dequeue();

        var open = Incidents.Where(i => i.IsOpen).ToDictionary(i => i.Region);
        foreach (var anomaly in tick.Anomalies)
            open[anomaly.Region] = Note(open.GetValueOrDefault(anomaly.Region), anomaly, tick);
        foreach (var region in open.Keys.ToList())
        {
            var others = open.Values.Where(i => i.Region != region).SelectMany(i => i.Remedies).ToList();
            open[region] = Advance(open[region], others, tick);
        }
        foreach (var number in _watches.Keys.Where(n => open.Values.All(i => !i.IsOpen || i.Number != n)).ToList())
            _watches.Remove(number);
        playbook.Keep([.. open.Values.Where(i => i.IsOpen)]);
        var resolved = open.Values.Where(i => !i.IsOpen).Concat(Incidents.Where(i => !i.IsOpen));
        Incidents =
        [
            .. open.Values.Where(i => i.IsOpen).OrderByDescending(i => i.Number),
            .. resolved.OrderByDescending(i => i.Number).Take(ResolvedKept),
        ];
    }

    /// <summary>Names the file of an incident's review.</summary>
    public void NoteReview(int number, string file) =>
        Incidents = [.. Incidents.Select(i => i.Number == number ? i with { Review = file } : i)];

    private Incident Note(Incident? incident, Anomaly anomaly, TickInput tick)
    {
        if (incident is null)
        {
            incident = new Incident
            {
                Number = ++_lastNumber,
                Region = anomaly.Region,
                Occurred = anomaly.Since,
                Detected = tick.Now,
                Stages = [],
            };
            return Add(incident, anomaly).Enter(Stage.Detection, tick.Now, anomaly.Summary);
        }
        var known = incident.Anomalies.Any(a => (a.Service, a.Server, a.Detector) == (anomaly.Service, anomaly.Server, anomaly.Detector));
        if (known || incident.Anomalies.Length >= AnomaliesKept)
            return incident;
        return Add(incident, anomaly).Tell(tick.Now, "detected", anomaly.Summary);
    }

    private static Incident Add(Incident incident, Anomaly anomaly) => incident with
    {
        Anomalies = incident.Anomalies.Add(anomaly),
        Occurred = anomaly.Since < incident.Occurred ? anomaly.Since : incident.Occurred,
        Services = incident.Services.Contains(anomaly.Service) ? incident.Services : incident.Services.Add(anomaly.Service),
    };

    private Incident Advance(Incident incident, IReadOnlyCollection<Remedy> others, TickInput tick)
    {
        incident = Measure(incident, tick);
        playbook.Watch(incident, tick);
        if (incident.Detected == tick.Now)
            return incident;
        if (incident.Stage == Stage.Detection)
            return Investigate(incident, tick);
        if (incident.Stage == Stage.Investigation)
            incident = incident.Enter(Stage.Mitigation, tick.Now, MitigationBegins(incident, tick));
        if (incident.Mitigated is null)
            incident = RankCauses(incident, tick);
        incident = playbook.Advance(incident, others, tick);
        return Settle(incident, tick);
    }

    private Incident Investigate(Incident incident, TickInput tick) =>
        RankCauses(incident.Enter(Stage.Investigation, tick.Now, $"causes are ranked by what stands out in {incident.Region}"), tick);

    /// <summary>Ranks the causes by what is known now; people hear of it when the likeliest one changes.</summary>
    private Incident RankCauses(Incident incident, TickInput tick)
    {
        var region = tick.Windows.Servers.Values.Where(s => s.Region == incident.Region).ToList();
        var before = incident.Causes.FirstOrDefault()?.Title;
        incident = incident with { Causes = CauseRanking.Rank(incident, _watches[incident.Number].Attempts, region.Count(s => !s.Well), region.Count) };
        if (CauseRanking.OfPractice(incident, tick.Practice) is { } practised)
            incident = incident with { Causes = [.. incident.Causes.Append(practised).Where(c => c.Confidence > 0).OrderByDescending(c => c.Confidence)] };
        var cause = incident.Causes[0];
        return cause.Title == before
            ? incident
            : (incident with { CauseFound = tick.Now })
                .Tell(tick.Now, "cause", Text($"likeliest cause: {cause.Class}: {cause.Title} (confidence {cause.Confidence:P0}); {string.Join("; ", cause.Evidence)}"));
    }

    private static string MitigationBegins(Incident incident, TickInput tick) =>
        incident.Services.All(s => tick.Mode(s) == RemedyMode.Observe)
            ? "mode observe: only the reflexes act (breakers, retries, spill to the next region)"
            : "the reflexes act already (breakers, retries, spill to the next region); remedies are checked";

    /// <summary>Stamps when callers are well, moves on to Recovery or back, and closes.</summary>
    private Incident Settle(Incident incident, TickInput tick)
    {
        var alarms = tick.Anomalies.Any(a => a.Region == incident.Region);
        var eased = incident.Remedies.Any(r => r.InForce && r.Share > 0);
        var drained = incident.Remedies.Any(r => r.InForce && r.Share == 0);
        if (incident.Mitigated is null && CallersWell(incident, tick) && (drained ? tick.Windows.Start >= LastAct(incident) && !playbook.IsRestInTrouble(incident) : !alarms))
            incident = (incident with { Mitigated = tick.Now })
                .Tell(tick.Now, "mitigated", drained ? "callers are well again, with the remedy in force" : "callers are well again");

        var watch = _watches[incident.Number];
        var well = tick.Windows.Servers.Values.Where(s => s.Region == incident.Region).All(s => s.Well);
        watch.CalmSince = !alarms && well ? watch.CalmSince ?? tick.Now : null;
        var calm = tick.Now - (watch.CalmSince ?? tick.Now) >= Calm;
        var recovered = incident.Remedies.Any(r => r.State == RemedyState.Removed && r.Reason.StartsWith("recovered", StringComparison.Ordinal));
        switch (incident.Stage)
        {
            case Stage.Mitigation when eased:
                return incident.Enter(Stage.Recovery, tick.Now, $"the health checks of {incident.Region} are well: its traffic is tried in steps of 5, 25 and 100 %");
            case Stage.Mitigation when !drained && calm:
                watch.CalmSince = tick.Now;
                return incident.Enter(Stage.Recovery, tick.Now, Text($"nothing stands out any more for {Calm.TotalSeconds:0} s"));
            case Stage.Recovery when drained && !eased:
                return incident.Enter(Stage.Mitigation, tick.Now, "recovery failed; the remedy is back in full");
            case Stage.Recovery when !drained && !eased && !recovered && alarms:
                return incident.Enter(Stage.Mitigation, tick.Now, "it stands out again");
            case Stage.Recovery when !drained && !eased && (recovered || calm):
                return Resolve(incident, tick);
            default:
                return incident;
        }
    }

    private Incident Resolve(Incident incident, TickInput tick)
    {
        tick.Detectors.Reset(incident.Region);
        var remedies = incident.Remedies
            .Select(r => r.State == RemedyState.Removed ? r : r with { State = RemedyState.Removed, Since = tick.Now, Reason = "not needed any more" });
        var lasted = tick.Now - incident.Occurred;
        return (incident with { Resolved = tick.Now, Mitigated = incident.Mitigated ?? tick.Now, Remedies = [.. remedies] })
            .Tell(tick.Now, "resolved", Text($"resolved after {lasted.TotalSeconds:0} s; {incident.Impact.Failed} requests failed, {incident.Impact.Slow} were slow, {incident.Impact.Rescued} were rescued elsewhere"));
    }

    private static bool CallersWell(Incident incident, TickInput tick) =>
        incident.Services.All(service =>
            tick.Windows[new SeriesKey(service)] is not { } window
            || Evidence.BinomialTail(window.Failed, window.Count, 0.01) > 0.01);

    private static DateTimeOffset LastAct(Incident incident) => incident.Remedies.Where(r => r.InForce).Max(r => r.Since);

    /// <summary>Counts impact and attempts of this tick; on the first one also of the seconds before it was noticed.</summary>
    private Incident Measure(Incident incident, TickInput tick)
    {
        if (!_watches.TryGetValue(incident.Number, out var watch))
        {
            _watches[incident.Number] = watch = new Watch(incident.Impact);
            if (incident.Detected == tick.Now)
                foreach (var past in _recent.Where(w => w.End > incident.Occurred && w != tick.Windows))
                    watch.Add(past, incident, SlowFrom(watch, tick));
        }
        watch.Add(tick.Windows, incident, SlowFrom(watch, tick));
        return incident with { Impact = watch.Impact.ToImpact() };
    }

    /// <summary>Slower than promised, or than twice the usual 99th percentile of the minutes before.</summary>
    private static Func<string, TimeSpan> SlowFrom(Watch watch, TickInput tick) => service =>
    {
        if (watch.SlowFrom.TryGetValue(service, out var from))
            return from;
        var usual = tick.History.Of(new(service)).Where(p => p.Rate > 0).Select(p => p.P99Ms).Order().ToList();
        from = tick.Service(service)?.Slo?.P99
            ?? (usual.Count == 0 ? NeverSlow : TimeSpan.FromMilliseconds(2 * usual[usual.Count / 2]));
        return watch.SlowFrom[service] = from;
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What is counted while an incident is open.</summary>
    private sealed class Watch(Impact before)
    {
        public ImpactTally Impact { get; } = new(before);

        public Window Attempts { get; } = new();

        public Dictionary<string, TimeSpan> SlowFrom { get; } = [];

        public DateTimeOffset? CalmSince { get; set; }

        public void Add(ClosedWindows windows, Incident incident, Func<string, TimeSpan> slowFrom)
        {
            Impact.Add(windows.Outcomes, incident.Occurred, incident, slowFrom);
            foreach (var (key, window) in windows.Series)
                if (key.Region == incident.Region && key.Server is null)
                    Attempts.Add(window);
        }
    }
}
