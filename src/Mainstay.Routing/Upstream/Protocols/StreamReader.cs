namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Reads the events of one stream from its bytes, wherever these are broken. Bounded: an event longer than
/// <see cref="LongestEvent"/> ends it. One thread at a time.</summary>
internal abstract class StreamReader
{
    public const int LongestEvent = 16 << 20;

    /// <summary>What the stream said of itself so far.</summary>
    public StreamNames Names { get; } = new();

    /// <summary>Takes the next bytes. To be called once all parts before have been read.</summary>
    /// <exception cref="InvalidDataException">No stream of this API at all: an event without end, a wrong checksum.</exception>
    public abstract void Feed(ReadOnlySpan<byte> bytes);

    /// <summary>The server has ended the stream as it should (not: broken it off). An event whose last line end is missing can be read now.</summary>
    public virtual void Finish()
    {
    }

    /// <summary>The next whole event; false: more bytes are needed.</summary>
    public abstract bool TryRead(out AnswerPart part);
}
