using System.Buffers;
using System.Text;

namespace Mainstay.Routing.Http1;

/// <summary>
/// Header fields as the bytes that came, in one pooled buffer, in their order. No field is copied or made a string until
/// somebody asks. Spans are good until the next <see cref="Append"/> or <see cref="Clear"/>. Not safe for threads.
/// </summary>
internal sealed class HeaderFields
{
    private readonly List<Field> _fields = [];
    private byte[] _bytes = [];

    public int Count => _fields.Count;

    /// <summary>Bytes kept so far.</summary>
    public int Length { get; private set; }

    public FieldKind KindAt(int index) => _fields[index].Kind;

    public ReadOnlySpan<byte> NameAt(int index) => Slice(_fields[index].Name, _fields[index].NameLength);

    public ReadOnlySpan<byte> ValueAt(int index) => Slice(_fields[index].Value, _fields[index].ValueLength);

    /// <summary>Where a value stands in the bytes kept.</summary>
    public int StartOfValue(int index) => _fields[index].Value;

    /// <summary>Index of the first field of a kind; -1 if there is none.</summary>
    public int Find(FieldKind kind)
    {
        for (var i = 0; i < _fields.Count; i++)
            if (_fields[i].Kind == kind)
                return i;
        return -1;
    }

    /// <summary>Index of the first field of a name, from an index on; -1 if there is none.</summary>
    public int Find(string name, int from = 0)
    {
        for (var i = from; i < _fields.Count; i++)
            if (_fields[i].NameLength == name.Length && Ascii.EqualsIgnoreCase(NameAt(i), name))
                return i;
        return -1;
    }

    public int CountOf(FieldKind kind)
    {
        var count = 0;
        foreach (var field in _fields)
            if (field.Kind == kind)
                count++;
        return count;
    }

    /// <summary>True if a Connection field names this option.</summary>
    public bool HasConnectionOption(ReadOnlySpan<byte> option)
    {
        for (var i = 0; i < Count; i++)
        {
            if (KindAt(i) != FieldKind.Connection)
                continue;
            var value = ValueAt(i);
            foreach (var range in value.Split((byte)','))
                if (Ascii.EqualsIgnoreCase(value[range].Trim(" \t"u8), option))
                    return true;
        }
        return false;
    }

    /// <summary>True if a field may be sent on to the other side: it concerns neither framing nor this connection.</summary>
    public bool IsEndToEnd(int index) =>
        KindAt(index) == FieldKind.Other && (Find(FieldKind.Connection) < 0 || !HasConnectionOption(NameAt(index)));

    public ReadOnlySpan<byte> Slice(int start, int length) => _bytes.AsSpan(start, length);

    /// <summary>Keeps bytes; a field, or a part of a line, is made of them later.</summary>
    public void Append(ReadOnlySpan<byte> part)
    {
        if (part.Length > _bytes.Length - Length)
            Grow(part.Length);
        part.CopyTo(_bytes.AsSpan(Length));
        Length += part.Length;
    }

    /// <summary>Keeps a copy of bytes that are kept already.</summary>
    public void AppendCopy(int start, int length)
    {
        if (length > _bytes.Length - Length)
            Grow(length);
        Append(Slice(start, length));
    }

    /// <summary>Makes a field of bytes that were kept.</summary>
    public void Add(int name, int nameLength, int value, int valueLength) =>
        _fields.Add(new Field(name, nameLength, value, valueLength, Kind(Slice(name, nameLength))));

    /// <summary>Forgets everything and gives the buffer back.</summary>
    public void Clear()
    {
        if (_bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        Length = 0;
        _fields.Clear();
    }

    private void Grow(int by)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(2048, _bytes.Length * 2), Length + by));
        _bytes.AsSpan(0, Length).CopyTo(larger);
        if (_bytes.Length > 0)
            ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }

    private static FieldKind Kind(ReadOnlySpan<byte> name) => name.Length switch
    {
        2 when Ascii.EqualsIgnoreCase(name, "TE"u8) => FieldKind.HopByHop,
        4 when Ascii.EqualsIgnoreCase(name, "Host"u8) => FieldKind.Host,
        6 when Ascii.EqualsIgnoreCase(name, "Expect"u8) => FieldKind.Expect,
        7 when Ascii.EqualsIgnoreCase(name, "Upgrade"u8) => FieldKind.Upgrade,
        7 when Ascii.EqualsIgnoreCase(name, "Trailer"u8) => FieldKind.HopByHop,
        10 when Ascii.EqualsIgnoreCase(name, "Connection"u8) => FieldKind.Connection,
        10 when Ascii.EqualsIgnoreCase(name, "Keep-Alive"u8) => FieldKind.HopByHop,
        14 when Ascii.EqualsIgnoreCase(name, "Content-Length"u8) => FieldKind.ContentLength,
        14 when Ascii.EqualsIgnoreCase(name, "HTTP2-Settings"u8) => FieldKind.HopByHop,
        16 when Ascii.EqualsIgnoreCase(name, "Proxy-Connection"u8) => FieldKind.HopByHop,
        17 when Ascii.EqualsIgnoreCase(name, "Transfer-Encoding"u8) => FieldKind.TransferEncoding,
        18 when Ascii.EqualsIgnoreCase(name, "Proxy-Authenticate"u8) => FieldKind.HopByHop,
        19 when Ascii.EqualsIgnoreCase(name, "Proxy-Authorization"u8) => FieldKind.HopByHop,
        _ => FieldKind.Other,
    };

    private readonly record struct Field(int Name, int NameLength, int Value, int ValueLength, FieldKind Kind);
}

/// <summary>Fields that the front itself acts on.</summary>
internal enum FieldKind
{
    /// <summary>Goes on as it is.</summary>
    Other,
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    Expect,
    Upgrade,

    /// <summary>Concerns this connection alone (RFC 9110 section 7.6.1).</summary>
    HopByHop,
}
