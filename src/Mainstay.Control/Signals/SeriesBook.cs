using System.Collections.Immutable;
using Mainstay.Control.Detection;

namespace Mainstay.Control.Signals;

/// <summary>
/// All series that live now: takes points in, sorts them into windows, has windows of 10 s judged as they close. Bounded in series, labels, seconds and
/// what waits for the disk. Safe for any number of threads; never waits for a disk.
/// </summary>
/// <param name="mostSeries">Of all sources together; each may have half of them.</param>
internal sealed class SeriesBook(int mostSeries)
{
    /// <summary>Values of one label on one name from one source.</summary>
    public const int MostValues = 1000;

    /// <summary>Windows that wait for the disk; the oldest beyond are lost, and counted.</summary>
    public const int MostWaiting = 500_000;

    private const int MostSources = 500;
    private const int MostSeconds = 2_000_000;
    private const int MostAlarms = 1000;
    private const string OtherSources = "(others)";

    /// <summary>A point may come so much later than its window ended, and is judged with it.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan MostAhead = TimeSpan.FromMinutes(1);

    /// <summary>A series without a point for so long is forgotten here; the disk keeps it.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, LiveSeries> _series = [];
    private readonly Dictionary<string, SourceTally> _sources = [];
    private readonly Dictionary<string, string> _troubles = [];
    private readonly List<SeriesAlarm> _alarms = [];
    private List<ClosedWindow> _waiting = [];
    private long _seconds;

    /// <summary>Of all sources together; a later configuration may change it.</summary>
    public int MostSeries { get; set; } = mostSeries;

    /// <summary>Windows that were lost because the disk took nothing for too long.</summary>
    public long Lost { get; private set; }

    /// <summary>Takes points of one source in. What is not taken is counted there.</summary>
    /// <param name="source">Stands in messages.</param>
    /// <param name="isJudged">False: other detectors watch these series.</param>
    /// <returns>How many were taken.</returns>
    public int Take(string source, IEnumerable<SignalPoint> points, DateTimeOffset now, bool isJudged = true)
    {
        var taken = 0;
        lock (_lock)
        {
            var tally = TallyOf(source);
            foreach (var point in points)
            {
                if (!TryTake(tally, point, now, isJudged))
                    continue;
                tally.NoteTaken(now);
                taken++;
            }
        }
        return taken;
    }

    /// <summary>Adds a window that somebody else has filled, of series that other detectors watch.</summary>
    public void Add(string source, SeriesId id, SeriesKind kind, DateTimeOffset at, SeriesWindow window, DateTimeOffset now)
    {
        lock (_lock)
        {
            if (Find(TallyOf(source), id, kind, isJudged: false, now) is not { } series)
                return;
            series.Note(at, now);
            Sort(series, at, window, now);
            series.Source.NoteTaken(now);
        }
    }

    /// <summary>Counts what a source sent and nobody could read.</summary>
    public void Refuse(string source, Refusal why, string example, DateTimeOffset now)
    {
        lock (_lock)
            TallyOf(source).NoteRefused(why, example, now);
    }

    /// <summary>Closes windows that are over, and forgets series that have ended. Once a second.</summary>
    public void Advance(DateTimeOffset now)
    {
        var second = (now - Grace).ToUnixTimeSeconds();
        lock (_lock)
        {
            List<LiveSeries>? ended = null;
            foreach (var series in _series.Values)
            {
                for (var r = 0; r < Resolution.All.Length; r++)
                {
                    ref var open = ref series.Open(r);
                    if (open.Window is not null && open.Start + Resolution.All[r].Seconds <= second)
                        Close(series, r, ref open, now);
                }
                if (now - series.SeenAt > Idle)
                    (ended ??= []).Add(series);
            }
            foreach (var series in ended ?? [])
                Forget(series);
        }
    }

    /// <summary>Closes windows that are under way too, at the end of the program; those of an hour are made again from minutes at the next start.</summary>
    public void CloseAll(DateTimeOffset now)
    {
        lock (_lock)
        {
            foreach (var series in _series.Values)
            {
                for (var r = 0; Resolution.All[r] != Resolution.Hours; r++)
                {
                    if (series.Open(r).Window is not null)
                        Close(series, r, ref series.Open(r), now);
                }
            }
        }
    }

    /// <summary>Takes out what waits for the disk.</summary>
    public List<ClosedWindow> TakeWaiting()
    {
        lock (_lock)
        {
            var taken = _waiting;
            _waiting = [];
            return taken;
        }
    }

