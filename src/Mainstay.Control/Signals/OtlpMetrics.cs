using Google.Protobuf;

namespace Mainstay.Control.Signals;

/// <summary>
/// Metrics that OpenTelemetry sends by OTLP/HTTP as protobuf (ExportMetricsServiceRequest of opentelemetry-proto 1.x). Field numbers stand beside each case;
/// unknown fields are passed over, as protobuf wants it.
/// </summary>
internal static class OtlpMetrics
{
    /// <returns>Null: the bytes are no such message, and <paramref name="wrong"/> says so.</returns>
    public static PointsRead? Read(byte[] bytes, DateTimeOffset now, out string wrong)
    {
        var batch = new OtlpBatch(now);
        wrong = "";
        try
        {
            Each(new CodedInputStream(bytes), (field, input) =>
            {
                if (field == 1)
                    ReadResource(Inner(input), batch);
                else
                    input.SkipLastField();
            });
            return batch.End();
        }
        catch (InvalidProtocolBufferException e)
        {
            wrong = $"the body is no ExportMetricsServiceRequest: {e.Message}";
            return null;
        }
    }

    private static void ReadResource(CodedInputStream message, OtlpBatch batch)
    {
        var scopes = new List<ByteString>();
        var attributes = new List<KeyValuePair<string, string>>();
        Each(message, (field, input) =>
        {
            if (field == 1)
                Each(Inner(input), (inner, resource) => TakeAttribute(inner == 1, resource, attributes));
            else if (field == 2)
                scopes.Add(input.ReadBytes());
            else
                input.SkipLastField();
        });
        batch.Begin(attributes);
        foreach (var scope in scopes)
        {
            Each(scope.CreateCodedInput(), (field, input) =>
            {
                if (field == 2)
                    ReadMetric(Inner(input), batch);
                else
                    input.SkipLastField();
            });
        }
    }

