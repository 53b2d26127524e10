namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>CRC-32 as in ISO 3309 and zip (polynomial 0xEDB88320, reflected); System.IO.Hashing is no part of ASP.NET Core.</summary>
internal static class Crc32
{
    private const int Slices = 8;
    private static readonly uint[] Table = MakeTable();

    /// <param name="bytes">What is summed up.</param>
    /// <param name="before">The checksum of what came before; 0 at the beginning.</param>
    public static uint Of(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        var table = Table.AsSpan();
        var crc = ~before;
        // Eight bytes at a time ("slicing by 8", Kounavis and Berry, 2005): an event may have megabytes.
        for (; bytes.Length >= Slices; bytes = bytes[Slices..])
        {
            crc ^= System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            crc = table[(7 << 8) | (int)(crc & 0xFF)] ^ table[(6 << 8) | (int)((crc >> 8) & 0xFF)]
                ^ table[(5 << 8) | (int)((crc >> 16) & 0xFF)] ^ table[(4 << 8) | (int)(crc >> 24)]
                ^ table[(3 << 8) | bytes[4]] ^ table[(2 << 8) | bytes[5]] ^ table[(1 << 8) | bytes[6]] ^ table[bytes[7]];
        }
        foreach (var one in bytes)
            crc = table[(int)((crc ^ one) & 0xFF)] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] MakeTable()
    {
        var table = new uint[Slices << 8];
        for (var i = 0u; i < 256; i++)
        {
            var crc = i;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
            table[i] = crc;
        }
        for (var i = 256; i < table.Length; i++)
            table[i] = table[table[i - 256] & 0xFF] ^ (table[i - 256] >> 8);
        return table;
    }
}
