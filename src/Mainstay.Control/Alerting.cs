using System.Collections.Immutable;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Incidents;
using Mainstay.Control.Notify;
using Mainstay.Control.Storage;
using Microsoft.Extensions.Logging;

namespace Mainstay.Control;

/// <summary>
/// The one way to tell people: anomalies, heartbeats and alerts from outside become groups, groups and news of incidents become messages, and
/// both stand on disk together before anybody is told. Its outbox is safe from any thread; the rest belongs to the control loop.
/// </summary>
public sealed partial class Alerting : IDisposable
{
    /// <summary>Name of the file in the state folder.</summary>
    public const string FileName = "alerts.db";

    private const int MostShown = 200;
    private readonly AlertRows _rows = new();
    private readonly AlertBook _book;
    private readonly AlertGroups _groups;
    private readonly Troubles _troubles;
    private readonly ILogger<Alerting> _log;
    private readonly Dictionary<Order, OrderResult> _decided = new(ReferenceEqualityComparer.Instance);
    private List<Message> _messages = [];
    private Numbers _numbers = new(0, 0);

    /// <param name="stateFolder">Keeps what must outlive this process.</param>
    /// <param name="troubles">Hears when the disk takes nothing.</param>
    /// <param name="clock">Tells the time of the start.</param>
    /// <param name="seed">Spreads retries.</param>
    /// <param name="log">Gets everything that people are told, as lines.</param>
    public Alerting(string stateFolder, Troubles troubles, TimeProvider clock, int seed, ILogger<Alerting> log)
    {
        (_troubles, _log) = (troubles, log);
        IReadOnlyDictionary<string, string> kept = new Dictionary<string, string>();
        try
        {
            var store = OutboxStore.Open(Path.Combine(stateFolder, FileName), out var trouble);
            kept = store.ReadKept();
            Outbox = new Outbox(store, seed);
            troubles.Note("alerts", trouble);
        }
        catch (IOException e)
        {
            Outbox = new Outbox(null, seed);
            troubles.Note("alerts", $"{e.Message} Alerts and messages are kept in memory alone.");
        }
        _book = new AlertBook(kept, _rows, clock.GetUtcNow());
        _groups = new AlertGroups(kept, _rows);
        _numbers = new Numbers(_groups.Last, _book.LastSilence);
    }

    public Outbox Outbox { get; }

    /// <summary>Takes the alerts to the end of a tick.</summary>
    /// <returns>What stands out for the incidents: the anomalies, and what others say of regions.</returns>
    internal IReadOnlyList<Anomaly> Take(IReadOnlyList<Anomaly> anomalies, OrdersTaken orders, MainstayConfig config, DateTimeOffset now)
    {
        _decided.Clear();
        foreach (var order in orders.Of<RaiseOrder>())
            Raise(order, now);
        foreach (var order in orders.Of<HeartbeatOrder>())
            NoteBeat(order, config, now);
        foreach (var order in orders.Of<SilenceOrder>())
            AddSilence(order, now);
        foreach (var order in orders.Of<UnsilenceOrder>())
            EndSilence(order, now);
        _book.Advance(anomalies, _troubles.ByPart, config, now);
        ImmutableArray<Anomaly> outside = [.. _book.ForIncidents(now)];
        return outside.IsEmpty ? anomalies : [.. anomalies, .. outside];
    }

