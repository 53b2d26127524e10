using Mainstay.Control.Telemetry;

namespace Mainstay.Control.Signals;

/// <summary>What the gateway itself sees of each service and region, as series like any other: requests, share of errors, time to the first byte, tokens. Mainstay's
/// detectors of traffic judge it already.</summary>
public sealed class OwnSeries(SeriesStore store)
{
    public const string Source = "mainstay";

    /// <summary>Takes the windows of one tick in. One thread at a time; never waits.</summary>
    public void Note(ClosedWindows windows)
    {
        var at = windows.End.AddMilliseconds(-1);
        foreach (var (key, window) in windows.Series)
        {
            if (key.Server is not null || window.Count == 0)
                continue;
            var requests = new SeriesWindow();
            requests.Add(window.Count);
            store.Add(Source, Of("mainstay.requests", key.Service, key.Region), SeriesKind.Counter, at, requests);
            var errors = new SeriesWindow();
            errors.Add(window.ErrorShare, window.Count);
            store.Add(Source, Of("mainstay.error_share", key.Service, key.Region), SeriesKind.Gauge, at, errors);
            var times = new Sketch();
            var sum = 0.0;
            foreach (var (ms, count) in window.FirstByte.Values)
            {
                times.Add(ms / 1000, count);
                sum += ms / 1000 * count;
            }
            var firstByte = new SeriesWindow();
            firstByte.Add(times, sum);
            if (times.Count > 0)
                store.Add(Source, Of("mainstay.first_byte", key.Service, key.Region), SeriesKind.Histogram, at, firstByte);
        }
        var tokens = from outcome in windows.Outcomes
                     where !outcome.Charges.IsDefaultOrEmpty
                     from charge in outcome.Charges
                     group charge.AnswerTokens by (outcome.Service, charge.Region);
        foreach (var group in tokens)
        {
            var window = new SeriesWindow();
            window.Add(group.Sum());
            store.Add(Source, Of("mainstay.tokens", group.Key.Service, group.Key.Region), SeriesKind.Counter, at, window);
        }
    }

    private static SeriesId Of(string name, string service, string? region) => SeriesId.TryMake(name, [new("service", service), new("region", region ?? "")], out var wrong)
        ?? throw new InvalidOperationException($"{name} of {service}: {wrong}");
}
