using System.Collections.Immutable;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Detection;
using Mainstay.Control.Incidents;
using Mainstay.Control.Notify;

namespace Mainstay.Tests.Alerts;

/// <summary>The alert book and its groups on a disk of memory and a clock of a second a tick, and everything that people were told.</summary>
internal sealed class AlertHouse
{
    private readonly Dictionary<string, string> _disk = [];
    private readonly AlertRows _rows = new();
    private Numbers _numbers = new(0, 0);

    public AlertHouse(AlertsConfig? alerts = null, params ImmutableArray<ChannelConfig> channels)
    {
        Config = Scene.Configure(RemedyMode.Propose, Scene.Service("chat", 100, "a", "b"), Scene.Service("vision", 100, "a", "b")) with
        {
            Alerts = alerts ?? new AlertsConfig(),
            Notify = channels.IsEmpty ? [Channel("ops")] : channels,
        };
        (Book, Groups) = Start();
    }

    public MainstayConfig Config { get; set; }

    public DateTimeOffset Now { get; private set; } = Scene.Start;

    public AlertBook Book { get; private set; }

    public AlertGroups Groups { get; private set; }

    public ImmutableArray<Incident> Incidents { get; set; } = [];

    /// <summary>Of Mainstay itself.</summary>
    public Dictionary<string, string> Troubles { get; } = [];

    /// <summary>Everything that was told, oldest first.</summary>
    public List<Message> Told { get; } = [];

    public List<string> Facts { get; } = [];

    /// <summary>Ticks in which something was written to the disk.</summary>
    public int Writes { get; private set; }

    /// <summary>What was told, as "kind channel".</summary>
    public IEnumerable<string> Kinds => Told.Select(m => $"{m.Kind} {m.Channel}");

    public static ChannelConfig Channel(string name) => new() { Name = name, Kind = ChannelKind.Webhook, Address = new WebAddress(new Uri("http://127.0.0.1:1"), null) };

    public static RaisedAlert Alert(string name, string? service = null, string? region = null, string? server = null) =>
        new("test", name, ImmutableSortedDictionary<string, string>.Empty) { Service = service, Region = region, Server = server };

    public static Anomaly Anomaly(string region, string? server = null, string detector = "errors", string service = "chat") =>
        new(Scene.Start, Scene.Start, service, region, server, detector, "0.5 % failed", "100 % failed", 11);

    /// <summary>Raises alerts that stand until they are ended, an hour at most.</summary>
    public void Raise(params RaisedAlert[] alerts) => Assert.True(Book.TryRaise([.. alerts.Select(a => a with { Until = Now.AddHours(1) })], Now));

    public void End(params RaisedAlert[] alerts) => Assert.True(Book.TryRaise([.. alerts.Select(a => a with { Until = Now })], Now));

    /// <summary>So many ticks of a second with these anomalies.</summary>
    public void Run(int seconds, params Anomaly[] anomalies)
    {
        for (var i = 0; i < seconds; i++)
            Tick(anomalies, null);
    }

    /// <summary>In the next tick, in which the group may already be over.</summary>
    public void Acknowledge(int number, string who) => Tick([], step =>
    {
        if (Groups.Find(number) is { } group)
            Groups.Acknowledge(group, who, "", Config, step);
    });

    /// <summary>The process is killed after its last tick, and another starts on the same disk.</summary>
    public void Restart(int secondsLater = 0)
    {
        Now = Now.AddSeconds(secondsLater);
        (Book, Groups) = Start();
    }

    private (AlertBook, AlertGroups) Start() => (new AlertBook(_disk, _rows, Now), new AlertGroups(_disk, _rows));

    private void Tick(Anomaly[] anomalies, Action<AlertStep>? then)
    {
        Now = Now.AddSeconds(1);
        Book.Advance(anomalies, Troubles, Config, Now);
        var step = Groups.Advance(Book.Alerts, Incidents, Config, Now);
        then?.Invoke(step);
        Told.AddRange(step.Messages);
        Facts.AddRange(step.Facts.Select(f => f.Text));
        var numbers = new Numbers(Groups.Last, Book.LastSilence);
        if (numbers != _numbers)
            _rows.Put(_numbers = numbers);
        var rows = _rows.Take();
        Writes += rows.Count > 0 ? 1 : 0;
        foreach (var (key, value) in rows)
        {
            if (value is null)
                _disk.Remove(key);
            else
                _disk[key] = value;
        }
    }
}
