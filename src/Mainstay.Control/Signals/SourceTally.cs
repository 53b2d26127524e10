using System.Collections.Immutable;

namespace Mainstay.Control.Signals;

/// <summary>Why a point was not taken.</summary>
public enum Refusal
{
    /// <summary>Text or bytes that are no points.</summary>
    Unreadable,

    /// <summary>A name or label that cannot be one.</summary>
    BadName,

    /// <summary>NaN or an infinity.</summary>
    NotFinite,

    /// <summary>A counter or histogram below zero.</summary>
    Negative,

    /// <summary>More than a minute ahead of this machine's clock.</summary>
    Ahead,

    /// <summary>Older than anything that is kept.</summary>
    TooOld,

    /// <summary>A counter's point from before one that was taken.</summary>
    Late,

    /// <summary>A second point for the same time.</summary>
    Duplicate,

    /// <summary>A label with too many values.</summary>
    TooManyValues,

    /// <summary>Too many series.</summary>
    TooManySeries,
}

/// <summary>What came from one source, and what of it was not taken. Not safe for several threads.</summary>
internal sealed class SourceTally(string source)
{
    /// <summary>How long a refusal stays a trouble.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(5);
    private static readonly int Kinds = Enum.GetValues<Refusal>().Length;

    private readonly long[] _refused = new long[Kinds];
    private readonly long[] _recent = new long[Kinds];
    private readonly string[] _examples = new string[Kinds];
    private readonly Dictionary<(string Name, string Label), Dictionary<string, int>> _values = [];
    private DateTimeOffset _lastRefusal = DateTimeOffset.MinValue;

    public string Source { get; } = source;

    public int Series { get; private set; }

    public long Taken { get; private set; }

    /// <summary>Counters that began anew.</summary>
    public long Resets { get; set; }

    public DateTimeOffset? LastAt { get; private set; }

    public void NoteTaken(DateTimeOffset now)
    {
        Taken++;
        LastAt = now;
    }

    /// <param name="example">What it was about, in short.</param>
    public void NoteRefused(Refusal why, string example, DateTimeOffset now)
    {
        if (now - _lastRefusal > Fresh)
            Array.Clear(_recent);
        // Points that come twice, and values that do not exist, are usual with some sources: they are counted, and no trouble.
        if (why is not (Refusal.Duplicate or Refusal.NotFinite))
            _lastRefusal = now;
        _refused[(int)why]++;
        _recent[(int)why]++;
        _examples[(int)why] = example.Length > 200 ? example[..200] : example;
    }

    /// <summary>A series of this source begins. False: one of its labels has too many values already.</summary>
    public bool TryAdd(SeriesId series, int mostValues, out string crowded)
    {
        crowded = "";
        foreach (var (label, value) in series.Labels)
        {
            if (_values.TryGetValue((series.Name, label), out var known) && known.Count >= mostValues && !known.ContainsKey(value))
            {
                crowded = label;
                return false;
            }
        }
        foreach (var (label, value) in series.Labels)
        {
            if (!_values.TryGetValue((series.Name, label), out var known))
                _values[(series.Name, label)] = known = [];
            known[value] = known.GetValueOrDefault(value) + 1;
        }
        Series++;
        return true;
    }

    /// <summary>A series of this source is gone.</summary>
    public void Remove(SeriesId series)
    {
        Series--;
        foreach (var (label, value) in series.Labels)
        {
            if (!_values.TryGetValue((series.Name, label), out var known) || !known.TryGetValue(value, out var count))
                continue;
            if (count > 1)
                known[value] = count - 1;
            else
                known.Remove(value);
            if (known.Count == 0)
                _values.Remove((series.Name, label));
        }
    }

    /// <summary>What a person should do something about; null: nothing lately.</summary>
    public string? Trouble(DateTimeOffset now)
    {
        if (now - _lastRefusal > Fresh)
            return null;
        // A bound that was reached says more than what else went wrong.
        var why = _recent[(int)Refusal.TooManyValues] > 0 ? Refusal.TooManyValues
            : _recent[(int)Refusal.TooManySeries] > 0 ? Refusal.TooManySeries
            : Enum.GetValues<Refusal>().Where(r => r is not (Refusal.Duplicate or Refusal.NotFinite)).MaxBy(r => _recent[(int)r]);
        return $"Points not taken: {_recent[(int)why]}, as {Words(why)} (lately {_examples[(int)why]}). {Cure(why)}";
    }

    public SourceStatus Status() => new(
        Source, Series, Taken, LastAt, Resets,
        [.. Enum.GetValues<Refusal>().Where(r => _refused[(int)r] > 0).Select(r => new RefusalCount(r, _refused[(int)r], Words(r), _examples[(int)r], Cure(r)))]);

    private static string Words(Refusal why) => why switch
    {
        Refusal.Unreadable => "they cannot be read",
        Refusal.BadName => "their names or labels cannot be any",
        Refusal.NotFinite => "their values are no numbers",
        Refusal.Negative => "they count below zero",
        Refusal.Ahead => "their times are more than a minute ahead of this machine's clock",
        Refusal.TooOld => "they are older than all that is kept",
        Refusal.Late => "they came after later ones of the same counter",
        Refusal.Duplicate => "there was one for the same time already",
        Refusal.TooManyValues => "a label has too many values",
        _ => "there are too many series",
    };

    private static string Cure(Refusal why) => why switch
    {
        Refusal.Unreadable => "Look at what the source sends, at the place named.",
        Refusal.BadName => "Rename it at its source: letters, digits and _ : . / -, labels in one line.",
        Refusal.NotFinite => "Nothing need be done, if the source has nothing to measure at times.",
        Refusal.Negative => "Send it as a gauge, or mend the source: a counter only grows.",
        Refusal.Ahead => "Set the clocks of both machines by NTP, or leave the times out.",
        Refusal.TooOld => "Send what is younger than 400 days.",
        Refusal.Late => "Send the points of a counter in their order, and let one sender send it.",
        Refusal.Duplicate => "Let one sender send each series.",
        Refusal.TooManyValues => "Take the label away at its source: ids of requests, users or paths belong into logs.",
        _ => "Take labels or series away at the source, or raise signals.max_series.",
    };
}

/// <summary>What came from one source.</summary>
/// <param name="Series">That it has now.</param>
/// <param name="Taken">Points since the start.</param>
/// <param name="LastAt">When a point was taken last.</param>
/// <param name="Resets">Counters that began anew.</param>
public sealed record SourceStatus(string Source, int Series, long Taken, DateTimeOffset? LastAt, long Resets, ImmutableArray<RefusalCount> Refused);

/// <summary>Points that were not taken for one reason.</summary>
/// <param name="Example">The last one, in short.</param>
/// <param name="Cure">What helps.</param>
public sealed record RefusalCount(Refusal Why, long Points, string Words, string Example, string Cure);
