using System.Globalization;
using Mainstay.Control.Detection;
using Mainstay.Control.Telemetry;

namespace Mainstay.Control.Mitigation;

/// <summary>Measures a practice, and says when it must stop. Lives as long as the practice. Not safe for several threads.</summary>
internal sealed class PracticeWatch
{
    private const double Significant = 0.001;
    private const double WellShare = 0.01;
    private const int FewestFailures = 5;
    private const int SecondsBefore = 60;
    private const int SecondsNow = 10;
    private const int EnoughSeconds = 5;
    private const double TooSlow = 2;
    private const double NoticedMs = 100;
    private readonly Dictionary<string, Tally> _tallies = [];

    /// <summary>How a service does before it begins.</summary>
    public static TrafficStatus Before(string service, TickInput tick) =>
        tick.History.Traffic(new(service)) with { P99Ms = TypicalP99(service, tick.History, SecondsBefore) ?? 0 };

    /// <summary>What speaks against a practice whoever it is of, before it and while it lasts; null if nothing does.</summary>
    public static string? Against(TickInput tick, Snapshot seen)
    {
        if (tick.PausedBy is { } who)
            return $"remedies are paused by {who}";
        if (seen.Incidents.FirstOrDefault(i => i.IsOpen) is { } incident)
            return $"incident {incident.Number} is open: {incident.Title}";
        if (tick.Anomalies.Count > 0)
            return $"something stands out: {tick.Anomalies[0].Summary}";
        if (!tick.Drains.IsEmpty)
            return $"{tick.Drains[0].Title} is drained by {tick.Drains[0].Who} (drain {tick.Drains[0].Number})";
        return tick.Windows.Servers.Count == 0 ? "the data plane has not reported for 5 s" : null;
    }

    /// <summary>Takes the windows of a tick in.</summary>
    public void Add(Practice practice, TickInput tick, Snapshot seen)
    {
        var blast = BlastRadius.TryMeasure(seen, practice.Service, practice.Region, null, out _);
        foreach (var figures in practice.Services)
        {
            if (!_tallies.TryGetValue(figures.Service, out var tally))
                _tallies[figures.Service] = tally = new Tally();
            tally.Add(tick.Windows[new SeriesKey(figures.Service)] ?? new Window(), tick.History.Traffic(new SeriesKey(figures.Service)));
            tally.Rescued += tick.Windows.Outcomes.Count(o => o.Service == figures.Service && o.Rescued);
            tally.WorstP99Ms = Math.Max(tally.WorstP99Ms, TypicalP99(figures.Service, tick.History, SecondsNow) ?? 0);
            if (blast?.Services.FirstOrDefault(s => s.Service == figures.Service) is { } stake && stake.KnownPerSecond <= (tally.Least?.KnownPerSecond ?? double.MaxValue))
                tally.Least = stake;
        }
    }

    /// <summary>Another share of the traffic from now on.</summary>
    public void NextStep()
    {
        foreach (var tally in _tallies.Values)
            tally.Step = new Window();
    }

    /// <summary>What must end it now; null while all looks well.</summary>
    public string? WhyStop(Practice practice, TickInput tick, Snapshot seen)
    {
        if (Against(tick, seen) is { } against)
            return against;
        if (BlastRadius.TryMeasure(seen, practice.Service, practice.Region, null, out _) is not { } blast)
            return $"{practice.Title} is configured no more";
        foreach (var figures in practice.Services.Where(s => s.IsShifted))
        {
            var stake = blast.Services.FirstOrDefault(s => s.Service == figures.Service);
            if (stake is { Verdict: BlastVerdict.NobodyLeft or BlastVerdict.OverCapacity })
                return $"capacity of {figures.Service}: {stake.Text}";
            if (_tallies.TryGetValue(figures.Service, out var tally) && (Errors(figures, tally) ?? Slowness(figures, tick)) is { } harm)
                return harm;
        }
        return null;
    }

    /// <summary>The practice with what was measured so far.</summary>
    public Practice Measured(Practice practice) => practice with
    {
        Services = [.. practice.Services.Select(f => _tallies.TryGetValue(f.Service, out var tally) ? tally.Fill(f) : f)],
    };

    private static string? Errors(PracticeFigures figures, Tally tally)
    {
        var usual = Math.Max(WellShare, figures.Before.ErrorShare);
        foreach (var window in new[] { tally.Last, tally.Step })
            if (window.Failed >= FewestFailures && Evidence.BinomialTail(window.Failed, window.Count, usual) < Significant)
                return Text($"errors of {figures.Service}: {window.Failed} of {window.Count} requests failed, {figures.Before.ErrorShare:P1} before");
        return null;
    }

    /// <summary>The promise decides where there is one that was kept before; else what people notice.</summary>
    private static string? Slowness(PracticeFigures figures, TickInput tick)
    {
        if (TypicalP99(figures.Service, tick.History, SecondsNow) is not { } now || figures.Before.P99Ms <= 0)
            return null;
        var promised = tick.Service(figures.Service)?.Slo?.P99?.TotalMilliseconds;
        var most = promised > figures.Before.P99Ms ? promised.Value : Math.Max(figures.Before.P99Ms * TooSlow, figures.Before.P99Ms + NoticedMs);
        return now > most
            ? Text($"latency of {figures.Service}: 99 % within {now:0} ms, {figures.Before.P99Ms:0} ms before; {most:0} ms is the most")
            : null;
    }

    /// <summary>The median of the seconds' 99th percentiles: a pause of one second, as of a garbage collector, does not move it.</summary>
    private static double? TypicalP99(string service, History history, int seconds)
    {
        var points = history.Of(new(service)).TakeLast(seconds).Where(p => p.Rate > 0).Select(p => p.P99Ms).Order().ToList();
        return points.Count < EnoughSeconds ? null : points[points.Count / 2];
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What is counted of one service.</summary>
    private sealed class Tally
    {
        private readonly Window _all = new();
        private double _peak;
        private double _seconds;

        public Window Step { get; set; } = new();

        public Window Last { get; private set; } = new();

        public long Rescued { get; set; }

        public double WorstP99Ms { get; set; }

        public ServiceAtStake? Least { get; set; }

        public void Add(Window window, TrafficStatus recent)
        {
            Last = window;
            Step.Add(window);
            _all.Add(window);
            _seconds++;
            _peak = Math.Max(_peak, recent.Rate);
        }

        public PracticeFigures Fill(PracticeFigures figures) => figures with
        {
            During = new(_seconds > 0 ? _all.Count / _seconds : 0, _all.ErrorShare, _all.FirstByte.QuantileMs(0.5), WorstP99Ms),
            Requests = _all.Count,
            Failed = _all.Failed,
            Rescued = Rescued,
            PeakRate = _peak,
            KnownPerSecond = Least?.KnownPerSecond ?? 0,
            IsMoreUnknown = Least?.Verdict is BlastVerdict.Unknown,
        };
    }
}