    /// <summary>Decides what people are told.</summary>
    /// <param name="incidents">As they stand.</param>
    /// <param name="news">What happened in them, and what people did to the routing; the log gets all of it.</param>
    /// <returns>What the journal should say.</returns>
    internal IEnumerable<FactDraft> Tell(ImmutableArray<Incident> incidents, IReadOnlyCollection<News> news, OrdersTaken orders, MainstayConfig config, DateTimeOffset now)
    {
        var step = _groups.Advance(_book.Alerts, incidents, config, now);
        foreach (var order in orders.Of<AcknowledgeOrder>())
            Acknowledge(order, config, step);
        foreach (var item in news)
        {
            if (item.Incident is { } incident)
                LogNews(incident, item.Kind, item.Text);
            else
                LogNotice(item.Kind, item.Text);
            _messages.AddRange(config.Notify.Where(c => c.TellsAll && (c.Services.IsEmpty || c.Services.Intersect(item.Services).Any())).Select(c => ToMessage(item, c)));
        }
        foreach (var (text, _) in step.Facts)
            LogNotice("alert", text);
        _messages.AddRange(step.Messages);
        return [.. _facts.Concat(step.Facts.Select(f => new FactDraft(now, "alert", null, f.Who, f.Text)))];
    }

    /// <summary>Writes what changed, then lets the messages go; answers orders by whether the disk has them.</summary>
    internal void Save(OrdersTaken orders, DateTimeOffset now)
    {
        _facts.Clear();
        var numbers = new Numbers(_groups.Last, _book.LastSilence);
        if (numbers != _numbers)
            _rows.Put(_numbers = numbers);
        var messages = _messages;
        _messages = [];
        var isSaved = Outbox.Save(_rows.Take(), messages, now, out var trouble);
        _troubles.Note("outbox", trouble is null ? Overflow() : $"{trouble} What people must know is told all the same; after a restart some of it may be told again.");
        foreach (var (order, result) in _decided)
            orders.Decide(order, isSaved || !result.Done || order is not (RaiseOrder or HeartbeatOrder)
                ? result
                : new OrderResult(false, $"Noted in memory, and not on disk: {trouble} Send it again."));
    }

    /// <summary>How everything stands, for people.</summary>
    internal AlertsStatus Status(MainstayConfig config, DateTimeOffset now)
    {
        var channels = Outbox.Status();
        return new AlertsStatus
        {
            Groups = [.. _groups.Open.OrderByDescending(g => g.Number).Take(MostShown), .. _groups.Closed.Take(MostShown / 4)],
            Alerts = [.. _book.Alerts.OrderByDescending(a => a.Severity).ThenBy(a => a.Since).Take(MostShown)],
            Count = _book.Alerts.Count,
            OpenGroups = _groups.Open.Count,
            Silences = _book.Silences,
            Maintenance = [.. config.Alerts.Maintenance.Where(w => w.Contains(now)).Select(w => w.Name)],
            Heartbeats =
            [
                .. config.Alerts.Heartbeats.Select(h => new HeartbeatStatus(
                    h.Name, h.Every, _book.LastBeat(h.Name), _book.Alerts.Any(a => a.Source == Alert.OfHeartbeat && a.Name == h.Name))),
            ],
            Channels =
            [
                .. config.Notify.Select(c => channels.FirstOrDefault(s => s.Name == c.Name) ?? new ChannelStatus(c.Name, 0, 0, null, null, null, [])),
                .. channels.Where(s => config.Notify.All(c => c.Name != s.Name)),
            ],
            Dropped = Outbox.Dropped,
        };
    }

    public void Dispose() => Outbox.Dispose();

    private readonly List<FactDraft> _facts = [];

    private void Raise(RaiseOrder order, DateTimeOffset now)
    {
        var isRaised = _book.TryRaise(order.Alerts, now);
        var full = isRaised ? null : $"{AlertBook.MostAlerts} alerts stand, which is the most, and {order.Who} raises more: those are not noted. Most come from one place: {_book.Loudest()}.";
        _troubles.Note("alerts from outside", full);
        Decide(order, isRaised, order.Alerts.Length == 1 ? "The alert is noted." : $"{order.Alerts.Length} alerts are noted.", full ?? "");
    }

    private void NoteBeat(HeartbeatOrder order, MainstayConfig config, DateTimeOffset now)
    {
        var isKnown = config.Alerts.Heartbeats.Any(h => h.Name == order.Job);
        if (isKnown)
            _book.NoteBeat(order.Job, now);
        Decide(order, isKnown, $"{order.Job} has reported.", $"No heartbeat is called {order.Job}: write it under alerts.heartbeats of mainstay.yaml.");
    }