    private static void ReadMetric(CodedInputStream message, OtlpBatch batch)
    {
        var metric = new OtlpMetric { Name = "" };
        var data = ByteString.Empty;
        Each(message, (field, input) =>
        {
            OtlpShape? shape = field switch { 5 => OtlpShape.Gauge, 7 => OtlpShape.Sum, 9 => OtlpShape.Histogram, 10 => OtlpShape.ExponentialHistogram, 11 => OtlpShape.Summary, _ => null };
            if (field == 1)
                metric.Name = input.ReadString();
            else if (shape is { } known)
                (metric.Shape, data) = (known, input.ReadBytes());
            else
                input.SkipLastField();
        });
        var points = new List<ByteString>();
        Each(data.CreateCodedInput(), (field, input) =>
        {
            switch (field)
            {
                case 1:
                    points.Add(input.ReadBytes());
                    break;
                case 2:
                    metric.IsDelta = input.ReadInt32() == 1;
                    break;
                case 3:
                    metric.IsMonotonic = input.ReadBool();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        });
        foreach (var point in points)
            batch.Add(metric, ReadPoint(point.CreateCodedInput(), metric.Shape));
    }

    private static OtlpPoint ReadPoint(CodedInputStream message, OtlpShape shape)
    {
        var point = new OtlpPoint();
        var attributes = shape switch { OtlpShape.Histogram => 9, OtlpShape.ExponentialHistogram => 1, _ => 7 };
        EachOf(message, (field, isOne, input) =>
        {
            if (field == attributes)
                TakeAttribute(true, input, point.Attributes);
            else if (field == 3)
                point.Time = input.ReadFixed64();
            else if (shape is OtlpShape.Gauge or OtlpShape.Sum)
                TakeNumber(field, input, point);
            else if (field == 4)
                point.Count = input.ReadFixed64();
            else if (field == 5)
                point.Value = input.ReadDouble();
            else if (shape == OtlpShape.Histogram)
                TakeHistogram(field, isOne, input, point);
            else if (shape == OtlpShape.ExponentialHistogram)
                TakeExponential(field, input, point);
            else
                input.SkipLastField();
        });
        return point;
    }

    private static void TakeNumber(int field, CodedInputStream input, OtlpPoint point)
    {
        switch (field)
        {
            case 4:
                point.Value = input.ReadDouble();
                break;
            case 6:
                point.Value = input.ReadSFixed64();
                break;
            case 8:
                point.Flags = input.ReadUInt64();
                break;
            default:
                input.SkipLastField();
                break;
        }
    }

    private static void TakeHistogram(int field, bool isOne, CodedInputStream input, OtlpPoint point)
    {
        switch (field)
        {
            case 6:
                Packed(input, isOne, one => point.Counts.Add(one.ReadFixed64()));
                break;
            case 7:
                Packed(input, isOne, one => point.Bounds.Add(one.ReadDouble()));
                break;
            case 10:
                point.Flags = input.ReadUInt64();
                break;
            default:
                input.SkipLastField();
                break;
        }
    }

    private static void TakeExponential(int field, CodedInputStream input, OtlpPoint point)
    {
        switch (field)
        {
            case 6:
                point.Scale = input.ReadSInt32();
                break;
            case 7:
                point.Zeros = input.ReadFixed64();
                break;
            case 8:
                point.PositiveOffset = ReadBuckets(Inner(input), point.Positive);
                break;
            case 9:
                point.NegativeOffset = ReadBuckets(Inner(input), point.Negative);
                break;
            case 10:
                point.Flags = input.ReadUInt64();
                break;
            default:
                input.SkipLastField();
                break;
        }
    }

    private static int ReadBuckets(CodedInputStream message, List<double> counts)
    {
        var offset = 0;
        EachOf(message, (field, isOne, input) =>
        {
            if (field == 1)
                offset = input.ReadSInt32();
            else if (field == 2)
                Packed(input, isOne, one => counts.Add(one.ReadUInt64()));
            else
                input.SkipLastField();
        });
        return offset;
    }

    private static void TakeAttribute(bool isOne, CodedInputStream input, List<KeyValuePair<string, string>> to)
    {
        if (!isOne)
        {
            input.SkipLastField();
            return;
        }
        var (key, value) = ("", "");
        Each(Inner(input), (field, pair) =>
        {
            if (field == 1)
                key = pair.ReadString();
            else if (field == 2)
                Each(Inner(pair), (kind, any) => value = ReadAny(kind, any));
            else
                pair.SkipLastField();
        });
        to.Add(new(key, value));
    }

    private static string ReadAny(int kind, CodedInputStream any)
    {
        switch (kind)
        {
            case 1:
                return any.ReadString();
            case 2:
                return any.ReadBool() ? "true" : "false";
            case 3:
                return any.ReadInt64().ToString(System.Globalization.CultureInfo.InvariantCulture);
            case 4:
                return any.ReadDouble().ToString("R", System.Globalization.CultureInfo.InvariantCulture);
            default:
                // Lists, mappings and bytes tell no series apart.
                any.SkipLastField();
                return "";
        }
    }

    /// <summary>A repeated number: packed, or one at a time.</summary>
    private static void Packed(CodedInputStream input, bool isOne, Action<CodedInputStream> read)
    {
        if (isOne)
        {
            read(input);
            return;
        }
        var inner = Inner(input);
        while (!inner.IsAtEnd)
            read(inner);
    }

    private static CodedInputStream Inner(CodedInputStream input) => input.ReadBytes().CreateCodedInput();

    private static void Each(CodedInputStream input, Action<int, CodedInputStream> take) => EachOf(input, (field, _, inner) => take(field, inner));

    /// <summary>The same, with whether a repeated number stands there alone, not packed.</summary>
    private static void EachOf(CodedInputStream input, Action<int, bool, CodedInputStream> take)
    {
        while (input.ReadTag() is not 0 and var tag)
            take(WireFormat.GetTagFieldNumber(tag), WireFormat.GetTagWireType(tag) != WireFormat.WireType.LengthDelimited, input);
    }
}
