using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Writes messages of an AWS event stream; see <see cref="EventMessage"/>.</summary>
internal static class EventStreamWriter
{
    /// <exception cref="ArgumentException">A header's name or value does not fit.</exception>
    public static void Write(IBufferWriter<byte> output, IReadOnlyList<EventHeader> headers, ReadOnlySpan<byte> payload)
    {
        var headersLength = headers.Sum(LengthOf);
        var total = EventMessage.Overhead + headersLength + payload.Length;
        if (headersLength > EventMessage.LongestHeaders)
            throw new ArgumentException($"Headers of {headersLength} bytes.", nameof(headers));
        var frame = output.GetSpan(total)[..total];
        BinaryPrimitives.WriteInt32BigEndian(frame, total);
        BinaryPrimitives.WriteInt32BigEndian(frame[4..], headersLength);
        BinaryPrimitives.WriteUInt32BigEndian(frame[8..], Crc32.Of(frame[..8]));
        var at = EventMessage.PreludeLength;
        foreach (var header in headers)
            at += Write(header, frame[at..]);
        payload.CopyTo(frame[at..]);
        BinaryPrimitives.WriteUInt32BigEndian(frame[^4..], Crc32.Of(frame[..^4]));
        output.Advance(total);
    }

    /// <summary>An event as AWS's services send them.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="type">Its name, such as <c>contentBlockDelta</c>.</param>
    /// <param name="contentType">Of the payload.</param>
    /// <param name="payload">Its body.</param>
    public static void WriteEvent(IBufferWriter<byte> output, string type, string contentType, ReadOnlySpan<byte> payload) =>
        Write(output, [new(":event-type", type), new(":content-type", contentType), new(":message-type", "event")], payload);

    /// <summary>An error that ends a stream.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="type">Its name, such as <c>modelStreamErrorException</c>.</param>
    /// <param name="payload">JSON.</param>
    public static void WriteException(IBufferWriter<byte> output, string type, ReadOnlySpan<byte> payload) =>
        Write(output, [new(":exception-type", type), new(":content-type", "application/json"), new(":message-type", "exception")], payload);

    private static int Write(EventHeader header, Span<byte> to)
    {
        var name = Encoding.UTF8.GetBytes(header.Name, to[1..]);
        to[0] = (byte)name;
        to[1 + name] = (byte)header.Type;
        var at = 2 + name;
        if (EventMessage.LengthOf(header.Type) < 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(to[at..], (ushort)header.Value.Length);
            at += 2;
        }
        header.Value.CopyTo(to[at..]);
        return at + header.Value.Length;
    }

    private static int LengthOf(EventHeader header)
    {
        var name = Encoding.UTF8.GetByteCount(header.Name);
        var fixedLength = EventMessage.LengthOf(header.Type);
        var fits = fixedLength < 0 ? header.Type is EventHeaderType.Bytes or EventHeaderType.Text && header.Value.Length <= short.MaxValue
            : header.Value.Length == fixedLength;
        if (!fits || name is 0 or > byte.MaxValue)
            throw new ArgumentException($"The header {header.Name} cannot have {header.Value.Length} bytes as {header.Type}.", nameof(header));
        return 2 + name + (fixedLength < 0 ? 2 : 0) + header.Value.Length;
    }
}
