using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Mainstay.Control.Signals;

/// <summary>
/// Points as JSON, one object in each line: <c>{"name": "queue.depth", "labels": {"region": "us-east-1"}, "value": 12, "time": "2026-05-03T02:00:00Z", "kind": "gauge"}</c>. Name
/// and value must be there; the time is ISO 8601 or seconds since 1970; the kind gauge, counter, or histogram for one value of many.
/// </summary>
public static class PushLines
{
    public const string Cure = "Write one JSON object in each line, such as {\"name\": \"queue.depth\", \"labels\": {\"region\": \"us-east-1\"}, \"value\": 12}.";

    private const int MostErrors = 20;
    private const int LongestLine = 64 * 1024;
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 4 };

    /// <param name="text">The lines.</param>
    /// <param name="now">Time of points that say none.</param>
    public static PointsRead Read(string text, DateTimeOffset now)
    {
        var points = new List<SignalPoint>();
        var errors = ImmutableArray.CreateBuilder<string>();
        var (line, wrongLines) = (0, 0);
        foreach (var part in text.AsSpan().EnumerateLines())
        {
            line++;
            if (part.Trim().IsEmpty)
                continue;
            // Points without a time in one call are one after the other.
            if (ReadLine(part.Length > LongestLine ? "" : part.ToString(), now.AddTicks(line), out var wrong) is { } point)
            {
                points.Add(point);
                continue;
            }
            wrongLines++;
            if (errors.Count < MostErrors)
                errors.Add(string.Create(CultureInfo.InvariantCulture, $"line {line}: {wrong}"));
        }
        return new PointsRead(points, errors.ToImmutable(), wrongLines);
    }

    private static SignalPoint? ReadLine(string line, DateTimeOffset now, out string wrong)
    {
        wrong = "it is not a JSON object of at most 64 KiB";
        try
        {
            using var json = JsonDocument.Parse(line, Strict);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            if (!root.TryGetProperty("value", out var value) || !TryNumber(value, out var number))
            {
                wrong = "value is missing or no number";
                return null;
            }
            var at = now;
            if (root.TryGetProperty("time", out var time) && !TryTime(time, out at))
            {
                wrong = "time is neither ISO 8601 nor seconds since 1970";
                return null;
            }
            var kind = SeriesKind.Gauge;
            if (root.TryGetProperty("kind", out var word) && !(word.ValueKind == JsonValueKind.String && word.GetString() is "gauge" or "counter" or "histogram" && Enum.TryParse(word.GetString(), ignoreCase: true, out kind)))
            {
                wrong = "kind is none of gauge, counter, histogram";
                return null;
            }
            var name = root.TryGetProperty("name", out var named) && named.ValueKind == JsonValueKind.String ? named.GetString() : null;
            if (Labels(root) is not { } labels)
                wrong = "labels is not an object of texts";
            else if (SeriesId.TryMake(name, labels, out wrong) is { } id)
                return new SignalPoint(id, kind, at, number) { IsDelta = kind == SeriesKind.Histogram };
        }
        catch (JsonException)
        {
            // Said above.
        }
        return null;
    }

    private static bool TryNumber(JsonElement value, out double number)
    {
        number = 0;
        return value.ValueKind == JsonValueKind.Number ? value.TryGetDouble(out number)
            // What JSON has no number for is counted with its source, not as unreadable.
            : value.ValueKind == JsonValueKind.String && double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    private static bool TryTime(JsonElement value, out DateTimeOffset time)
    {
        time = default;
        if (value.ValueKind == JsonValueKind.String)
            return DateTimeOffset.TryParse(value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var seconds) || seconds is not (>= 0 and < 1e11))
            return false;
        time = DateTimeOffset.UnixEpoch.AddSeconds(seconds);
        return true;
    }

    private static List<KeyValuePair<string, string>>? Labels(JsonElement root)
    {
        var labels = new List<KeyValuePair<string, string>>();
        if (!root.TryGetProperty("labels", out var written) || written.ValueKind == JsonValueKind.Null)
            return labels;
        if (written.ValueKind != JsonValueKind.Object)
            return null;
        foreach (var label in written.EnumerateObject())
        {
            if (label.Value.ValueKind != JsonValueKind.String)
                return null;
            labels.Add(new(label.Name, label.Value.GetString()!));
        }
        return labels;
    }
}

/// <summary>What was read of a text.</summary>
/// <param name="Errors">The first of the lines that are none, with their places; bounded.</param>
/// <param name="Wrong">How many there are.</param>
public sealed record PointsRead(IReadOnlyList<SignalPoint> Points, ImmutableArray<string> Errors, int Wrong);
