using Mainstay.Control;
using Mainstay.Control.Signals;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Tests.Signals;

/// <summary>A store of series in a folder of its own, on a clock that the test moves.</summary>
internal sealed class SignalHouse : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-signals-").FullName;

    private readonly TimeProvider _clock;

    public SignalHouse(int mostSeries = 1000, TimeProvider? clock = null)
    {
        MostSeries = mostSeries;
        _clock = clock ?? Clock;
        Store = Open();
    }

    public ManualTime Clock { get; } = new();

    public Troubles Troubles { get; } = new();

    public int MostSeries { get; }

    public List<SeriesAlarm> Alarms { get; } = [];

    public SeriesStore Store { get; private set; }

    public DateTimeOffset Now => _clock.GetUtcNow();

    public static SeriesId Id(string name, params (string Key, string Value)[] labels) =>
        SeriesId.TryMake(name, labels.Select(l => KeyValuePair.Create(l.Key, l.Value)), out var wrong) ?? throw new InvalidOperationException(wrong);

    /// <summary>Takes one point of now.</summary>
    public int Take(double value, SeriesKind kind = SeriesKind.Gauge, string name = "depth", string source = "test", DateTimeOffset? at = null) =>
        Store.Take(source, [new SignalPoint(Id(name), kind, at ?? Now, value)]);

    /// <summary>Moves the clock on second by second, as the store's own task does.</summary>
    public void Run(int seconds, Action? each = null)
    {
        for (var i = 0; i < seconds; i++)
        {
            each?.Invoke();
            Clock.Advance(TimeSpan.FromSeconds(1));
            Store.Advance();
        }
    }

    /// <summary>As a process that is killed and started again: what was not written is gone.</summary>
    public void Restart()
    {
        Store = Open();
        Store.Restore();
    }

    public SeriesAnswer Read(string name, string from, string step, string to = "") =>
        Store.Read(SeriesQuery.TryRead(name, from, to, step, System.Collections.Immutable.ImmutableDictionary<string, string>.Empty, Now, out var why) ?? throw new InvalidOperationException(why));

    /// <summary>How many points of a source were not taken for a reason.</summary>
    public long Refused(Refusal why, string source = "test") => Store.Sources().Single(s => s.Source == source).Refused.Where(r => r.Why == why).Sum(r => r.Points);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private SeriesStore Open() => new(_folder, MostSeries, Troubles, _clock, NullLogger<SeriesStore>.Instance) { Alarmed = alarms => Alarms.AddRange(alarms) };
}
