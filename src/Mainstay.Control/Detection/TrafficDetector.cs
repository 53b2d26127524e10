using System.Globalization;
using Mainstay.Control.Telemetry;

namespace Mainstay.Control.Detection;

/// <summary>Watches one series of attempts against its own past: failures by a binomial test, typical time by its robust
/// distance in logarithms.</summary>
internal sealed class TrafficDetector(SeriesKey key)
{
    private const double MostOfErrors = 12;
    private const double MostOfLatency = 4.5;
    private const int FewestFailures = 5;
    private const int EnoughTimes = 10;
    private const double Unusual = 0.01;

    private readonly Evidence _errors = new(MostOfErrors);
    private readonly Evidence _latency = new(MostOfLatency);
    private Window _recentErrors = new();
    private Histogram _times = new();
    private double _lastMs;

    public Baseline Baseline { get; } = new();

    /// <summary>Judges a window and learns from it if it looks usual.</summary>
    /// <param name="window">Traffic of the series in it; null if none.</param>
    /// <param name="start">Its start.</param>
    /// <param name="slowdown">Factor, from 1, by which everything is slower now, this machine included; infinite: times
    /// of this window say nothing.</param>
    /// <param name="learn">False while an incident is open here: its traffic is not the usual.</param>
    public void Judge(Window? window, DateTimeOffset start, double slowdown, bool learn)
    {
        if (window is null)
        {
            _errors.Fade();
            _latency.Fade();
            return;
        }
        JudgeErrors(window, start, learn);
        JudgeTimes(window, start, slowdown, learn);
    }

    /// <summary>What was held against the series is over: its incident is resolved.</summary>
    public void Reset()
    {
        _errors.Reset();
        _latency.Reset();
    }

    public IEnumerable<Anomaly> Alarms(DateTimeOffset now)
    {
        if (_errors.Alarming)
            yield return new Anomaly(
                _errors.Since ?? now, now, key.Service, key.Region!, key.Server, "errors",
                Text($"{Baseline.ErrorShare:P1} failed"),
                Text($"{_recentErrors.ErrorShare:P1} failed ({_recentErrors.Failed} of {_recentErrors.Count})"), _errors.Sum);
        if (_latency.Alarming)
            yield return new Anomaly(
                _latency.Since ?? now, now, key.Service, key.Region!, key.Server, "latency",
                Text($"{Baseline.TypicalMs:0.0} ms (up to {Baseline.TypicalMs * Math.Exp(3 * Baseline.Spread):0.0} ms)"),
                Text($"{_lastMs:0.0} ms at the median"), _latency.Sum);
    }

    private void JudgeErrors(Window window, DateTimeOffset start, bool learn)
    {
        var tail = Evidence.BinomialTail(window.Failed, window.Count, Baseline.ErrorShare);
        if (Baseline.IsKnown)
        {
            if (_errors.Since is null)
                _recentErrors = new Window();
            _recentErrors.Add(window);
            // A few failures alarm nobody, however little traffic there is: the evidence waits for the fifth.
            _errors.Add(_recentErrors.Failed < FewestFailures ? Math.Max(tail, 1e-3) : tail, start);
        }
        if (learn && Baseline.Accepts(tail > Unusual))
            Baseline.Learn(window.Count, window.Failed);
    }

    private void JudgeTimes(Window window, DateTimeOffset start, double slowdown, bool learn)
    {
        _times.Add(window.FirstByte);
        if (_times.Count < EnoughTimes || double.IsInfinity(slowdown))
        {
            if (double.IsInfinity(slowdown))
                _times = new Histogram();
            return;
        }
        _lastMs = _times.QuantileMs(0.5);
        _times = new Histogram();
        var excess = Math.Log(_lastMs / slowdown / Math.Max(Baseline.TypicalMs, 0.05));
        // Less than twice as slow, or slower by less than anybody notices, is no news for people, however steady the series was.
        var isNews = excess >= Math.Log(2) && _lastMs / slowdown - Baseline.TypicalMs >= Baseline.UnnoticedMs;
        var tail = isNews ? Evidence.NormalTail(excess / Baseline.Spread) : 0.5;
        if (Baseline.IsLatencyKnown)
            _latency.Add(tail, start);
        if (learn && (!Baseline.IsLatencyKnown || Baseline.AcceptsTimes(tail > Unusual)))
            Baseline.LearnTypicalMs(_lastMs);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