    private void AddSilence(SilenceOrder order, DateTimeOffset now)
    {
        if (_book.Silences.Length >= AlertBook.MostSilences)
        {
            Decide(order, false, "", $"{AlertBook.MostSilences} silences are in force, which is the most: end some first.");
            return;
        }
        var silence = _book.AddSilence(order.Matchers, order.Who, now + order.For, order.Why, now);
        Note(now, order.Who, $"silenced {silence.Title} until {silence.Until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC (silence {silence.Number}){Because(order.Why)}");
        _decided[order] = new(true, $"Silence {silence.Number}: nobody is told of alerts with {silence.Title} until {silence.Until.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.") { Number = silence.Number };
    }

    private void EndSilence(UnsilenceOrder order, DateTimeOffset now)
    {
        var silence = _book.Silences.FirstOrDefault(s => s.Number == order.Number);
        if (silence is not null)
        {
            _book.Drop(silence);
            Note(now, order.Who, $"ended silence {silence.Number} ({silence.Title}){Because(order.Why)}");
        }
        Decide(order, silence is not null, $"Silence {order.Number} is over.", $"There is no silence {order.Number}. {(_book.Silences.IsEmpty ? "None is in force." : $"In force: {string.Join(", ", _book.Silences.Select(s => s.Number))}.")}");
    }

    private void Acknowledge(AcknowledgeOrder order, MainstayConfig config, AlertStep step)
    {
        var group = int.TryParse(order.Alert, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)
            ? _groups.Find(number)
            : _book.Find(order.Alert) is { } alert ? _groups.Find(alert.GroupKey) : null;
        if (group?.Acknowledged is { } known)
            Decide(order, false, "", $"{known.Who} takes care of alert {group.Number} already, since {known.At.UtcDateTime:HH:mm:ss} UTC.");
        else if (group is null)
            Decide(order, false, "", $"No alert {order.Alert} is open. {(_groups.Open.Count == 0 ? "None is." : $"Open: {string.Join(", ", _groups.Open.Select(g => g.Number).OrderDescending().Take(20))}.")}");
        else
            _decided[order] = new(true, $"Alert {_groups.Acknowledge(group, order.Who, order.Why, config, step).Number} is yours: nobody further is told of it, until it gets graver or is over.") { Number = group.Number };
    }

    private void Decide(Order order, bool done, string good, string bad) => _decided[order] = new(done, done ? good : bad);

    private void Note(DateTimeOffset now, string who, string text) => _facts.Add(new(now, "alert", null, who, text));

    private string? Overflow() =>
        Outbox.Dropped > 0 ? $"{Outbox.Dropped} messages were not told, as {Outbox.MostWaiting} waited already: see which channel takes nothing." : null;

    private static string Because(string why) => why.Length > 0 ? $": {why}" : "";

    private static Message ToMessage(News news, ChannelConfig channel) => new()
    {
        Id = $"{news.Id}-{channel.Name}",
        Channel = channel.Name,
        Kind = MessageKind.News,
        News = news.Kind,
        Thread = news.Incident is { } incident ? FormattableString.Invariant($"incident-{incident}") : news.Id,
        At = news.At,
        Title = news.Incident is null ? $"{news.Kind}: {news.Text}" : $"Incident {news.Incident}, {news.Region}: {news.Kind}",
        Text = news.Text,
        Severity = Severity.Warning,
        Incident = news.Incident,
        Region = news.Region,
        Services = [.. news.Services],
        Stage = news.Stage,
    };

    [LoggerMessage(LogLevel.Warning, "Incident {Incident}: {Kind}: {Text}")]
    private partial void LogNews(int incident, string kind, string text);

    [LoggerMessage(LogLevel.Warning, "{Kind}: {Text}")]
    private partial void LogNotice(string kind, string text);
}
