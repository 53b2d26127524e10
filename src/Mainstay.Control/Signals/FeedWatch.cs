using System.Collections.Immutable;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;

namespace Mainstay.Control.Signals;

/// <summary>
/// Reads what providers say of their own health, and raises it as warnings: evidence beside what Mainstay sees itself, and no more, since providers are often late.
/// </summary>
/// <param name="config">In force; asked before each round.</param>
/// <param name="raise">Raises alerts, and raises them again while they last.</param>
public sealed class FeedWatch(Func<ImmutableArray<FeedConfig>> config, Action<ImmutableArray<RaisedAlert>> raise, Troubles troubles, TimeProvider clock) : IDisposable
{
    /// <summary>Bytes of one answer.</summary>
    public const int MostBytes = 4 << 20;

    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    /// <summary>How long an event that a provider sent itself stands without another word.</summary>
    private static readonly TimeSpan SentLasts = TimeSpan.FromHours(6);
    private readonly GuardedReader _reader = new(clock);
    private readonly Dictionary<string, (DateTimeOffset Next, Task Reading)> _feeds = [];

    /// <summary>Reads until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            var now = clock.GetUtcNow();
            foreach (var feed in config().Where(f => f.Url is not null))
            {
                if (_feeds.TryGetValue(feed.Name, out var known) && (now < known.Next || !known.Reading.IsCompleted))
                    continue;
                _feeds[feed.Name] = (now + feed.Every, Task.Run(() => ReadAsync(feed, cancel), cancel));
            }
        }
    }

    /// <summary>Reads one feed now.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    public async Task<string?> ReadAsync(FeedConfig feed, CancellationToken cancel)
    {
        var (text, wrong) = await _reader.GetAsync(feed.Url!, "application/json, application/atom+xml, */*;q=0.1", null, feed.MayReachLinkLocal, Within, MostBytes, cancel);
        if (text is not null)
            return Take(feed, text);
        troubles.Note(PartOf(feed), $"{wrong}. See that the address is right (feeds in the configuration).");
        return wrong;
    }

    /// <summary>Takes what a provider says, read or sent.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    public string? Take(FeedConfig feed, string text)
    {
        var now = clock.GetUtcNow();
        var events = ProviderEvent.Read(feed.Kind, text, now, out var wrong);
        troubles.Note(PartOf(feed), events.IsDefault ? $"{wrong}. See that `kind` and `url` go together." : null);
        if (events.IsDefault)
            return wrong;
        // One that was read ends when it is read no more; one that was sent, when its end is sent.
        ImmutableArray<RaisedAlert> alerts =
        [
            .. events.Where(e => e.IsOpen || feed.Url is null).Select(e => new RaisedAlert($"feed {feed.Name}", "provider", ImmutableSortedDictionary<string, string>.Empty.Add("event", e.Id))
            {
                Service = feed.Service,
                Region = feed.Region ?? e.Region,
                Severity = Severity.Warning,
                Summary = $"{feed.Name} says: {e.Title}",
                Observed = e.Title,
                Since = e.Since,
                Until = !e.IsOpen ? now : now + (feed.Url is null ? SentLasts : (feed.Every * 2) + TimeSpan.FromMinutes(1)),
            }),
        ];
        if (!alerts.IsEmpty)
            raise(alerts);
        return null;
    }

    public void Dispose() => _reader.Dispose();

    private static string PartOf(FeedConfig feed) => $"feed {feed.Name}";
}
