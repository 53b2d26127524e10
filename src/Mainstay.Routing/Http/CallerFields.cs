using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;

namespace Mainstay.Routing.Http;

/// <summary>
/// What this side tells a server of the caller, as bytes: X-Forwarded-For, -Proto and -Host, Forwarded (RFC 7239), and where the
/// caller began no trace, traceparent (W3C Trace Context). Lists that callers' own proxies began are gone on with.
/// </summary>
internal static class CallerFields
{
    /// <summary>Characters of a host that needs no quotes in Forwarded; a port or an IPv6 address needs them.</summary>
    private static readonly SearchValues<char> Unquoted =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Writes the fields as lines.</summary>
    /// <param name="head">Where to.</param>
    /// <param name="exchange">The caller's request.</param>
    /// <param name="traces">Makes the ids of a trace that begins here.</param>
    public static void WriteTo(IBufferWriter<byte> head, Exchange exchange, TraceIds traces)
    {
        head.Write("X-Forwarded-For: "u8);
        if (exchange.WriteValuesTo("X-Forwarded-For", head))
            head.Write(", "u8);
        head.Write(exchange.CallerName.Plain);
        head.Write("\r\nX-Forwarded-Proto: "u8);
        Write(head, exchange.Scheme);
        if (exchange.Host.Length > 0)
        {
            head.Write("\r\nX-Forwarded-Host: "u8);
            Write(head, exchange.Host);
        }
        head.Write("\r\nForwarded: "u8);
        if (exchange.WriteValuesTo("Forwarded", head))
            head.Write(", "u8);
        head.Write(exchange.CallerName.Node);
        WriteHost(head, exchange.Host);
        head.Write(";proto="u8);
        Write(head, exchange.Scheme);
        head.Write("\r\n"u8);
        if (!exchange.IsTraced)
            traces.WriteTo(head, exchange);
    }

    private static void WriteHost(IBufferWriter<byte> head, string host)
    {
        // What stands in Host was checked: it holds neither quotes nor backslashes; anything else is not worth repeating.
        if (host.Length == 0 || host.AsSpan().ContainsAny('"', '\\'))
            return;
        var isPlain = !host.AsSpan().ContainsAnyExcept(Unquoted);
        head.Write(isPlain ? ";host="u8 : ";host=\""u8);
        Write(head, host);
        if (!isPlain)
            head.Write("\""u8);
    }

    private static void Write(IBufferWriter<byte> head, string text) => Encoding.UTF8.GetBytes(text, head);
}

/// <summary>A caller's address as bytes; made once for each connection.</summary>
internal sealed class CallerName
{
    /// <param name="address">Null if it is unknown, such as on a Unix socket.</param>
    public CallerName(IPAddress? address)
    {
        if (address is { IsIPv4MappedToIPv6: true })
            address = address.MapToIPv4();
        var text = address?.ToString() ?? "unknown";
        Plain = Encoding.ASCII.GetBytes(text);
        Node = Encoding.ASCII.GetBytes(
            text.Contains(':', StringComparison.Ordinal) ? string.Create(CultureInfo.InvariantCulture, $"for=\"[{text}]\"") : $"for={text}");
    }

    /// <summary>As X-Forwarded-For has it.</summary>
    public byte[] Plain { get; }

    /// <summary>As Forwarded has it (RFC 7239 section 6): IPv6 in brackets and quotes.</summary>
    public byte[] Node { get; }
}
