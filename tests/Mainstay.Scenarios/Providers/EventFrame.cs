using System.Buffers.Binary;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>Messages of AWS's event stream encoding (application/vnd.amazon.eventstream): lengths, checksum, headers of strings, payload,
/// checksum.</summary>
internal static class EventFrame
{
    private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(i => Enumerable.Range(0, 8).Aggregate((uint)i, (c, _) => (c & 1) == 0 ? c >> 1 : 0xEDB88320 ^ (c >> 1)))];

    public static byte[] Event(string type, string json) => Write(json, (":event-type", type), (":content-type", "application/json"), (":message-type", "event"));

    /// <summary>Bytes as they are.</summary>
    public static byte[] Part(string type, byte[] payload) =>
        Write(payload, (":event-type", type), (":content-type", "application/octet-stream"), (":message-type", "event"));

    public static byte[] Exception(string type, string json) =>
        Write(json, (":exception-type", type), (":content-type", "application/json"), (":message-type", "exception"));

    private static byte[] Write(string json, params (string Name, string Value)[] headers) => Write(Encoding.UTF8.GetBytes(json), headers);

    private static byte[] Write(byte[] payload, params (string Name, string Value)[] headers)
    {
        var fields = new List<byte>();
        foreach (var (name, value) in headers)
        {
            var text = Encoding.UTF8.GetBytes(value);
            fields.Add((byte)name.Length);
            fields.AddRange(Encoding.ASCII.GetBytes(name));
            fields.AddRange([7, (byte)(text.Length >> 8), (byte)text.Length]);
            fields.AddRange(text);
        }
        var message = new byte[16 + fields.Count + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, message.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), fields.Count);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), Checksum(message.AsSpan(0, 8)));
        fields.CopyTo(message, 12);
        payload.CopyTo(message, 12 + fields.Count);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(message.Length - 4), Checksum(message.AsSpan(0, message.Length - 4)));
        return message;
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var sum = uint.MaxValue;
        foreach (var b in bytes)
            sum = Table[(byte)(sum ^ b)] ^ (sum >> 8);
        return ~sum;
    }
}
