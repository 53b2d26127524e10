using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Mainstay.Routing.Http1;

/// <summary>
/// What the target means together with Host (RFC 9112 section 3.2). A request whose two names of the host differ is
/// refused, because the next server might choose the other.
/// </summary>
internal static class RequestTarget
{
    private static readonly Refusal NoHost = new(400, "The request names no host: HTTP/1.1 asks for one Host field.");
    private static readonly Refusal TwoHosts = new(400, "Host stands more than once.");
    private static readonly Refusal BadHost = new(400, "Host is not a name or an address with an optional port.");
    private static readonly Refusal OtherHost = new(400, "The target and Host name different hosts.");
    private static readonly Refusal BadForm = new(400, "The target is neither a path nor an http address.");
    private static readonly Refusal Tunnel = new(501, "CONNECT is not served here.");
    private static readonly SearchValues<byte> NameBytes =
        SearchValues.Create("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);
    private static readonly SearchValues<byte> AddressBytes = SearchValues.Create("0123456789ABCDEFabcdef:."u8);

    /// <summary>Sets the host of a request and reduces its target to path and query.</summary>
    /// <param name="head">With all its fields.</param>
    /// <param name="start">Where the target stands in the bytes of the head.</param>
    public static Refusal? Resolve(RequestHead head, int start)
    {
        if (head.Method.SequenceEqual("CONNECT"u8))
            return Tunnel;
        var fields = head.Fields;
        var index = fields.Find(FieldKind.Host);
        if (index >= 0 && fields.CountOf(FieldKind.Host) > 1)
            return TwoHosts;
        if (index < 0 && !head.IsHttp10)
            return NoHost;
        if (index >= 0)
        {
            var value = fields.ValueAt(index);
            if (!IsAuthority(value))
                return BadHost;
            head.SetHost(fields.StartOfValue(index), value.Length);
        }
        var target = head.Target;
        if (target[0] == '/')
            return null;
        if (target.SequenceEqual("*"u8))
            return head.Method.SequenceEqual("OPTIONS"u8) ? null : BadForm;
        return ResolveAbsolute(head, start);
    }

    private static Refusal? ResolveAbsolute(RequestHead head, int start)
    {
        var target = head.Target;
        var isHttps = StartsWith(target, "https://"u8);
        if (!isHttps && !StartsWith(target, "http://"u8))
            return BadForm;
        var from = isHttps ? 8 : 7;
        var length = target[from..].IndexOfAny((byte)'/', (byte)'?');
        if (length < 0)
            length = target.Length - from;
        var authority = target.Slice(from, length);
        if (!IsAuthority(authority))
            return BadHost;
        var port = isHttps ? ":443"u8 : ":80"u8;
        if (head.Host.IsEmpty)
            head.SetHost(start + from, length);
        else if (!Ascii.EqualsIgnoreCase(WithoutPort(authority, port), WithoutPort(head.Host, port)))
            return OtherHost;
        head.SetOriginForm(start + from + length, target.Length - from - length);
        return null;
    }

    /// <summary>True for a name, an IPv4 address or an IPv6 address in brackets, with or without a port.</summary>
    internal static bool IsAuthority(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
            return false;
        int hostLength;
        if (text[0] == '[')
        {
            hostLength = text.IndexOf((byte)']') + 1;
            if (hostLength < 4 || text[1..(hostLength - 1)].ContainsAnyExcept(AddressBytes))
                return false;
        }
        else
        {
            var colon = text.IndexOf((byte)':');
            hostLength = colon < 0 ? text.Length : colon;
            if (hostLength is 0 or > 255 || text[..hostLength].ContainsAnyExcept(NameBytes))
                return false;
        }
        var rest = text[hostLength..];
        return rest.IsEmpty
            || (rest.Length is > 1 and <= 6 && rest[0] == ':' && !rest[1..].ContainsAnyExceptInRange((byte)'0', (byte)'9')
                && Utf8Parser.TryParse(rest[1..], out int port, out _) && port <= ushort.MaxValue);
    }

    private static bool StartsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> scheme) =>
        text.Length >= scheme.Length && Ascii.EqualsIgnoreCase(text[..scheme.Length], scheme);

    private static ReadOnlySpan<byte> WithoutPort(ReadOnlySpan<byte> host, ReadOnlySpan<byte> port) =>
        host.EndsWith(port) ? host[..^port.Length] : host;
}
