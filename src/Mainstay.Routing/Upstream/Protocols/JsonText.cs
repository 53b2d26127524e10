using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// Strings in JSON, exactly: half of a surrogate pair, which a server may send in one event and the other half in the next, is kept as it is
/// (the library's own reader throws, its writer replaces it).
/// </summary>
internal static class JsonText
{
    private const int MostOnStack = 256;

    private static readonly SearchValues<char> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(c => (char)c), '"', '\\']);

    /// <summary>The string that the reader stands on. Bytes that are no UTF-8 become U+FFFD.</summary>
    public static string Read(ref Utf8JsonReader reader) =>
        reader.ValueIsEscaped ? Unescape(reader.ValueSpan) : Encoding.UTF8.GetString(reader.ValueSpan);

    /// <summary>A string of a tree.</summary>
    public static string Read(JsonElement text)
    {
        try
        {
            return text.GetString()!;
        }
        catch (InvalidOperationException)
        {
            var raw = JsonMarshal.GetRawUtf8Value(text);
            return Unescape(raw[1..^1]);
        }
    }

    /// <summary>Writes a string with its quotation marks.</summary>
    public static void Write(IBufferWriter<byte> output, ReadOnlySpan<char> text)
    {
        output.Write("\""u8);
        WriteInner(output, text);
        output.Write("\""u8);
    }

    /// <summary>A string with its quotation marks.</summary>
    public static ReadOnlyMemory<byte> Bytes(string text)
    {
        var output = new ArrayBufferWriter<byte>(text.Length + 16);
        Write(output, text);
        return output.WrittenMemory;
    }

    /// <summary>Writes a string without quotation marks.</summary>
    public static void WriteInner(IBufferWriter<byte> output, ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            var plain = text.IndexOfAny(Escaped);
            WritePlain(output, plain < 0 ? text : text[..plain]);
            if (plain < 0)
                return;
            WriteEscape(output, text[plain]);
            text = text[(plain + 1)..];
        }
    }

    public static void Write(IBufferWriter<byte> output, long number)
    {
        Utf8Formatter.TryFormat(number, output.GetSpan(20), out var written);
        output.Advance(written);
    }

    private static void WritePlain(IBufferWriter<byte> output, ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            var result = Utf8.FromUtf16(text, output.GetSpan(Math.Clamp(text.Length, 8, 4096)), out var read, out var written, replaceInvalidSequences: false);
            output.Advance(written);
            text = text[read..];
            if (result != OperationStatus.InvalidData)
                continue;
            WriteEscape(output, text[0]);
            text = text[1..];
        }
    }

    private static void WriteEscape(IBufferWriter<byte> output, char c)
    {
        switch (c)
        {
            case '"': output.Write("\\\""u8); return;
            case '\\': output.Write("\\\\"u8); return;
            case '\n': output.Write("\\n"u8); return;
            case '\r': output.Write("\\r"u8); return;
            case '\t': output.Write("\\t"u8); return;
        }
        output.Write("\\u"u8);
        Utf8Formatter.TryFormat((int)c, output.GetSpan(4), out var written, new StandardFormat('x', 4));
        output.Advance(written);
    }

    private static string Unescape(ReadOnlySpan<byte> raw)
    {
        char[]? rented = null;
        var text = raw.Length <= MostOnStack ? stackalloc char[MostOnStack] : (rented = ArrayPool<char>.Shared.Rent(raw.Length));
        var length = 0;
        while (raw.IndexOf((byte)'\\') is var at and >= 0)
        {
            length += Encoding.UTF8.GetChars(raw[..at], text[length..]);
            var isCode = raw[at + 1] == 'u';
            text[length++] = raw[at + 1] switch
            {
                (byte)'n' => '\n',
                (byte)'r' => '\r',
                (byte)'t' => '\t',
                (byte)'b' => '\b',
                (byte)'f' => '\f',
                (byte)'u' => (char)ushort.Parse(raw.Slice(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
                var other => (char)other,
            };
            raw = raw[(at + (isCode ? 6 : 2))..];
        }
        length += Encoding.UTF8.GetChars(raw, text[length..]);
        var whole = new string(text[..length]);
        if (rented is not null)
            ArrayPool<char>.Shared.Return(rented);
        return whole;
    }
}