    /// <summary>Puts back what could not be written.</summary>
    public void GiveBack(List<ClosedWindow> taken)
    {
        lock (_lock)
        {
            taken.AddRange(_waiting);
            _waiting = taken;
            if (_waiting.Count <= MostWaiting)
                return;
            Lost += _waiting.Count - MostWaiting;
            _waiting.RemoveRange(0, _waiting.Count - MostWaiting);
        }
    }

    /// <summary>Takes out what the detectors found.</summary>
    public List<SeriesAlarm> TakeAlarms()
    {
        lock (_lock)
        {
            List<SeriesAlarm> taken = [.. _alarms];
            _alarms.Clear();
            return taken;
        }
    }

    /// <summary>What memory has of one series beyond the disk, oldest first, in windows of so many seconds or finer; the last one may not be over.</summary>
    /// <param name="from">Seconds since 1970.</param>
    public List<(long Start, SeriesWindow Window)> Unwritten(string series, int seconds, long from)
    {
        lock (_lock)
        {
            if (!_series.TryGetValue(series, out var live))
                return [];
            if (seconds < Resolution.Tens.Seconds)
                return [.. live.Recent.Where(r => r.Second >= from).Select(r => (r.Second, Copy(r.Window)))];
            var r = Resolution.All.Select((x, i) => (x, i)).Last(p => p.x.Seconds <= seconds).i;
            var unwritten = _waiting.Where(w => w.Resolution == Resolution.All[r] && w.Series.Equals(live.Id) && w.Start >= from).Select(w => (w.Start, Copy(w.Window))).ToList();
            if (live.Open(r) is { Window: { } open, Start: var start } && start >= from)
                unwritten.Add((start, Copy(open)));
            return unwritten;
        }
    }

    /// <summary>Gives a series back the window of an hour that was under way at the end of the program before.</summary>
    public void Restore(SeriesId id, SeriesKind kind, string source, long hour, SeriesWindow window, DateTimeOffset now)
    {
        lock (_lock)
        {
            if (Find(TallyOf(source), id, kind, isJudged: true, now) is not { } series)
                return;
            series.Note(DateTimeOffset.MinValue, now);
            series.Open(Resolution.All.IndexOf(Resolution.Hours)) = new OpenWindow(hour, window);
        }
    }

    /// <summary>The series that live now.</summary>
    public List<SeriesStatus> List(Func<SeriesId, bool> wanted)
    {
        lock (_lock)
        {
            return
            [
                .. _series.Values.Where(s => wanted(s.Id)).Select(s => new SeriesStatus(
                    s.Id.Name, s.Id.Labels.ToImmutableDictionary(), s.Kind, s.Source.Source, s.LastAt > DateTimeOffset.UnixEpoch ? s.LastAt : null,
                    s.Detector is null ? Watch.ByOthers : s.Judged < SeriesAlarm.FewestWindows ? Watch.Learning : Watch.Judged, s.Judged)),
            ];
        }
    }

    public ImmutableArray<SourceStatus> Sources()
    {
        lock (_lock)
            return [.. _sources.Values.OrderBy(s => s.Source, StringComparer.Ordinal).Select(s => s.Status())];
    }

    /// <summary>What changed since the last call of what people should know of the sources; null: nothing any more.</summary>
    public List<(string Source, string? Trouble)> Troubles(DateTimeOffset now)
    {
        lock (_lock)
        {
            var changed = new List<(string, string?)>();
            foreach (var tally in _sources.Values)
            {
                var trouble = tally.Trouble(now);
                if (trouble == _troubles.GetValueOrDefault(tally.Source))
                    continue;
                if (trouble is null)
                    _troubles.Remove(tally.Source);
                else
                    _troubles[tally.Source] = trouble;
                changed.Add((tally.Source, trouble));
            }
            return changed;
        }
    }

    private bool TryTake(SourceTally tally, in SignalPoint point, DateTimeOffset now, bool isJudged)
    {
        if (Judge(point, now) is { } bad)
        {
            tally.NoteRefused(bad, $"{point.Series} = {point.Value} at {point.At.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}", now);
            return false;
        }
        if (Find(tally, point.Series, point.Kind, isJudged, now) is not { } series)
            return false;
        var window = series.Grow(point, now, out var why);
        if (why is { } refusal)
        {
            tally.NoteRefused(refusal, point.Series.Text, now);
            return false;
        }
        if (window is not null)
            Sort(series, point.At, window, now);
        return true;
    }

