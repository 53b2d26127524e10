using System.Collections.Immutable;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;

namespace Mainstay.Control.Signals;

/// <summary>A series of a signal that left what is usual for it, or says by itself that something is full.</summary>
/// <param name="Name">What stands out, as the alert is called.</param>
/// <param name="Text">In one line.</param>
/// <param name="Observed">What was seen.</param>
/// <param name="Since">When it began.</param>
public sealed record SeriesAlarm(SeriesId Series, string Name, string Text, string Observed, DateTimeOffset Since)
{
    /// <summary>As <see cref="Alert.Source"/> of what these series raise.</summary>
    public const string Source = "signals";

    /// <summary>Windows of 10 s before which nothing is said of a series.</summary>
    public const int FewestWindows = 60;

    /// <summary>Of one series: a day has 8,640 windows; a plain record (2) comes several times a day on a series of noise, this once in fifty days. Half a decade more
    /// makes it ten times as rare.</summary>
    private const double FewestSurprise = 3;

    /// <summary>What is older wakes nobody: it was imported, or its source was away.</summary>
    private static readonly TimeSpan Recent = TimeSpan.FromMinutes(5);

    /// <summary>An alert that is not raised again ends after that.</summary>
    private static readonly TimeSpan Lasts = TimeSpan.FromMinutes(5);

    private static readonly string[] Places = ["service", "region", "server"];

    /// <summary>Judges a window of 10 s.</summary>
    /// <param name="judged">Windows of it so far.</param>
    /// <param name="value">The mean of a gauge or histogram, the rate of a counter.</param>
    /// <param name="series">That are judged at a time: the more, the rarer must a window be, so that all together do not tell more of nothing.</param>
    /// <returns>Null: it is usual, or nobody knows yet what is.</returns>
    internal static SeriesAlarm? Judge(SeriesDetector detector, int judged, ClosedWindow window, double value, int series, DateTimeOffset now)
    {
        var at = DateTimeOffset.FromUnixTimeSeconds(window.Start);
        var score = detector.Judge(at, value);
        if (judged <= FewestWindows || score.Evidence is not { } evidence || score.Surprise < FewestSurprise + (Math.Log10(Math.Max(1, series)) / 2) || now - at > Recent)
            return null;
        var observed = evidence.Summary + (window.Kind == SeriesKind.Counter ? " (a second)" : "");
        return new SeriesAlarm(window.Series, window.Series.Name, $"{window.Series}: {observed}", observed, evidence.Since);
    }

    /// <summary>As the alerts have it: a warning, until somebody decides that it is worth more.</summary>
    public RaisedAlert ToAlert(DateTimeOffset now) =>
        new(Source, Name, Series.Labels.Where(l => !Places.Contains(l.Key)).ToImmutableSortedDictionary(l => l.Key, l => l.Value, StringComparer.Ordinal))
        {
            Service = Series["service"],
            Region = Series["region"],
            Server = Series["server"],
            Severity = Severity.Warning,
            Summary = Text,
            Observed = Observed,
            Since = Since,
            Until = now + Lasts,
        };
}
