using Google.Protobuf;

namespace Mainstay.Control.Signals;

/// <summary>Bytes of OTLP/HTTP, both ways.</summary>
public static class SignalBytes
{
    /// <summary>Reads an ExportMetricsServiceRequest in protobuf.</summary>
    /// <param name="now">Time of points that say none.</param>
    /// <returns>Null: the bytes are none, and <paramref name="wrong"/> says why.</returns>
    public static PointsRead? ReadOtlp(byte[] bytes, DateTimeOffset now, out string wrong) => OtlpMetrics.Read(bytes, now, out wrong);

    /// <summary>The same in JSON.</summary>
    public static PointsRead? ReadOtlpJson(byte[] bytes, DateTimeOffset now, out string wrong) => OtlpJson.Read(bytes, now, out wrong);

    /// <summary>An ExportMetricsServiceResponse that says that some points were not taken.</summary>
    public static byte[] PartialSuccess(long rejected, string message)
    {
        using var inner = new MemoryStream();
        var partial = new CodedOutputStream(inner);
        partial.WriteTag(1, WireFormat.WireType.Varint);
        partial.WriteInt64(rejected);
        partial.WriteTag(2, WireFormat.WireType.LengthDelimited);
        partial.WriteString(message);
        partial.Flush();
        using var outer = new MemoryStream();
        var response = new CodedOutputStream(outer);
        response.WriteTag(1, WireFormat.WireType.LengthDelimited);
        response.WriteBytes(ByteString.CopyFrom(inner.ToArray()));
        response.Flush();
        return outer.ToArray();
    }
}
