using System.Buffers.Binary;
using System.Text;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// One message of <c>application/vnd.amazon.eventstream</c>: total length and length of the headers (four bytes each, big endian),
/// their CRC-32, the headers, the payload, the CRC-32 of all before. Source: AWS, "Event stream encoding" (Smithy specification).
/// </summary>
/// <param name="Frame">All of it as it came.</param>
/// <param name="HeadersLength">Bytes of its headers.</param>
internal readonly record struct EventMessage(ReadOnlyMemory<byte> Frame, int HeadersLength)
{
    public const int PreludeLength = 12;

    /// <summary>Bytes of a message beside headers and payload.</summary>
    public const int Overhead = PreludeLength + 4;

    /// <summary>By the specification.</summary>
    public const int LongestHeaders = 128 << 10;

    public ReadOnlyMemory<byte> Payload => Frame[(PreludeLength + HeadersLength)..^4];

    private ReadOnlySpan<byte> HeaderBytes => Frame.Span.Slice(PreludeLength, HeadersLength);

    /// <summary>The value of a header of text, as UTF-8; empty if there is none.</summary>
    public ReadOnlySpan<byte> TextOf(ReadOnlySpan<byte> name)
    {
        var rest = HeaderBytes;
        while (TryTake(ref rest, out var found, out var type, out var value))
            if (type == EventHeaderType.Text && found.SequenceEqual(name))
                return value;
        return default;
    }

    /// <summary>All headers, in their order.</summary>
    public List<EventHeader> Headers()
    {
        var headers = new List<EventHeader>();
        var rest = HeaderBytes;
        while (TryTake(ref rest, out var name, out var type, out var value))
            headers.Add(new EventHeader(Encoding.UTF8.GetString(name), type, value.ToArray()));
        return headers;
    }

    /// <summary>True if its headers can be read to their end.</summary>
    public bool HasSoundHeaders()
    {
        var rest = HeaderBytes;
        while (TryTake(ref rest, out _, out _, out _))
        {
        }
        return rest.IsEmpty;
    }

    /// <summary>Takes the next header off the rest; false at the end and before one that is broken, which then stays.</summary>
    private static bool TryTake(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> name, out EventHeaderType type, out ReadOnlySpan<byte> value)
    {
        name = value = default;
        type = default;
        if (rest.Length < 2 || rest[0] is 0 || rest.Length < 2 + rest[0])
            return false;
        var at = 1 + rest[0];
        name = rest[1..at];
        type = (EventHeaderType)rest[at++];
        var length = LengthOf(type);
        if (length < 0)
        {
            if (type is not (EventHeaderType.Bytes or EventHeaderType.Text) || rest.Length < at + 2)
                return false;
            length = BinaryPrimitives.ReadUInt16BigEndian(rest[at..]);
            at += 2;
        }
        if (rest.Length < at + length)
            return false;
        value = rest.Slice(at, length);
        rest = rest[(at + length)..];
        return true;
    }

    /// <summary>Bytes of a value; -1 if two bytes before it say so, or if the type is not known.</summary>
    internal static int LengthOf(EventHeaderType type) => type switch
    {
        EventHeaderType.True or EventHeaderType.False => 0,
        EventHeaderType.Byte => 1,
        EventHeaderType.Short => 2,
        EventHeaderType.Integer => 4,
        EventHeaderType.Long or EventHeaderType.Timestamp => 8,
        EventHeaderType.Uuid => 16,
        _ => -1,
    };
}

/// <summary>What kind of value a header has; numbers are big endian.</summary>
internal enum EventHeaderType : byte
{
    True = 0,
    False = 1,
    Byte = 2,
    Short = 3,
    Integer = 4,
    Long = 5,
    Bytes = 6,

    /// <summary>UTF-8.</summary>
    Text = 7,

    /// <summary>Milliseconds since 1970.</summary>
    Timestamp = 8,
    Uuid = 9,
}

/// <summary>A header of a message.</summary>
/// <param name="Name">1 to 255 bytes of UTF-8.</param>
/// <param name="Type">What its value is.</param>
/// <param name="Value">As the type asks for; text and bytes up to 32,767.</param>
internal sealed record EventHeader(string Name, EventHeaderType Type, byte[] Value)
{
    public EventHeader(string name, string value) : this(name, EventHeaderType.Text, Encoding.UTF8.GetBytes(value))
    {
    }
}
