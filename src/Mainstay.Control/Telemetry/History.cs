using System.Collections.Immutable;

namespace Mainstay.Control.Telemetry;

/// <summary>The recent past of every series, for people: five minutes of points, and the traffic of the last ten windows.
/// Not safe for several threads.</summary>
public sealed class History
{
    private const int PointsKept = 300;
    private const int RecentKept = 10;
    private readonly Dictionary<SeriesKey, Past> _pasts = [];
    private readonly Queue<TimeSpan> _lengths = new(RecentKept);

    /// <summary>Takes the windows of a tick in. A series without traffic gets an empty point.</summary>
    public void Add(ClosedWindows windows)
    {
        if (_lengths.Count == RecentKept)
            _lengths.Dequeue();
        _lengths.Enqueue(windows.Length);
        foreach (var key in windows.Series.Keys)
            _pasts.TryAdd(key, new Past());
        foreach (var (key, past) in _pasts.ToList())
        {
            past.Add(windows[key] ?? new Window(), windows);
            // Five minutes without any traffic: the series is gone, its server perhaps too.
            if (past.Recent.All(w => w.Window.Count == 0) && past.Points.All(p => p.Rate == 0))
                _pasts.Remove(key);
        }
    }

    public TrafficStatus Traffic(SeriesKey key)
    {
        if (!_pasts.TryGetValue(key, out var past))
            return TrafficStatus.None;
        var all = new Window();
        foreach (var (window, _) in past.Recent)
            all.Add(window);
        // A region that begins to carry what fails elsewhere had nothing before, and that counts: else both together would show
        // more than callers send. What a new service asks for is known since it asks, and must not be taken for less.
        var seconds = key.Region is null ? past.Recent.Sum(w => w.Length.TotalSeconds) : _lengths.Sum(l => l.TotalSeconds);
        return new(seconds > 0 ? all.Count / seconds : 0, all.ErrorShare, all.FirstByte.QuantileMs(0.5), all.FirstByte.QuantileMs(0.99));
    }

    public ImmutableArray<HistoryPoint> Of(SeriesKey key) => _pasts.TryGetValue(key, out var past) ? [.. past.Points] : [];

    private sealed class Past
    {
        public Queue<HistoryPoint> Points { get; } = new(PointsKept);

        public Queue<(Window Window, TimeSpan Length)> Recent { get; } = new(RecentKept);

        public void Add(Window window, ClosedWindows of)
        {
            if (Recent.Count == RecentKept)
                Recent.Dequeue();
            Recent.Enqueue((window, of.Length));
            if (Points.Count == PointsKept)
                Points.Dequeue();
            var rate = of.Length > TimeSpan.Zero ? window.Count / of.Length.TotalSeconds : 0;
            Points.Enqueue(new(of.End, rate, window.ErrorShare, window.FirstByte.QuantileMs(0.5), window.FirstByte.QuantileMs(0.99)));
        }
    }
}
