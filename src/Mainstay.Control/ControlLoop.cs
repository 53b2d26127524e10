using System.Collections.Immutable;
using System.Threading.Channels;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;
using Mainstay.Control.Storage;
using Mainstay.Control.Telemetry;
using Mainstay.Routing;
using Microsoft.Extensions.Logging;

namespace Mainstay.Control;

/// <summary>
/// The judgement of Mainstay, once a second: windows → anomalies → alerts → incidents → remedies → journal → table. It may die or
/// hang at any point: traffic flows on with the last table. All state but the next order belongs to the loop's own task.
/// </summary>
public sealed partial class ControlLoop
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private readonly TimeProvider _clock;
    private readonly ChannelReader<Observation> _feed;
    private readonly StateFolder _state;
    private readonly Action<RouteTable> _publish;
    private readonly Alerting _alerting;
    private readonly ILogger<ControlLoop> _log;
    private readonly OrderDesk _orders = new();
    private readonly Collector _collector;
    private readonly History _history = new();
    private readonly Detectors _detectors = new();
    private readonly CapacityBook _capacity = new();
    private readonly IncidentBook _book;
    private readonly DrainBook _drains;
    private readonly PracticeBook _practices;
    private readonly List<FactDraft> _unwritten = [];
    private volatile MainstayConfig _config;
    private RouteTable _table;
    private ImmutableArray<Incident> _onDisk;
    private DrainsKept _drainsOnDisk;
    private PracticesKept _practicesOnDisk;
    private readonly Troubles _troubles;
    private volatile MainstayConfig? _nextConfig;
    private volatile Snapshot _snapshot = Snapshot.None;

    /// <summary>Told each observation of the data plane, on the loop's thread; must be quick and must not throw. Null: nobody is.</summary>
    public Action<Observation>? Observed { get; init; }

    /// <summary>Told the windows of each tick, likewise. Null: nobody is.</summary>
    public Action<ClosedWindows>? Closed { get; init; }

    /// <param name="config">What to run; later ones come through <see cref="Reconfigure"/>.</param>
    /// <param name="feed">What the data plane sees.</param>
    /// <param name="state">Spool, incidents and pause on disk.</param>
    /// <param name="table">The table in force before, whose version and overlays go on; <see cref="RouteTable.Empty"/> if none.</param>
    /// <param name="publish">Puts a table in force. Throws IOException if it could not; it is then tried again.</param>
    /// <param name="alerting">Tells people.</param>
    /// <param name="troubles">What people should know of Mainstay itself; shown with the rest.</param>
    /// <param name="clock">Every time comes from it.</param>
    /// <param name="log">For operators.</param>
    public ControlLoop(
        MainstayConfig config, ChannelReader<Observation> feed, StateFolder state, RouteTable table, Action<RouteTable> publish,
        Alerting alerting, Troubles troubles, TimeProvider clock, ILogger<ControlLoop> log)
    {
        (_config, _feed, _state, _publish, _alerting, _troubles, _clock, _log) = (config, feed, state, publish, alerting, troubles, clock, log);
        _collector = new Collector(clock.GetUtcNow());
        _book = new IncidentBook(state.ReadIncidents(out var unreadable), new Playbook());
        _troubles.Note("incidents", unreadable);
        _onDisk = _book.Incidents;
        _drains = new DrainBook(_drainsOnDisk = state.Drains.Read(out unreadable) ?? DrainsKept.None);
        _troubles.Note("drains", unreadable);
        _practices = new PracticeBook(_practicesOnDisk = state.Practices.Read(out unreadable) ?? PracticesKept.None, state.Spool.LastAt, clock.GetUtcNow());
        _troubles.Note("practices", unreadable);
        // Whoever follows a link to an incident right after a restart must find it, before the first tick too.
        _snapshot = Snapshot.None with { Incidents = _book.Incidents, Drains = _drains.Drains, Practices = _practices.Practices, Mode = config.Remedies, Paused = state.Pause.Read() is not null };
        _table = table;
        // A disk that is full must not keep a data plane in this process down: it is tried again with every tick. A practice that
        // nobody watched meanwhile is over.
        TryPublish([.. _drains.Drains.Select(d => d.ToOverlay()), .. state.Pause.Read() is null ? RemedyOverlays() : []]);
        _unwritten.Add(new(clock.GetUtcNow(), "start", null, "mainstay", $"control plane started with {config.File}"));
    }

    /// <summary>What runs now. Safe from any thread.</summary>
    public MainstayConfig Config => _config;

    /// <summary>How everything stood at the end of the last tick. Safe from any thread.</summary>
    public Snapshot Snapshot => _snapshot;

    /// <summary>Runs until cancelled. A tick that throws is logged and forgotten; the next one comes.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Period, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
            {
                try
                {
                    Tick(_clock.GetUtcNow());
                }
                catch (Exception e)
                {
                    LogBug(e);
                }
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The program ends.
        }
    }

    /// <summary>One turn of the loop.</summary>
    /// <param name="now">Its time; not before that of the tick before.</param>
    public void Tick(DateTimeOffset now)
    {
        var config = TakeConfig(now);
        var windows = TakeWindows(now);
        var orders = _orders.Take(_state.Pause, now, _unwritten);
        var anomalies = _alerting.Take(_detectors.Judge(windows, _book.IsOpenIn), orders, config, now);
        _history.Add(windows);
        _capacity.Learn(windows.Servers.Keys, _history);

        var before = _book.Incidents;
        var notices = _drains.Advance(orders, _snapshot, now);
        var tick = new TickInput(now, config, windows, anomalies, _history, _detectors, _capacity, _state.Pause.Read()?.Who, orders.Approvals)
        {
            Drains = _drains.Drains,
        };
        notices.AddRange(_practices.Advance(tick, orders, _snapshot));
        _book.Advance(tick with { Practice = _practices.Latest });
        var news = NewsSince(before);
        _unwritten.AddRange(notices.Select(n => n.ToFact()));
        _unwritten.AddRange(news.Select(n => new FactDraft(n.At, n.Kind, n.Incident, "mainstay", n.Text)));
        _unwritten.AddRange(_alerting.Tell(_book.Incidents, [.. notices.Select((n, place) => n.ToNews(place)), .. news], orders, config, now));

        // Giving traffic back because a person says so needs no disk; everything else does.
        if (WriteFacts())
            TryPublish(Overlays());
        else if (tick.PausedBy is not null || _drains.HasLifted || _practices.Latest?.Ended == now)
            TryPublish(OverlaysStillWanted());
        _alerting.Save(orders, now);
        orders.Answer(_book.Incidents, tick.PausedBy is not null, _table.Overlays);
        _snapshot = SnapshotMaker.Make(tick, _table, _book.Incidents, _troubles.List()) with
        {
            Practices = _practices.Practices,
            Alerts = _alerting.Status(config, now),
        };
    }

    /// <summary>Runs by another configuration from the next tick on. Safe from any thread.</summary>
    public void Reconfigure(MainstayConfig config)
    {
        _troubles.Note("configuration", null);
        _nextConfig = config;
    }

    /// <summary>Says that a new configuration was refused and the old one goes on. Safe from any thread.</summary>
    public void NoteRefusedConfig(string why) => _troubles.Note("configuration", why);

    /// <summary>Asks for something; carried out in the next tick.</summary>
    public Task<OrderResult> AskAsync(Order order, CancellationToken cancel) => _orders.AskAsync(order, cancel);

    private MainstayConfig TakeConfig(DateTimeOffset now)
    {
        if (Interlocked.Exchange(ref _nextConfig, null) is { } next)
        {
            _config = next;
            _unwritten.Add(new(now, "config", null, "mainstay", $"{next.File} is in force: {next.Services.Length} services"));
        }
        return _config;
    }

    private ClosedWindows TakeWindows(DateTimeOffset now)
    {
        while (_feed.TryRead(out var observation))
        {
            _collector.Add(observation);
            Observed?.Invoke(observation);
        }
        var windows = _collector.Close(now);
        Closed?.Invoke(windows);
        _unwritten.AddRange(windows.Decisions.Select(d => new FactDraft(d.At, "decision", null, "mainstay", DecisionText.Line(d.Decision))));
        foreach (var server in windows.Servers.Values)
        {
            var text = server.LockedOut is { } why ? $"{server.Server} of {server.Service} is out: it {why}. Callers are served elsewhere while they can be." : null;
            if (_troubles.Note($"server {server.Server} of {server.Service}", text))
                _unwritten.Add(new(now, "server", null, "mainstay", text ?? $"{server.Server} of {server.Service} is asked again."));
        }
        foreach (var queue in windows.Queues)
            _troubles.Note($"queue of {queue.Service}", QueueText(queue));
        return windows;
    }

    /// <summary>What people should know of a queue; null: nothing.</summary>
    private static string? QueueText(QueueReport queue) => queue switch
    {
        { Trouble: { } trouble } => trouble,
        { Waiting: 0, Unknown: 0 } => null,
        { Unknown: 0 } => $"{queue.Service}: {queue.Waiting} requests wait in the queue of when_down for a server.",
        _ => $"{queue.Service}: {queue.Waiting} requests wait in the queue of when_down for a server; of {queue.Unknown} nobody knows whether a server did them, and they are not sent again.",
    };

    /// <summary>What the timelines gained in this tick: each line is news to people and a fact for the journal.</summary>
    private List<News> NewsSince(ImmutableArray<Incident> before)
    {
        var known = before.ToDictionary(i => i.Number, i => i.Timeline.LastOrDefault());
        return
        [
            .. from incident in _book.Incidents.OrderBy(i => i.Number)
               let last = known.GetValueOrDefault(incident.Number)
               let start = last is null ? 0 : incident.Timeline.LastIndexOf(last) + 1
               from index in Enumerable.Range(start, incident.Timeline.Length - start)
               let entry = incident.Timeline[index]
               select new News(
                   $"{incident.Number}-{entry.At.ToUnixTimeMilliseconds()}-{index}", incident.Number, entry.Kind, incident.Region,
                   incident.Services, incident.Stage.ToString(), entry.At, entry.Text),
        ];
    }

    /// <summary>Facts stand on disk before the act. False: they do not, so no remedy may start; the reflexes go on alone.</summary>
    private bool WriteFacts()
    {
        try
        {
            _state.Spool.Append(_unwritten);
            _unwritten.Clear();
            foreach (var resolved in _book.Incidents.Where(i => !i.IsOpen && i.Review is null))
                _book.NoteReview(resolved.Number, _state.WriteReview(resolved));
            if (!_onDisk.SequenceEqual(_book.Incidents))
                _state.WriteIncidents(_book.Incidents);
            _onDisk = _book.Incidents;
            foreach (var over in _practices.Kept.Practices.Where(p => !p.IsRunning && !p.IsReported))
            {
                _state.WriteReport(over);
                _practices.NoteReport(over.Number);
            }
            if (!ReferenceEquals(_practicesOnDisk, _practices.Kept))
                _state.Practices.Write(_practices.Kept);
            _practicesOnDisk = _practices.Kept;
            if (!ReferenceEquals(_drainsOnDisk, _drains.Kept))
                _state.Drains.Write(_drains.Kept);
            _drainsOnDisk = _drains.Kept;
            _troubles.Note("journal", null);
            return true;
        }
        catch (IOException e)
        {
            if (_troubles.Note("journal", $"{e.Message} No remedy starts until it can be written; the reflexes go on."))
                LogNotWritten(e.Message);
            // Bounded: the newest facts are kept for when the disk is back.
            if (_unwritten.Count > OrderDesk.MostFacts)
                _unwritten.RemoveRange(0, _unwritten.Count - OrderDesk.MostFacts);
            return false;
        }
    }

    private ImmutableArray<Overlay> Overlays() =>
    [
        .. _drains.Drains.Select(d => d.ToOverlay()),
        .. _practices.Latest?.ToOverlays() ?? [],
        .. RemedyOverlays(),
    ];

    private IEnumerable<Overlay> RemedyOverlays() =>
        _book.Incidents.Where(i => i.IsOpen).SelectMany(i => i.Remedies).Where(r => r.InForce).Select(r => r.ToOverlay());

    /// <summary>What is in force without what was taken off, and without anything new.</summary>
    private ImmutableArray<Overlay> OverlaysStillWanted()
    {
        var wanted = Overlays().Select(o => o.Id).ToHashSet();
        return [.. _table.Overlays.Where(o => wanted.Contains(o.Id))];
    }

    /// <summary>table = configuration + drains + active remedies; put in force if it differs from the one that is.</summary>
    private void Publish(ImmutableArray<Overlay> overlays)
    {
        var next = _config.ToTable(_table.Version + 1, overlays);
        if (next.Overlays.SequenceEqual(_table.Overlays) && next.Services.SequenceEqual(_table.Services) && next.Listen == _table.Listen
            && next.Zone == _table.Zone
            && next.Tls == _table.Tls && next.Keys.SequenceEqual(_table.Keys))
            return;
        _publish(next);
        _table = next;
    }

    private void TryPublish(ImmutableArray<Overlay> overlays)
    {
        try
        {
            Publish(overlays);
            _troubles.Note("table", null);
        }
        catch (IOException e)
        {
            _troubles.Note("table", $"{e.Message} The table on disk stays as it was.");
        }
    }

    [LoggerMessage(LogLevel.Error, "A tick failed; traffic and the next tick go on.")]
    private partial void LogBug(Exception exception);

    [LoggerMessage(LogLevel.Error, "{Message} No remedy starts until it can be written; the reflexes go on.")]
    private partial void LogNotWritten(string message);
}
