using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mainstay.Control.Detection;

/// <summary>A detector's state as bytes: its version, then the plain numbers as they lie in memory (little-endian machines only).</summary>
internal static class SavedState
{
    public static int Bytes<T>()
        where T : unmanaged => sizeof(int) + Unsafe.SizeOf<T>();

    public static byte[] Write<T>(int version, in T state)
        where T : unmanaged
    {
        var bytes = new byte[Bytes<T>()];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, version);
        MemoryMarshal.Write(bytes.AsSpan(sizeof(int)), in state);
        return bytes;
    }

    /// <summary>False if the bytes are not of this version of the state.</summary>
    public static bool TryRead<T>(int version, ReadOnlySpan<byte> bytes, out T state)
        where T : unmanaged
    {
        var fits = bytes.Length == Bytes<T>() && BinaryPrimitives.ReadInt32LittleEndian(bytes) == version;
        state = fits ? MemoryMarshal.Read<T>(bytes[sizeof(int)..]) : default;
        return fits;
    }
}