    private static Refusal? Judge(in SignalPoint point, DateTimeOffset now)
    {
        if (!double.IsFinite(point.Value) || (!point.Buckets.IsDefault && point.Buckets.Any(b => double.IsNaN(b.Bound) || !double.IsFinite(b.Count))))
            return Refusal.NotFinite;
        if ((point.Kind == SeriesKind.Counter && point.Value < 0) || (!point.Buckets.IsDefault && point.Buckets.Any(b => b.Count < 0)))
            return Refusal.Negative;
        if (point.At > now + MostAhead)
            return Refusal.Ahead;
        return point.At < now - Resolution.Hours.Kept ? Refusal.TooOld : null;
    }

    private LiveSeries? Find(SourceTally tally, SeriesId id, SeriesKind kind, bool isJudged, DateTimeOffset now)
    {
        if (_series.TryGetValue(id.Text, out var series))
            return series;
        if (_series.Count >= MostSeries || tally.Series >= Math.Max(1, MostSeries / 2))
        {
            tally.NoteRefused(Refusal.TooManySeries, $"{id.Name}; {tally.Series} of {_series.Count} series are from here, {MostSeries} may be, half of them from one source", now);
            return null;
        }
        if (!tally.TryAdd(id, MostValues, out var crowded))
        {
            tally.NoteRefused(Refusal.TooManyValues, $"label {crowded} of {id.Name} has more than {MostValues}", now);
            return null;
        }
        return _series[id.Text] = new LiveSeries(id, kind, tally, isJudged);
    }

    private void Sort(LiveSeries series, DateTimeOffset at, SeriesWindow window, DateTimeOffset now)
    {
        var second = at.ToUnixTimeSeconds();
        if (now - at < Resolution.SecondsKept && (series.Recent.Count == 0 || second >= series.Recent.Last().Second))
            _seconds += series.Remember(second, Copy(window), mayGrow: _seconds < MostSeconds);
        for (var r = 0; r < Resolution.All.Length; r++)
        {
            var resolution = Resolution.All[r];
            if (now - at > resolution.Kept)
                continue;
            ref var open = ref series.Open(r);
            var start = resolution.StartOf(second);
            if (open.Window is not null && start > open.Start)
                Close(series, r, ref open, now);
            if (open.Window is null)
                open = new OpenWindow(start, Copy(window));
            else if (start == open.Start)
                open.Window.Add(window);
            else
                Enqueue(new ClosedWindow(series.Id, series.Kind, series.Source.Source, resolution, start, Copy(window)));
        }
    }

    private void Close(LiveSeries series, int resolution, ref OpenWindow open, DateTimeOffset now)
    {
        var closed = new ClosedWindow(series.Id, series.Kind, series.Source.Source, Resolution.All[resolution], open.Start, open.Window!);
        open = default;
        Enqueue(closed);
        if (closed.Resolution != Resolution.Tens || series.Detector is not { } detector)
            return;
        series.Judged++;
        // What two readings lie apart need not be what a window is wide.
        var value = closed.Kind != SeriesKind.Counter ? closed.Window.Mean : closed.Window.Sum / (series.Covered > 0 ? series.Covered : closed.Resolution.Seconds);
        series.Covered = 0;
        if (SeriesAlarm.Judge(detector, series.Judged, closed, value, _series.Count, now) is { } alarm && _alarms.Count < MostAlarms)
            _alarms.Add(alarm);
    }

    private void Enqueue(ClosedWindow closed)
    {
        if (_waiting.Count >= MostWaiting)
            Lost++;
        else
            _waiting.Add(closed);
    }

    private void Forget(LiveSeries series)
    {
        _seconds -= series.Recent.Count;
        series.Source.Remove(series.Id);
        _series.Remove(series.Id.Text);
    }

    private SourceTally TallyOf(string source)
    {
        if (_sources.TryGetValue(source, out var tally))
            return tally;
        if (_sources.Count >= MostSources)
            source = OtherSources;
        if (!_sources.TryGetValue(source, out tally))
            _sources[source] = tally = new SourceTally(source);
        return tally;
    }

    private static SeriesWindow Copy(SeriesWindow window)
    {
        var copy = new SeriesWindow();
        copy.Add(window);
        return copy;
    }
}

/// <summary>A window that is over, or a part of one that comes late.</summary>
/// <param name="Start">Seconds since 1970.</param>
internal sealed record ClosedWindow(SeriesId Series, SeriesKind Kind, string Source, Resolution Resolution, long Start, SeriesWindow Window);
