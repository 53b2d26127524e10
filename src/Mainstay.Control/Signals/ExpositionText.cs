using System.Collections.Immutable;
using System.Globalization;

namespace Mainstay.Control.Signals;

/// <summary>
/// Metrics as servers expose them to Prometheus: text format 0.0.4, or OpenMetrics 1.0.0 where it says <c># EOF</c>. Strict: a line that is not one
/// is left out, and its place and fault are told. Sources: the documents of both formats.
/// </summary>
public sealed class ExpositionText
{
    public const int MostSamples = 100_000;
    private const int LongestLine = 64 * 1024;
    private const int MostErrors = 20;

    private readonly DateTimeOffset _now;
    private readonly ImmutableArray<KeyValuePair<string, string>> _own;
    private readonly bool _isOpen;
    private readonly Dictionary<string, string> _types = [];
    private readonly List<SignalPoint> _points = [];
    private readonly Dictionary<string, HistogramParts> _histograms = [];
    private readonly ImmutableArray<string>.Builder _errors = ImmutableArray.CreateBuilder<string>();
    private int _wrong;
    private int _samples;

    private ExpositionText(DateTimeOffset now, ImmutableArray<KeyValuePair<string, string>> own, bool isOpen) => (_now, _own, _isOpen) = (now, own, isOpen);

