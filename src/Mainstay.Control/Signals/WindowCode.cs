using System.Buffers.Binary;

namespace Mainstay.Control.Signals;

/// <summary>
/// Windows as bytes, one record behind the other, so that a further window is appended without reading what stands there: records of the same interval
/// are merged when they are read. A record is the place of its interval and a shape in 2 bytes, then its numbers; 10 bytes if the
/// window holds one value, 34 if several, and more with a sketch.
/// </summary>
internal static class WindowCode
{
    private const int OneValue = 0;
    private const int Several = 1;
    private const int WithSketch = 2;
    private const int MostPlace = 1 << 13;

    /// <param name="to">Gets the record.</param>
    /// <param name="place">Interval within its chunk, from 0 to 8191.</param>
    public static void Write(Stream to, int place, SeriesWindow window)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(place);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(place, MostPlace);
        var shape = window.Values is not null ? WithSketch : window is { Count: 1 } && window.Sum == window.Last && window.Min == window.Last && window.Max == window.Last ? OneValue : Several;
        Span<byte> bytes = stackalloc byte[42];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)(place | shape << 13));
        if (shape == OneValue)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(bytes[2..], window.Last);
            to.Write(bytes[..10]);
            return;
        }
        BinaryPrimitives.WriteSingleLittleEndian(bytes[2..], (float)window.Count);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes[6..], window.Sum);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes[14..], window.Min);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes[22..], window.Max);
        BinaryPrimitives.WriteSingleLittleEndian(bytes[30..], (float)window.Last);
        to.Write(bytes[..34]);
        if (window.Values is not { } values)
            return;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)values.Length);
        to.Write(bytes[..2]);
        foreach (var (bucket, count) in values.Buckets)
        {
            BinaryPrimitives.WriteInt16LittleEndian(bytes, (short)bucket);
            BinaryPrimitives.WriteSingleLittleEndian(bytes[2..], (float)count);
            to.Write(bytes[..6]);
        }
    }

    /// <summary>Reads records, in the order in which they were written, until their end or the first that is not whole.</summary>
    public static IEnumerable<(int Place, SeriesWindow Window)> Read(byte[] bytes)
    {
        var at = 0;
        while (at + 10 <= bytes.Length && ReadOne(bytes, ref at, out var place) is { } window)
            yield return (place, window);
    }

    private static SeriesWindow? ReadOne(ReadOnlySpan<byte> bytes, ref int at, out int place)
    {
        var head = BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
        place = head & (MostPlace - 1);
        var shape = head >> 13;
        var window = new SeriesWindow();
        if (shape == OneValue)
        {
            window.Add(BinaryPrimitives.ReadDoubleLittleEndian(bytes[(at + 2)..]));
            at += 10;
            return window;
        }
        if (shape is not (Several or WithSketch) || at + 34 + (shape == WithSketch ? 2 : 0) > bytes.Length)
            return null;
        var own = bytes[at..];
        at += 34;
        Sketch? values = null;
        if (shape == WithSketch)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
            at += 2;
            if (at + (6 * length) > bytes.Length)
                return null;
            values = new Sketch();
            for (; length > 0; length--, at += 6)
                values.AddBucket(BinaryPrimitives.ReadInt16LittleEndian(bytes[at..]), BinaryPrimitives.ReadSingleLittleEndian(bytes[(at + 2)..]));
        }
        window.Add(
            BinaryPrimitives.ReadSingleLittleEndian(own[2..]), BinaryPrimitives.ReadDoubleLittleEndian(own[6..]), BinaryPrimitives.ReadDoubleLittleEndian(own[14..]),
            BinaryPrimitives.ReadDoubleLittleEndian(own[22..]), BinaryPrimitives.ReadSingleLittleEndian(own[30..]), values);
        return window;
    }
}
