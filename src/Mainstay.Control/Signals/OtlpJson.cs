using System.Globalization;
using System.Text.Json;

namespace Mainstay.Control.Signals;

/// <summary>The same as <see cref="OtlpMetrics"/> from JSON, as the specification of OTLP maps it: names in lowerCamelCase, 64-bit numbers as texts, enumerations as numbers.</summary>
internal static class OtlpJson
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 32 };

    public static PointsRead? Read(byte[] bytes, DateTimeOffset now, out string wrong)
    {
        var batch = new OtlpBatch(now);
        wrong = "";
        try
        {
            using var json = JsonDocument.Parse(bytes, Strict);
            foreach (var resource in Items(json.RootElement, "resourceMetrics"))
            {
                var attributes = new List<KeyValuePair<string, string>>();
                if (Get(resource, "resource") is { } of)
                    ReadAttributes(of, attributes);
                batch.Begin(attributes);
                foreach (var metric in Items(resource, "scopeMetrics").SelectMany(scope => Items(scope, "metrics")))
                    ReadMetric(metric, batch);
            }
            return batch.End();
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or OverflowException)
        {
            wrong = $"the body is no ExportMetricsServiceRequest in JSON: {e.Message}";
            return null;
        }
    }

    private static void ReadMetric(JsonElement json, OtlpBatch batch)
    {
        var metric = new OtlpMetric { Name = Get(json, "name")?.GetString() ?? "" };
        foreach (var shape in Enum.GetValues<OtlpShape>())
        {
            if (Get(json, JsonNamingPolicy.CamelCase.ConvertName(shape.ToString())) is not { } data)
                continue;
            metric.Shape = shape;
            // Older senders write the enumeration's name.
            metric.IsDelta = Get(data, "aggregationTemporality") is { } temporality
                && (temporality.ValueKind == JsonValueKind.String ? temporality.GetString() == "AGGREGATION_TEMPORALITY_DELTA" : temporality.GetInt32() == 1);
            metric.IsMonotonic = Get(data, "isMonotonic") is { ValueKind: JsonValueKind.True };
            foreach (var point in Items(data, "dataPoints"))
                batch.Add(metric, ReadPoint(point));
        }
    }

    private static OtlpPoint ReadPoint(JsonElement json)
    {
        var point = new OtlpPoint
        {
            Time = Get(json, "timeUnixNano") is { } time ? (ulong)Math.Clamp(Number(time), 0, 9e18) : 0,
            Value = Number(Get(json, "asDouble") ?? Get(json, "asInt") ?? Get(json, "sum")),
            Count = Number(Get(json, "count")),
            Flags = (ulong)Math.Clamp(Number(Get(json, "flags")), 0, 255),
            Scale = (int)Math.Clamp(Number(Get(json, "scale")), -1000, 1000),
            Zeros = Number(Get(json, "zeroCount")),
        };
        ReadAttributes(json, point.Attributes);
        point.Bounds.AddRange(Items(json, "explicitBounds").Select(b => Number(b)));
        point.Counts.AddRange(Items(json, "bucketCounts").Select(b => Number(b)));
        if (Get(json, "positive") is { } positive)
        {
            point.PositiveOffset = (int)Math.Clamp(Number(Get(positive, "offset")), -1e9, 1e9);
            point.Positive.AddRange(Items(positive, "bucketCounts").Select(b => Number(b)));
        }
        if (Get(json, "negative") is { } negative)
        {
            point.NegativeOffset = (int)Math.Clamp(Number(Get(negative, "offset")), -1e9, 1e9);
            point.Negative.AddRange(Items(negative, "bucketCounts").Select(b => Number(b)));
        }
        return point;
    }

    private static void ReadAttributes(JsonElement of, List<KeyValuePair<string, string>> to)
    {
        foreach (var attribute in Items(of, "attributes"))
        {
            if (Get(attribute, "key")?.GetString() is not { } key || Get(attribute, "value") is not { } value)
                continue;
            var one = Get(value, "stringValue") ?? Get(value, "intValue") ?? Get(value, "doubleValue") ?? Get(value, "boolValue");
            to.Add(new(key, one is null ? "" : one.Value.ToString()));
        }
    }

    private static double Number(JsonElement? value) => value switch
    {
        null => 0,
        { ValueKind: JsonValueKind.Number } number => number.GetDouble(),
        { ValueKind: JsonValueKind.String } text => double.Parse(text.GetString()!, NumberStyles.Float, CultureInfo.InvariantCulture),
        _ => throw new FormatException("a number is something else"),
    };

    private static JsonElement? Get(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static IEnumerable<JsonElement> Items(JsonElement of, string name) => Get(of, name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];
}
