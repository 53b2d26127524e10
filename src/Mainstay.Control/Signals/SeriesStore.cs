using System.Collections.Immutable;
using System.Data.Common;
using Microsoft.Extensions.Logging;

namespace Mainstay.Control.Signals;

/// <summary>
/// Every series of every signal, from the last second to a year ago: windows of 1 s for 5 minutes in memory, of 10 s for 6 hours, of a minute for 3 days and of an hour for
/// 400 days on disk. Points come from any thread and wait for nothing; one task closes windows each second and writes every ten. A process that
/// is killed loses the last ten seconds or so of windows of 10 s and the open minute, and no more. While the disk is away, up to
/// <see cref="SeriesBook.MostWaiting"/> windows wait.
/// </summary>
public sealed partial class SeriesStore
{
    private const string Part = "series";
    private const int MostLines = 100;
    private const int MostListed = 10_000;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WriteEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ForgetEvery = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);
    private readonly SeriesBook _book;
    private readonly SeriesFile _file;
    private readonly Troubles _troubles;
    private readonly TimeProvider _clock;
    private readonly ILogger<SeriesStore> _log;
    private DateTimeOffset _written;
    private DateTimeOffset _forgotten;

    /// <param name="folder">State folder.</param>
    /// <param name="mostSeries">That live at a time.</param>
    public SeriesStore(string folder, int mostSeries, Troubles troubles, TimeProvider clock, ILogger<SeriesStore> log)
    {
        (_book, _file, _troubles, _clock, _log) = (new SeriesBook(mostSeries), new SeriesFile(Path.Combine(folder, SeriesFile.FileName)), troubles, clock, log);
        _written = _forgotten = clock.GetUtcNow();
    }

    /// <summary>Told what stands out, once a second if anything does; must be quick.</summary>
    public Action<ImmutableArray<SeriesAlarm>>? Alarmed { get; init; }

    /// <summary>That live at a time.</summary>
    public int MostSeries
    {
        set => _book.MostSeries = value;
    }

    /// <summary>Takes points of one source in. Safe from any thread; never waits for a disk.</summary>
    /// <param name="source">Stands in messages.</param>
    /// <param name="isJudged">False: others say when these stand out.</param>
    /// <returns>How many were taken; the others are counted with their source.</returns>
    public int Take(string source, IEnumerable<SignalPoint> points, bool isJudged = true) => _book.Take(source, points, _clock.GetUtcNow(), isJudged);

    /// <summary>Counts what a source sent and nobody could read.</summary>
    public void Refuse(string source, Refusal why, string example) => _book.Refuse(source, why, example, _clock.GetUtcNow());

    /// <summary>Adds windows that somebody else has filled and watches.</summary>
    public void Add(string source, SeriesId id, SeriesKind kind, DateTimeOffset at, SeriesWindow window) => _book.Add(source, id, kind, at, window, _clock.GetUtcNow());

    public ImmutableArray<SourceStatus> Sources() => _book.Sources();

    /// <summary>Works until cancelled, and writes once more then.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        Restore();
        using var timer = new PeriodicTimer(Every, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
                Advance();
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            var now = _clock.GetUtcNow();
            _book.Advance(now);
            _book.CloseAll(now);
            Write(now);
        }
    }

    /// <summary>Closes windows, tells what stands out, writes what is due.</summary>
    public void Advance()
    {
        var now = _clock.GetUtcNow();
        _book.Advance(now);
        foreach (var (source, trouble) in _book.Troubles(now))
        {
            if (_troubles.Note($"signals of {source}", trouble))
                LogSource(source, trouble ?? "what comes is taken again.");
        }
        if (_book.TakeAlarms() is { Count: > 0 } alarms)
            Alarmed?.Invoke([.. alarms]);
        if (now - _written >= WriteEvery)
            Write(now);
    }

    /// <summary>The series of a name, or all.</summary>
    /// <exception cref="IOException">The disk cannot be read; the message says why.</exception>
    public SeriesList List(string? name)
    {
        var live = _book.List(id => name is null || id.Name == name);
        var texts = live.Select(s => SeriesId.TryMake(s.Name, s.Labels, out _)!.Text).ToHashSet();
        var known = Read(() => _file.List(name, MostListed + 1)).Where(k => !texts.Contains(k.Id.Text))
            .Select(k => new SeriesStatus(k.Id.Name, k.Id.Labels.ToImmutableDictionary(), k.Kind, k.Source, DateTimeOffset.FromUnixTimeSeconds(k.Last), Watch.Ended, 0));
        List<SeriesStatus> all = [.. live.Concat(known).OrderBy(s => s.Name, StringComparer.Ordinal)];
        return new SeriesList([.. all.Take(MostListed)], all.Count > MostListed);
    }

    /// <summary>Points of series. Where windows as fine as asked for are kept no more, coarser ones are answered.</summary>
    /// <exception cref="IOException">The disk cannot be read; the message says why.</exception>
    public SeriesAnswer Read(SeriesQuery query)
    {
        var now = _clock.GetUtcNow();
        var age = now - query.From;
        // The coarsest that is as fine as asked for, or else the finest that reaches back so far.
        var finest = Resolution.All.FirstOrDefault(r => age <= r.Kept, Resolution.Hours);
        var resolution = Resolution.All.LastOrDefault(r => r.Seconds <= Math.Max(query.Step, finest.Seconds)) ?? finest;
        var isSeconds = query.Step < Resolution.Tens.Seconds && age <= Resolution.SecondsKept;
        var step = isSeconds ? query.Step : Math.Max(query.Step, resolution.Seconds);
        step = isSeconds ? step : step / resolution.Seconds * resolution.Seconds;

        var series = new Dictionary<string, (SeriesId Id, SeriesKind Kind, long? Row)>();
        foreach (var known in Read(() => _file.List(query.Name, MostListed)).Where(k => query.Fits(k.Id)))
            series[known.Id.Text] = (known.Id, known.Kind, known.Row);
        foreach (var live in _book.List(query.Fits))
        {
            var id = SeriesId.TryMake(live.Name, live.Labels, out _)!;
            series.TryAdd(id.Text, (id, live.Kind, null));
        }
        var lines = series.Values.OrderBy(s => s.Id.Text, StringComparer.Ordinal).Take(MostLines)
            .Select(s => new SeriesLine(s.Id.Labels.ToImmutableDictionary(), s.Kind, Steps(s.Id, s.Kind, s.Row, query, resolution, isSeconds, step)));
        return new SeriesAnswer(query.Name, query.From, query.To, step, [.. lines.Where(l => !l.Points.IsEmpty)], series.Count > MostLines);
    }

    /// <summary>Writes what waits. A disk that is away is tried again.</summary>
    internal void Write(DateTimeOffset now)
    {
        _written = now;
        var waiting = _book.TakeWaiting();
        try
        {
            _file.Write(waiting, (now - Grace).ToUnixTimeSeconds());
            if (now - _forgotten >= ForgetEvery)
            {
                _forgotten = now;
                _file.Forget(now);
            }
            _troubles.Note(Part, _book.Lost > 0 ? $"{_book.Lost} windows of series were lost while the disk took nothing." : null);
        }
        catch (Exception e) when (e is DbException or IOException or UnauthorizedAccessException)
        {
            _book.GiveBack(waiting);
            if (_troubles.Note(Part, $"{e.Message} Series are not written; {SeriesBook.MostWaiting} windows wait in memory, then the oldest are lost. Traffic and alerts go on."))
                LogAway(e.Message);
        }
    }

    /// <summary>Makes the hour that was under way at the last writing again, from its minutes.</summary>
    internal void Restore()
    {
        try
        {
            if (_file.Through() is not { } through)
                return;
            var now = _clock.GetUtcNow();
            var hour = Resolution.Hours.StartOf(through);
            foreach (var known in _file.List(null, MostListed).Where(k => k.Last >= hour - Resolution.Hours.Seconds))
            {
                var window = new SeriesWindow();
                foreach (var (_, minute) in _file.Read(known.Row, Resolution.Minutes, hour, hour + Resolution.Hours.Seconds))
                    window.Add(minute);
                if (window.Count > 0)
                    _book.Restore(known.Id, known.Kind, known.Source, hour, window, now);
            }
        }
        catch (Exception e) when (e is DbException or UnauthorizedAccessException)
        {
            _troubles.Note(Part, $"{e.Message} Series of before cannot be read.");
        }
    }

    private ImmutableArray<SeriesStep> Steps(SeriesId id, SeriesKind kind, long? row, SeriesQuery query, Resolution resolution, bool isSeconds, int step)
    {
        var (from, to) = (query.From.ToUnixTimeSeconds(), query.To.ToUnixTimeSeconds() + 1);
        var windows = !isSeconds && row is { } known ? Read(() => _file.Read(known, resolution, resolution.StartOf(from), to)) : [];
        windows.AddRange(_book.Unwritten(id.Text, isSeconds ? 1 : resolution.Seconds, isSeconds ? from : resolution.StartOf(from)).Where(w => w.Start < to));
        var steps = new SortedDictionary<long, SeriesWindow>();
        foreach (var (start, window) in windows)
        {
            var place = start - (start % step);
            if (!steps.TryGetValue(place, out var sum))
                steps[place] = sum = new SeriesWindow();
            sum.Add(window);
        }
        return [.. steps.Select(s => new SeriesStep(
            DateTimeOffset.FromUnixTimeSeconds(s.Key), s.Value.Count, s.Value.Sum, s.Value.Min, s.Value.Max, s.Value.Mean, s.Value.Last,
            kind switch { SeriesKind.Counter => s.Value.Sum / step, SeriesKind.Histogram => s.Value.Count / step, _ => null },
            s.Value.Values?.Quantile(0.5), s.Value.Values?.Quantile(0.99)))];
    }

    private static T Read<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is DbException or UnauthorizedAccessException)
        {
            throw new IOException($"The series cannot be read from the disk: {e.Message}", e);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Series are not written: {Message} They wait in memory; traffic and alerts go on.")]
    private partial void LogAway(string message);

    [LoggerMessage(LogLevel.Warning, "Signals of {Source}: {Trouble}")]
    private partial void LogSource(string source, string trouble);
}
