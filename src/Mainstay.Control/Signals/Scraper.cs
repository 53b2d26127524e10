using System.Collections.Immutable;
using Mainstay.Control.Config;

namespace Mainstay.Control.Signals;

/// <summary>
/// Reads the metrics of every target, each on a schedule of its own: spread over its interval, bounded in time and bytes, a few dozen at a time. A target
/// that is slow, endless or wrong harms no other.
/// </summary>
/// <param name="config">In force; asked before each round.</param>
/// <param name="store">Takes what was read.</param>
/// <param name="alarmed">Told of targets that are down or full.</param>
/// <param name="random">Spreads the targets.</param>
public sealed class Scraper(Func<ImmutableArray<ScrapeConfig>> config, SeriesStore store, Action<ImmutableArray<SeriesAlarm>> alarmed, Troubles troubles, TimeProvider clock, Random random) : IDisposable
{
    /// <summary>Bytes of one answer.</summary>
    public const int MostBytes = 16 << 20;

    private const string Accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4";
    private const int AtOnce = 32;

    /// <summary>So many readings in a row, and it is told.</summary>
    private const int InARow = 2;
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(200);
    private readonly GuardedReader _reader = new(clock);
    private readonly SemaphoreSlim _places = new(AtOnce, AtOnce);
    private readonly Dictionary<(string Job, Uri Target), ScrapeTarget> _targets = [];

    /// <summary>Reads until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Step, clock);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            foreach (var (target, job) in Due(clock.GetUtcNow()))
            {
                // What is not done by its next time is not begun again.
                target.Reading = Task.Run(() => ReadAsync(target, job, cancel), cancel);
            }
        }
    }

    /// <summary>Reads one target now, and takes in what it says.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    public async Task<string?> ReadAsync(ScrapeTarget target, ScrapeConfig job, CancellationToken cancel)
    {
        await _places.WaitAsync(cancel);
        try
        {
            var began = clock.GetTimestamp();
            var (text, wrong) = await _reader.GetAsync(target.Address, Accept, job.TokenVariable, job.MayReachLinkLocal, job.Timeout, MostBytes, cancel);
            Take(target, job, text, wrong, clock.GetElapsedTime(began));
            return text is null ? wrong : null;
        }
        finally
        {
            _places.Release();
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _places.Dispose();
    }

    private List<(ScrapeTarget, ScrapeConfig)> Due(DateTimeOffset now)
    {
        var wanted = config().SelectMany(j => j.Targets.Select(t => (Key: (j.Job, Target: t), Job: j))).ToList();
        foreach (var gone in _targets.Keys.Except(wanted.Select(w => w.Key)).ToList())
        {
            troubles.Note(PartOf(gone.Job, gone.Target), null);
            _targets.Remove(gone);
        }
        var due = new List<(ScrapeTarget, ScrapeConfig)>();
        foreach (var (key, job) in wanted)
        {
            if (!_targets.TryGetValue(key, out var target))
                _targets[key] = target = new ScrapeTarget(key.Target) { Next = now + (job.Every * random.NextDouble()) };
            if (now < target.Next || target.Reading is { IsCompleted: false })
                continue;
            target.Next += job.Every;
            if (target.Next < now)
                target.Next = now + job.Every;
            due.Add((target, job));
        }
        return due;
    }

    private void Take(ScrapeTarget target, ScrapeConfig job, string? text, string wrong, TimeSpan took)
    {
        var now = clock.GetUtcNow();
        var source = $"scrape {job.Job}";
        var instance = target.Address.Authority;
        ImmutableArray<KeyValuePair<string, string>> own = [new("job", job.Job), new(ScrapeConfig.Instance, instance), new("service", job.Service ?? ""), new("region", job.Region ?? "")];
        var up = SeriesId.TryMake("up", own, out _)!;
        var alarms = new List<SeriesAlarm>();
        target.Failed = text is null ? target.Failed + 1 : 0;
        if (text is not null)
        {
            var read = ExpositionText.Read(text, now, own);
            foreach (var error in read.Errors)
                store.Refuse(source, Refusal.Unreadable, $"{instance}, {error}");
            store.Take(source, read.Points);
            alarms.AddRange(Full(target, job, read.Points, now));
        }
        else if (target.Failed >= InARow)
        {
            target.DownSince ??= now - job.Every;
            alarms.Add(new SeriesAlarm(up, "target down", $"{job.Job}: {target.Address} tells no metrics: {wrong}", wrong, target.DownSince.Value));
        }
        if (text is not null)
            target.DownSince = null;
        store.Take(source,
        [
            new SignalPoint(up, SeriesKind.Gauge, now, text is null ? 0 : 1),
            new SignalPoint(up.With("scrape_duration_seconds", "job", job.Job), SeriesKind.Gauge, now, took.TotalSeconds),
        ], isJudged: false);
        troubles.Note(PartOf(job.Job, target.Address), target.Failed >= InARow ? $"{wrong}. See that it runs and that the address is right (scrape in the configuration)." : null);
        if (alarms.Count > 0)
            alarmed([.. alarms]);
    }

    private static IEnumerable<SeriesAlarm> Full(ScrapeTarget target, ScrapeConfig job, IReadOnlyList<SignalPoint> points, DateTimeOffset now)
    {
        var full = job.Profile is null ? [] : Profile.Saturated(job.Profile, points).Take(20).ToList();
        foreach (var over in target.Full.Keys.Except(full.Select(f => f.Series.Text)).ToList())
            target.Full.Remove(over);
        foreach (var (series, text, observed) in full)
        {
            var (times, since) = target.Full.GetValueOrDefault(series.Text, (0, now));
            target.Full[series.Text] = (times + 1, since);
            if (times + 1 >= InARow)
                yield return new SeriesAlarm(series, "saturated", $"{job.Job}: {target.Address.Authority}: {text} ({observed})", observed, since);
        }
    }

    private static string PartOf(string job, Uri target) => $"scrape {job} {target.Authority}";
}

/// <summary>How one target stands.</summary>
public sealed class ScrapeTarget(Uri address)
{
    public Uri Address { get; } = address;

    internal DateTimeOffset Next { get; set; }

    internal Task? Reading { get; set; }

    internal int Failed { get; set; }

    internal DateTimeOffset? DownSince { get; set; }

    /// <summary>What its profile found full: how many times in a row, since when.</summary>
    internal Dictionary<string, (int Times, DateTimeOffset Since)> Full { get; } = [];
}
