using System.Collections.Immutable;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;

namespace Mainstay.Control.Alerts;

/// <summary>
/// All alerts that stand, from detectors, heartbeats and outside; what silences and explains them. Reads neither clock nor disk, and is
/// bounded. Not safe for several threads.
/// </summary>
internal sealed class AlertBook
{
    /// <summary>What comes beyond is refused, and said.</summary>
    public const int MostAlerts = 20_000;
    public const int MostSilences = 500;
    private const int MostForIncidents = 50;

    /// <summary>Detectors that begin anew after a start must find again what stood before; so long it stands without them.</summary>
    private static readonly TimeSpan StartGrace = TimeSpan.FromSeconds(60);

    /// <summary>A trouble of Mainstay itself that goes away sooner is nobody's business.</summary>
    private static readonly TimeSpan TroubleLasts = TimeSpan.FromSeconds(60);

    private readonly Dictionary<string, Alert> _alerts = [];
    private readonly Dictionary<string, DateTimeOffset> _troubledSince = [];
    private readonly Dictionary<string, Beat> _beats = [];
    private readonly AlertRows _rows;
    private readonly DateTimeOffset _started;
    private Suppression _suppression = new([]);
    private ImmutableArray<ServiceConfig> _services = [];
    private int _lastSilence;

    /// <param name="kept">Rows as the disk has them.</param>
    /// <param name="rows">Where changes go.</param>
    /// <param name="started">Time of the start.</param>
    public AlertBook(IReadOnlyDictionary<string, string> kept, AlertRows rows, DateTimeOffset started)
    {
        (_rows, _started) = (rows, started);
        foreach (var alert in AlertRows.Read(kept, AlertRows.Alerts, AlertJson.Default.Alert).Take(MostAlerts))
            _alerts[alert.Fingerprint] = alert;
        foreach (var (key, value) in kept.Where(k => k.Key.StartsWith(AlertRows.Beats, StringComparison.Ordinal)))
            if (AlertRows.TryParse(value, AlertJson.Default.Beat) is { } beat)
                _beats[key[AlertRows.Beats.Length..]] = beat;
        Silences = [.. AlertRows.Read(kept, AlertRows.Silences, AlertJson.Default.Silence).OrderBy(s => s.Number)];
        _lastSilence = Math.Max(AlertRows.TryParse(kept.GetValueOrDefault(AlertRows.NumbersKey), AlertJson.Default.Numbers)?.Silence ?? 0, Silences.Select(s => s.Number).DefaultIfEmpty(0).Max());
    }

    /// <summary>Those that stand now.</summary>
    public IReadOnlyCollection<Alert> Alerts => _alerts.Values;

    /// <summary>Oldest first.</summary>
    public ImmutableArray<Silence> Silences { get; private set; }

    public int LastSilence => _lastSilence;

    /// <summary>When a job reported last; null: it has not.</summary>
    public DateTimeOffset? LastBeat(string job) => _beats.GetValueOrDefault(job)?.Last;