    /// <param name="text">The whole answer of a target.</param>
    /// <param name="now">Time of samples that say none.</param>
    /// <param name="own">Labels that every series gets, in the place of ones of the same name.</param>
    public static PointsRead Read(string text, DateTimeOffset now, ImmutableArray<KeyValuePair<string, string>> own)
    {
        var reader = new ExpositionText(now, own, text.TrimEnd().EndsWith("# EOF", StringComparison.Ordinal));
        var number = 0;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            number++;
            if (reader.Take(line) is not { } wrong)
                continue;
            reader._wrong++;
            if (reader._errors.Count < MostErrors)
                reader._errors.Add(string.Create(CultureInfo.InvariantCulture, $"line {number}: {wrong}"));
            if (reader._samples > MostSamples)
                break;
        }
        reader.EndHistograms();
        return new PointsRead(reader._points, reader._errors.ToImmutable(), reader._wrong);
    }

    /// <returns>What is wrong with the line; null: nothing.</returns>
    private string? Take(ReadOnlySpan<char> line)
    {
        line = line.Trim(" \t");
        if (line.IsEmpty)
            return null;
        if (line.Length > LongestLine)
            return "longer than 64 KiB";
        if (line[0] == '#')
        {
            if (line.StartsWith("# TYPE ") && line[7..].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var name, var type])
                _types[name] = type;
            return null;
        }
        if (++_samples > MostSamples)
            return $"more than {MostSamples} samples: what follows was left out";
        return TakeSample(line);
    }

    private string? TakeSample(ReadOnlySpan<char> line)
    {
        var end = line.IndexOfAny("{ \t");
        if (end <= 0)
            return "a name without a value";
        var name = line[..end].ToString();
        var rest = line[end..];
        var labels = new List<KeyValuePair<string, string>>(_own);
        if (rest[0] == '{')
        {
            if (!TryLabels(rest, labels, out var length))
                return "labels that cannot be read";
            rest = rest[length..];
        }
        // Exemplars follow a number sign.
        if (_isOpen && rest.IndexOf(" # ") is var exemplar and >= 0)
            rest = rest[..exemplar];
        var words = rest.ToString().Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is not (1 or 2) || !TryNumber(words[0], out var value))
            return $"{name} has no number as its value";
        var at = _now;
        if (words.Length == 2)
        {
            if (!double.TryParse(words[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var time) || !(Math.Abs(time) < 1e14))
                return $"{name} has no number as its time";
            at = DateTimeOffset.UnixEpoch.AddMilliseconds(Math.Clamp(_isOpen ? time * 1000 : time, 0, 1e14));
        }
        return TakePoint(name, labels, at, value);
    }

    private string? TakePoint(string name, List<KeyValuePair<string, string>> labels, DateTimeOffset at, double value)
    {
        foreach (var suffix in (ReadOnlySpan<string>)["_bucket", "_sum", "_count"])
        {
            var family = name.EndsWith(suffix, StringComparison.Ordinal) ? name[..^suffix.Length] : "";
            if (_types.GetValueOrDefault(family) != "histogram")
                continue;
            var bound = labels.FirstOrDefault(l => l.Key == "le").Value;
            labels.RemoveAll(l => l.Key == "le");
            if (SeriesId.TryMake(family, labels, out var bad) is not { } histogram)
                return bad;
            if (!_histograms.TryGetValue(histogram.Text, out var parts))
                _histograms[histogram.Text] = parts = new HistogramParts(histogram, at);
            if (suffix == "_sum")
                parts.Sum = value;
            else if (suffix == "_bucket" && (bound is null || !TryNumber(bound, out var le) || !parts.TryAdd(le, value)))
                return $"{name} has no number as its le, or too many";
            return null;
        }
        if (SeriesId.TryMake(name, labels, out var wrong) is not { } id)
            return wrong;
        _points.Add(new SignalPoint(id, KindOf(name), at, value));
        return null;
    }

    private SeriesKind KindOf(string name)
    {
        var type = _types.GetValueOrDefault(name)
            ?? (name.EndsWith("_total", StringComparison.Ordinal) ? _types.GetValueOrDefault(name[..^6], "counter") : null)
            ?? (name.EndsWith("_sum", StringComparison.Ordinal) && _types.GetValueOrDefault(name[..^4]) == "summary" ? "gauge" : null)
            ?? (name.EndsWith("_count", StringComparison.Ordinal) && _types.GetValueOrDefault(name[..^6]) == "summary" ? "counter" : null);
        return type == "counter" ? SeriesKind.Counter : SeriesKind.Gauge;
    }

    private void EndHistograms()
    {
        foreach (var parts in _histograms.Values)
        {
            var buckets = ImmutableArray.CreateBuilder<BucketCount>();
            var before = 0.0;
            foreach (var (bound, upTo) in parts.Buckets)
            {
                // Cumulative counts grow with their bounds; a scrape may see one bucket a little later than the one before.
                buckets.Add(new BucketCount(bound, Math.Max(0, upTo - before)));
                before = Math.Max(before, upTo);
            }
            if (buckets.Count > 0)
                _points.Add(new SignalPoint(parts.Id, SeriesKind.Histogram, parts.At, parts.Sum) { Buckets = buckets.ToImmutable() });
        }
    }

    private static bool TryLabels(ReadOnlySpan<char> text, List<KeyValuePair<string, string>> labels, out int length)
    {
        var at = 1;
        length = 0;
        while (at < text.Length)
        {
            at += text[at..].IndexOfAnyExcept(" \t,") is var skip and > 0 ? skip : 0;
            if (at < text.Length && text[at] == '}')
            {
                length = at + 1;
                return true;
            }
            var equals = text[at..].IndexOf('=');
            if (equals <= 0 || labels.Count > SeriesId.MostLabels * 2)
                return false;
            var name = text.Slice(at, equals).Trim(" \t").ToString();
            at += equals + 1;
            at += text[at..].IndexOfAnyExcept(" \t") is var blank and > 0 ? blank : 0;
            if (at >= text.Length || text[at] != '"' || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or ':' or '.') || !TryQuoted(text, ref at, out var value))
                return false;
            if (labels.All(l => l.Key != name))
                labels.Add(new(name, value));
        }
        return false;
    }

    private static bool TryQuoted(ReadOnlySpan<char> text, ref int at, out string value)
    {
        var written = new System.Text.StringBuilder();
        value = "";
        for (at++; at < text.Length; at++)
        {
            if (text[at] == '"')
            {
                at++;
                // A line break may be meant, and stands in no line of ours.
                value = written.ToString();
                return true;
            }
            if (text[at] == '\\' && ++at < text.Length)
                written.Append(text[at] == 'n' ? ' ' : text[at]);
            else if (at < text.Length)
                written.Append(text[at]);
        }
        return false;
    }

    private static bool TryNumber(string text, out double value)
    {
        value = text switch { "+Inf" or "Inf" => double.PositiveInfinity, "-Inf" => double.NegativeInfinity, "NaN" or "Nan" or "nan" => double.NaN, _ => 0 };
        return value != 0 || double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    private sealed class HistogramParts(SeriesId id, DateTimeOffset at)
    {
        private const int MostBuckets = 500;

        public SeriesId Id { get; } = id;

        public DateTimeOffset At { get; } = at;

        public double Sum { get; set; }

        public SortedDictionary<double, double> Buckets { get; } = [];

        public bool TryAdd(double bound, double upTo)
        {
            if (double.IsNaN(bound) || Buckets.Count >= MostBuckets)
                return false;
            Buckets[bound] = upTo;
            return true;
        }
    }
}
