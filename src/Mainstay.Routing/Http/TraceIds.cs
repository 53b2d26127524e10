using System.Buffers;
using System.Buffers.Text;

namespace Mainstay.Routing.Http;

/// <summary>
/// Traces that begin here (W3C Trace Context, level 1): the trace's id stays the same for all attempts of a request, the
/// parent's id is new for each. Ids are a seeded sequence (splitmix64). Safe for any number of threads.
/// </summary>
internal sealed class TraceIds(long seed)
{
    private const ulong Step = 0x9E3779B97F4A7C15;
    private static readonly SearchValues<byte> Hex = SearchValues.Create("0123456789abcdef"u8);
    private ulong _state = (ulong)seed;

    /// <summary>Gives a request the id of its trace, unless it has one.</summary>
    public void Begin(Exchange exchange)
    {
        if (exchange.TraceId == default)
            exchange.TraceId = (Next(), Next());
    }

    /// <summary>Writes the traceparent line of one attempt.</summary>
    public void WriteTo(IBufferWriter<byte> head, Exchange exchange)
    {
        Begin(exchange);
        var span = head.GetSpan(72);
        "traceparent: 00-"u8.CopyTo(span);
        Put(exchange.TraceId.High, span[16..]);
        Put(exchange.TraceId.Low, span[32..]);
        span[48] = (byte)'-';
        Put(Next(), span[49..]);
        // Sampled: whether it is kept is for the servers to decide, as it would be without this hop.
        "-01\r\n"u8.CopyTo(span[65..]);
        head.Advance(70);
    }

    /// <summary>True for a traceparent that has to be passed on. A version unknown here may have more behind.</summary>
    public static bool IsValid(ReadOnlySpan<byte> value) =>
        value.Length >= 55 && value[2] == '-' && value[35] == '-' && value[52] == '-'
        && IsHex(value[..2]) && !value.StartsWith("ff"u8)
        && IsHex(value.Slice(3, 32)) && value.Slice(3, 32).ContainsAnyExcept((byte)'0')
        && IsHex(value.Slice(36, 16)) && value.Slice(36, 16).ContainsAnyExcept((byte)'0')
        && IsHex(value.Slice(53, 2))
        && (value.Length == 55 || (!value.StartsWith("00"u8) && value[55] == '-'));

    private static bool IsHex(ReadOnlySpan<byte> text) => !text.ContainsAnyExcept(Hex);

    private static void Put(ulong id, Span<byte> span) => Utf8Formatter.TryFormat(id, span, out _, new StandardFormat('x', 16));

    /// <summary>Never zero, which is no id.</summary>
    private ulong Next()
    {
        var x = Interlocked.Add(ref _state, Step);
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        x ^= x >> 31;
        return x == 0 ? 1 : x;
    }
}