    /// <summary>Who raised most of what stands, for whoever must stop it: "200 of prometheus HighErrors".</summary>
    public string Loudest() => _alerts.Values.CountBy(a => $"{a.Source} {a.Name}").OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal)
        .Select(c => FormattableString.Invariant($"{c.Value} of {c.Key}")).FirstOrDefault() ?? "none";

    public Alert? Find(string fingerprint) => _alerts.GetValueOrDefault(fingerprint);

    /// <summary>Notes what is raised from outside. False: there are too many, and none of these was noted.</summary>
    public bool TryRaise(IReadOnlyCollection<RaisedAlert> raised, DateTimeOffset now)
    {
        if (_alerts.Count + raised.Count(r => !_alerts.ContainsKey(r.Fingerprint)) > MostAlerts)
            return false;
        foreach (var one in raised)
        {
            var alert = Alert.Of(one, now);
            if (one.Until <= now)
                Drop(alert);
            else
                Put(_alerts.TryGetValue(alert.Fingerprint, out var known)
                    ? alert with { Since = known.Since, SuppressedBy = known.SuppressedBy, SilencedBy = known.SilencedBy }
                    : alert);
        }
        return true;
    }

    /// <summary>Takes the alerts to the end of a tick: what the detectors see, what troubles Mainstay itself, which jobs are late, what is
    /// over, what silences and explains what.</summary>
    /// <param name="anomalies">What the detectors see.</param>
    /// <param name="troubles">Parts of Mainstay, each with what troubles it.</param>
    public void Advance(
        IReadOnlyCollection<Anomaly> anomalies, IReadOnlyCollection<KeyValuePair<string, string>> troubles, MainstayConfig config, DateTimeOffset now)
    {
        var seen = new HashSet<string>();
        foreach (var anomaly in anomalies.Where(a => !a.IsFromOutside).Take(MostAlerts))
        {
            var alert = Alert.Of(anomaly, now);
            seen.Add(alert.Fingerprint);
            Note(alert);
        }
        foreach (var alert in Late(config.Alerts.Heartbeats, now).Concat(OfTroubles(troubles, now)).ToList())
        {
            seen.Add(alert.Fingerprint);
            Note(alert);
        }
        foreach (var over in _alerts.Values.Where(a => IsOver(a, seen, config.Alerts.Expire, now)).ToList())
            Drop(over);
        foreach (var ended in Silences.Where(s => s.Until <= now))
            Drop(ended);
        Mark(config, now);
    }

    /// <summary>What the incidents should know beside what the detectors found: grave trouble of services in their regions that
    /// somebody outside sees.</summary>
    public IEnumerable<Anomaly> ForIncidents(DateTimeOffset now)
    {
        if (_alerts.Count == 0)
            return [];
        var places = _services.SelectMany(s => s.Routing.Servers.Select(v => (s.Routing.Name, v.Region))).ToHashSet();
        return _alerts.Values
            .Where(a => a is { Severity: Severity.Page, SilencedBy: null, Service: not null, Region: not null, Source: not (Alert.OfDetector or Alert.OfHeartbeat or Alert.OfMainstay) })
            .Where(a => places.Contains((a.Service!, a.Region!)))
            .DistinctBy(a => (a.Service, a.Region, a.Name))
            .OrderBy(a => a.Since)
            .Take(MostForIncidents)
            .Select(a => new Anomaly(a.Since, now, a.Service!, a.Region!, null, $"{a.Source} {a.Name}", "no such alert", a.Summary, 0) { IsFromOutside = true });
    }

    /// <summary>A job reports.</summary>
    public void NoteBeat(string job, DateTimeOffset now)
    {
        var beat = new Beat(_beats.GetValueOrDefault(job)?.Since ?? now, now);
        _beats[job] = beat;
        _rows.Put(job, beat);
    }

    public Silence AddSilence(ImmutableArray<Matcher> matchers, string who, DateTimeOffset until, string why, DateTimeOffset now)
    {
        var silence = new Silence(++_lastSilence, matchers, who, now, until, why);
        Silences = Silences.Add(silence);
        _rows.Put(silence);
        return silence;
    }

    public void Drop(Silence silence)
    {
        Silences = Silences.Remove(silence);
        _rows.Drop(silence);
    }

    /// <summary>The disk hears of an alert when it comes and goes and when what silences it changes; what it measures changes each tick.</summary>
    private void Note(Alert alert)
    {
        if (_alerts.TryGetValue(alert.Fingerprint, out var known))
            _alerts[alert.Fingerprint] = alert with { Since = known.Since, SuppressedBy = known.SuppressedBy, SilencedBy = known.SilencedBy };
        else if (_alerts.Count < MostAlerts)
            Put(alert);
    }

    private void Put(Alert alert)
    {
        _alerts[alert.Fingerprint] = alert;
        _rows.Put(alert);
    }

    private void Drop(Alert alert)
    {
        if (_alerts.Remove(alert.Fingerprint))
            _rows.Drop(alert);
    }

    private bool IsOver(Alert alert, HashSet<string> seen, TimeSpan expire, DateTimeOffset now) => alert.Source switch
    {
        Alert.OfDetector => !seen.Contains(alert.Fingerprint) && (alert.LastSeen >= _started || now - _started > StartGrace),
        Alert.OfHeartbeat => !seen.Contains(alert.Fingerprint),
        Alert.OfMainstay => !seen.Contains(alert.Fingerprint) && (alert.LastSeen >= _started || now - _started > StartGrace + TroubleLasts),
        _ when alert.Until is { } until => until <= now,
        // Who raises it again and again found nobody here while this process did not run.
        _ => (alert.LastSeen > _started ? alert.LastSeen : _started) + expire <= now,
    };

    private IEnumerable<Alert> Late(ImmutableArray<HeartbeatConfig> jobs, DateTimeOffset now)
    {
        foreach (var gone in _beats.Keys.Where(name => jobs.All(j => j.Name != name)).ToList())
        {
            _beats.Remove(gone);
            _rows.DropBeat(gone);
        }
        foreach (var job in jobs)
        {
            if (!_beats.TryGetValue(job.Name, out var beat))
            {
                _beats[job.Name] = beat = new Beat(now, null);
                _rows.Put(job.Name, beat);
            }
            var last = beat.Last ?? beat.Since;
            // While this process did not run nobody could report to it.
            var due = last + job.Every > _started ? last + job.Every : _started;
            if (now <= due + job.Grace)
                continue;
            var said = beat.Last is { } reported ? $"the last report came at {reported.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC" : "no report came yet";
            yield return new Alert
            {
                Fingerprint = Alert.FingerprintOf(Alert.OfHeartbeat, job.Name, job.Service, job.Region, null, []),
                Source = Alert.OfHeartbeat,
                Name = job.Name,
                Service = job.Service,
                Region = job.Region,
                Severity = job.Severity,
                Summary = $"{job.Name} did not report: {said}, one is due every {Shown(job.Every)}",
                Expected = $"a report every {Shown(job.Every)}",
                Observed = said,
                Since = due,
                LastSeen = now,
            };
        }
    }

    private IEnumerable<Alert> OfTroubles(IReadOnlyCollection<KeyValuePair<string, string>> troubles, DateTimeOffset now)
    {
        foreach (var gone in _troubledSince.Keys.Except(troubles.Select(t => t.Key)).ToList())
            _troubledSince.Remove(gone);
        foreach (var (part, trouble) in troubles)
        {
            if (!_troubledSince.TryGetValue(part, out var since))
                _troubledSince[part] = since = now;
            if (now - since >= TroubleLasts)
                yield return Alert.Of(part, trouble, since, now);
        }
    }

    private void Mark(MainstayConfig config, DateTimeOffset now)
    {
        if (_services != config.Services)
            (_services, _suppression) = (config.Services, new Suppression(config.Services));
        if (_alerts.Count == 0)
            return;
        var explained = _suppression.Judge(_alerts.Values);
        var windows = config.Alerts.Maintenance.Where(w => w.Contains(now)).ToList();
        foreach (var alert in _alerts.Values.ToList())
        {
            var suppressed = explained.GetValueOrDefault(alert.Fingerprint);
            var silenced = windows.Find(w => w.Covers(alert.Service, alert.Region)) is { } window ? $"maintenance {window.Name}"
                : Silences.FirstOrDefault(s => s.Covers(alert)) is { } silence ? FormattableString.Invariant($"silence {silence.Number} of {silence.Who}")
                : null;
            if ((suppressed, silenced) != (alert.SuppressedBy, alert.SilencedBy))
                Put(alert with { SuppressedBy = suppressed, SilencedBy = silenced });
        }
    }

    private static string Shown(TimeSpan time) => time switch
    {
        { TotalDays: >= 1 } when time.Ticks % TimeSpan.TicksPerDay == 0 => $"{time.TotalDays:0} d",
        { TotalHours: >= 1 } when time.Ticks % TimeSpan.TicksPerHour == 0 => $"{time.TotalHours:0} h",
        { TotalMinutes: >= 1 } when time.Ticks % TimeSpan.TicksPerMinute == 0 => $"{time.TotalMinutes:0} min",
        _ => $"{time.TotalSeconds:0.#} s",
    };
}
