using System.Buffers;
using System.Collections.Frozen;
using Mainstay.Routing.Http1;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mainstay.Routing.Http;

/// <summary>
/// What Kestrel lets through over HTTP/2 and a line of HTTP/1.1 cannot hold. Frames can carry a line end or a space anywhere;
/// written out as lines they would be another request.
/// </summary>
internal static class Http2Request
{
    private static readonly SearchValues<char> TargetChars =
        SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Where(c => c != '#').Select(c => (char)c)]);

    private static readonly SearchValues<char> MethodChars = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    private static readonly SearchValues<char> Controls =
        SearchValues.Create([.. Enumerable.Range(0, 32).Where(c => c != '\t').Select(c => (char)c), (char)127]);

    private static readonly FrozenSet<string> OfConnection =
        new[] { "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "HTTP2-Settings" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly SearchValues<char> NameChars =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Why a request cannot be served; null if it can.</summary>
    public static Refusal? Check(HttpContext http)
    {
        var request = http.Request;
        if (request.Method == "CONNECT")
            return new Refusal(501, "Neither CONNECT nor WebSocket over HTTP/2 is served here; WebSocket over HTTP/1.1 is.");
        if (request.Method.AsSpan().ContainsAnyExcept(MethodChars))
            return new Refusal(400, "The method is not a token of capital letters.");
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (target.AsSpan().ContainsAnyExcept(TargetChars) || (target[0] != '/' && target != "*"))
            return new Refusal(400, "The target is no path, or holds a character that no target may hold.");
        var host = request.Headers.Host;
        if (host.Count > 1 || (host is [{ Length: > 0 } name] && !RequestTarget.IsAuthority(System.Text.Encoding.UTF8.GetBytes(name))))
            return new Refusal(400, "The host is not a name or an address with an optional port.");
        foreach (var (field, values) in request.Headers)
        {
            if (OfConnection.Contains(field))
                return new Refusal(400, "HTTP/2 knows no fields of the connection.");
            if (!field.StartsWith(':') && (field.Length == 0 || field.AsSpan().ContainsAnyExcept(NameChars)))
                return new Refusal(400, "The name of a header field holds a character that no name may hold.");
            foreach (var value in values)
                if (value.AsSpan().ContainsAny(Controls))
                    return new Refusal(400, "A control character stands in a header field.");
        }
        return null;
    }

    /// <summary>True for a field that can stand in a line.</summary>
    public static bool IsLine(string name, string? value) =>
        name.Length > 0 && !name.AsSpan().ContainsAnyExcept(NameChars) && !value.AsSpan().ContainsAny(Controls);
}
