using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class EventStreamTests
{
    [Theory]
    [InlineData("", 0u)]
    [InlineData("123456789", 0xCBF43926u)] // the check value of the catalogue of CRCs
    [InlineData("The quick brown fox jumps over the lazy dog", 0x414FA339u)]
    public void Checksums_are_those_of_zip(string text, uint expected)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        Assert.Equal(expected, Crc32.Of(bytes));
        for (var i = 0; i <= bytes.Length; i++)
            Assert.Equal(expected, Crc32.Of(bytes.AsSpan(i), Crc32.Of(bytes.AsSpan(0, i))));
    }

    /// <summary>The vectors of the specification: an empty message, one of payload alone, one with a header of 32 bits.</summary>
    [Theory]
    [InlineData("000000100000000005C248EB7D98C8FF", "", "")]
    [InlineData("0000001D00000000FD528C5A7B27666F6F273A27626172277DC3653936", "", "{'foo':'bar'}")]
    [InlineData("0000002D0000001041C424B80A6576656E742D7479706504" + "0000A00C7B27666F6F273A27626172277D36F480A0", "event-type", "{'foo':'bar'}")]
    public void Messages_of_the_specification_are_read_and_written(string hex, string header, string payload)
    {
        var frame = Convert.FromHexString(hex);
        var message = Assert.Single(Read(frame, frame.Length));
        Assert.Equal(payload, Encoding.UTF8.GetString(message.Payload));
        Assert.Equal(header, string.Join(',', message.Headers.Select(h => h.Name)));
        if (header.Length > 0)
            Assert.Equal(40972, BinaryPrimitives.ReadInt32BigEndian(message.Headers[0].Value));
        Assert.Equal(hex, Convert.ToHexString(Write(message)));
    }

    [Fact]
    public void Any_messages_come_through_any_borders() => Property.Holds(
        from messages in Messages.ArrayOf(4)
        from size in Gen.Choose(1, 70)
        select (messages, size),
        c =>
        {
            var bytes = c.messages.SelectMany(Write).ToArray();
            return Read(bytes, c.size).Select(Write).SelectMany(b => b).SequenceEqual(bytes)
                && Read(bytes, bytes.Length).Zip(c.messages).All(p => p.First.Same(p.Second));
        });

    [Fact]
    public void A_changed_byte_is_found_wherever_it_stands() => Property.Holds(
        from message in Messages
        from at in Gen.Choose(0, 1_000_000)
        from flip in Gen.Choose(1, 255)
        select (message, at, flip),
        c =>
        {
            var bytes = Write(c.message);
            bytes[c.at % bytes.Length] ^= (byte)c.flip;
            try
            {
                // A length that grew would have to get past its checksum first.
                Read(bytes, bytes.Length);
                return false;
            }
            catch (InvalidDataException)
            {
                return true;
            }
        });

    [Fact]
    public void A_message_that_is_cut_is_not_one_and_the_reader_knows_that()
    {
        var bytes = Write(new([new("a", "b")], [1, 2, 3]));
        for (var length = 0; length < bytes.Length; length++)
        {
            var reader = new EventStreamReader();
            reader.Feed(bytes.AsSpan(0, length));
            Assert.False(reader.TryRead(out _));
            Assert.Equal(length == 0, reader.IsAtBorder);
        }
    }

    [Theory]
    [InlineData(15u, 0u)]
    [InlineData(20u, 5u)]
    [InlineData((16u << 20) + 1, 0u)]
    [InlineData(uint.MaxValue, 0u)]
    [InlineData(200_000u, (128u << 10) + 1)]
    public void A_length_that_cannot_be_is_refused_by_its_first_twelve_bytes(uint total, uint headers)
    {
        var prelude = new byte[12];
        BinaryPrimitives.WriteUInt32BigEndian(prelude, total);
        BinaryPrimitives.WriteUInt32BigEndian(prelude.AsSpan(4), headers);
        BinaryPrimitives.WriteUInt32BigEndian(prelude.AsSpan(8), Crc32.Of(prelude.AsSpan(0, 8)));
        var reader = new EventStreamReader();
        reader.Feed(prelude);
        Assert.Throws<InvalidDataException>(() => reader.TryRead(out _));
    }

    [Theory]
    [InlineData("0A61")] // a name of ten bytes in two
    [InlineData("0161FF")] // a type that nobody knows
    [InlineData("0161070005AA")] // text of five bytes in one
    [InlineData("00")] // no name
    public void Headers_that_cannot_be_read_are_refused(string hex)
    {
        var headers = Convert.FromHexString(hex);
        var frame = new byte[EventMessage.Overhead + headers.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8), Crc32.Of(frame.AsSpan(0, 8)));
        headers.CopyTo(frame, 12);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(frame.Length - 4), Crc32.Of(frame.AsSpan(0, frame.Length - 4)));
        Assert.Throws<InvalidDataException>(() => Read(frame, frame.Length));
    }

    [Fact]
    public void The_text_of_a_header_is_found_by_its_name()
    {
        var bytes = new ArrayBufferWriter<byte>();
        EventStreamWriter.WriteEvent(bytes, "chunk", "application/json", "{}"u8);
        var reader = new EventStreamReader();
        reader.Feed(bytes.WrittenSpan);
        Assert.True(reader.TryRead(out var message));
        Assert.Equal("chunk"u8, message.TextOf(":event-type"u8));
        Assert.Equal("event"u8, message.TextOf(":message-type"u8));
        Assert.True(message.TextOf(":exception-type"u8).IsEmpty);
    }

    [Fact]
    public void A_header_that_does_not_fit_is_not_written()
    {
        var output = new ArrayBufferWriter<byte>();
        Assert.Throws<ArgumentException>(() => EventStreamWriter.Write(output, [new("", "x")], []));
        Assert.Throws<ArgumentException>(() => EventStreamWriter.Write(output, [new("a", new string('x', 40_000))], []));
        Assert.Throws<ArgumentException>(() => EventStreamWriter.Write(output, [new("a", EventHeaderType.Integer, [1])], []));
        Assert.Equal(0, output.WrittenCount);
    }

    private sealed record Message(EventHeader[] Headers, byte[] Payload)
    {
        public bool Same(Message other) => Payload.SequenceEqual(other.Payload) && Headers.Length == other.Headers.Length
            && Headers.Zip(other.Headers).All(h => h.First.Name == h.Second.Name && h.First.Type == h.Second.Type && h.First.Value.SequenceEqual(h.Second.Value));
    }

    private static Gen<Message> Messages =>
        from headers in Header.ArrayOf(3)
        from length in Gen.Choose(0, 300)
        from payload in Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(length)
        select new Message(headers, payload);

    private static Gen<EventHeader> Header =>
        from name in Gen.Elements("a", ":event-type", "größe", new string('n', 255))
        from type in Gen.Choose(0, 9).Select(t => (EventHeaderType)t)
        from free in Gen.Choose(0, 40)
        from value in Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf(EventMessage.LengthOf(type) is >= 0 and var length ? length : free)
        select new EventHeader(name, type, value);

    private static byte[] Write(Message message)
    {
        var output = new ArrayBufferWriter<byte>();
        EventStreamWriter.Write(output, message.Headers, message.Payload);
        return output.WrittenSpan.ToArray();
    }

    private static List<Message> Read(byte[] bytes, int size)
    {
        var reader = new EventStreamReader();
        var messages = new List<Message>();
        for (var at = 0; at < bytes.Length; at += size)
        {
            reader.Feed(bytes.AsSpan(at, Math.Min(size, bytes.Length - at)));
            while (reader.TryRead(out var message))
                messages.Add(new([.. message.Headers()], message.Payload.ToArray()));
        }
        Assert.True(reader.IsAtBorder);
        return messages;
    }
}
