using System.Buffers.Binary;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads the messages of an AWS event stream, wherever its bytes are broken. Both checksums are checked. It keeps no more
/// than the bytes that have come, and refuses a message longer than <see cref="StreamReader.LongestEvent"/> by its first twelve.</summary>
internal sealed class EventStreamReader
{
    private byte[] _bytes = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>True between two messages: nothing of a next one has come.</summary>
    public bool IsAtBorder => _start == _end;

    /// <summary>Takes the next bytes; messages read before are not good any more.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        var kept = _end - _start;
        if (bytes.Length > _bytes.Length - _end)
        {
            var room = kept + bytes.Length <= _bytes.Length ? _bytes : new byte[Math.Max(2 * _bytes.Length, kept + bytes.Length)];
            _bytes.AsSpan(_start, kept).CopyTo(room);
            (_bytes, _start, _end) = (room, 0, kept);
        }
        bytes.CopyTo(_bytes.AsSpan(_end));
        _end += bytes.Length;
    }

    /// <summary>The next whole message; false: more bytes are needed.</summary>
    /// <exception cref="InvalidDataException">A length that cannot be, or a checksum that is wrong: nothing after it can be read either.</exception>
    public bool TryRead(out EventMessage message)
    {
        message = default;
        var bytes = _bytes.AsSpan(_start, _end - _start);
        if (bytes.Length < EventMessage.PreludeLength)
            return false;
        var (total, headers) = (BinaryPrimitives.ReadUInt32BigEndian(bytes), BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]));
        if (Crc32.Of(bytes[..8]) != BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]))
            throw new InvalidDataException("The checksum of the lengths of an event is wrong: this is no AWS event stream, or bytes of it were changed.");
        if (headers > EventMessage.LongestHeaders || total < EventMessage.Overhead + headers || total > StreamReader.LongestEvent)
            throw new InvalidDataException($"An event cannot have {total} bytes, {headers} of them headers: at most {StreamReader.LongestEvent} and {EventMessage.LongestHeaders} are read.");
        if (bytes.Length < total)
            return false;
        var frame = _bytes.AsMemory(_start, (int)total);
        if (Crc32.Of(frame.Span[..^4]) != BinaryPrimitives.ReadUInt32BigEndian(frame.Span[^4..]))
            throw new InvalidDataException("The checksum of an event is wrong: bytes of it were changed.");
        message = new EventMessage(frame, (int)headers);
        if (!message.HasSoundHeaders())
            throw new InvalidDataException("The headers of an event cannot be read.");
        _start += (int)total;
        return true;
    }
}
