using System.Net;
using System.Security.Cryptography;
using System.Text;
using Mainstay.Control.Config;

namespace Mainstay.Api;

/// <summary>
/// Who may do what on the control listener. Every request needs a known Host header (a page elsewhere must not reach the listener
/// under a name of its own, DNS rebinding); every write needs a token or a session whose scope covers it; reads need one too where the listener
/// is reachable from beyond this machine. The status page, /health and the assets stay open.
/// </summary>
internal sealed class Access
{
    /// <summary>Writes below these need no more than the scope respond.</summary>
    private static readonly PathString[] ResponderRooms =
    [
        "/api/pause", "/api/resume", "/api/remedies", "/api/incidents", "/api/practices/stop", "/pause", "/resume", "/incidents", "/practices/stop",
        "/api/alerts", "/api/v2/alerts", "/api/silences", "/api/heartbeats", "/api/notify", "/alerts",
        "/api/push", "/api/feeds", "/v1/metrics",
    ];

    private readonly byte[] _ownHash;
    private readonly Session _session;
    private volatile ControlConfig _control;

    private Access(string token, ControlConfig control, TimeProvider clock)
    {
        _ownHash = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        _session = new Session(token, clock);
        _control = control;
    }

    /// <summary>Reads the instance's token or makes it. Null: it cannot be had, and <paramref name="why"/> names the cure.</summary>
    public static Access? TryOpen(string stateFolder, ControlConfig control, TimeProvider clock, out string why) =>
        TokenFile.ReadOrMake(stateFolder, out why) is { } token ? new Access(token, control, clock) : null;

    /// <summary>Takes over tokens and hosts of a configuration that was read again; sessions of a token that is gone end.</summary>
    public void Reload(ControlConfig control) => _control = control;

    /// <summary>Judges a request. Reads headers only.</summary>
    public Ruling Judge(HttpRequest request)
    {
        if (!KnowsHost(request))
        {
            return new Ruling(StatusCodes.Status421MisdirectedRequest, null,
                $"This listener does not answer to the host \"{Shorten(request.Host.Value ?? "")}\". "
                + "Use the address it listens on, or add the name to control.hosts in mainstay.yaml.");
        }
        var write = !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method);
        var who = (Caller?)null;
        if (request.Headers.Authorization.ToString() is { Length: > 0 } authorization)
        {
            who = authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? CallerOf(authorization[7..].Trim()) : null;
            if (who is null)
            {
                return new Ruling(StatusCodes.Status401Unauthorized, null,
                    "The token is not known here. The right one stands in the file token of the state folder of this instance.");
            }
            return Scoped(who, write, request.Path);
        }
        who = SessionOf(request);
        if (write && !IsSameOrigin(request) && (who is not null || IsSigning(request.Path)))
        {
            return new Ruling(StatusCodes.Status403Forbidden, null,
                "The form was sent from another site. Open this dashboard itself and send it again.");
        }
        if (who is not null)
            return Scoped(who, write, request.Path);
        if (IsOpenToAll(request.Path) || (!write && IsLoopback) || IsSigning(request.Path))
            return new Ruling(StatusCodes.Status200OK, null, "");
        return new Ruling(StatusCodes.Status401Unauthorized, null, write
            ? "Changing anything needs a token: send Authorization: Bearer with the content of the file token of the state folder, or sign in at /login."
            : "This listener is reachable from other machines, so reading needs a token too: send Authorization: Bearer, or sign in at /login.");
    }

    /// <summary>Whose token this is; null if nobody's. Compares every known one in fixed time.</summary>
    public Caller? CallerOf(string token)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        var caller = CryptographicOperations.FixedTimeEquals(hash, _ownHash) ? new Caller(ControlConfig.OwnToken, TokenScope.Operate) : null;
        var hexadecimal = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash));
        foreach (var known in _control.Tokens)
        {
            if (CryptographicOperations.FixedTimeEquals(hexadecimal, Encoding.ASCII.GetBytes(known.Sha256)))
                caller ??= new Caller(known.Name, known.Scope);
        }
        return caller;
    }

    /// <summary>Lets this browser stay signed in for a shift.</summary>
    public void SignIn(HttpContext http, string name) =>
        http.Response.Cookies.Append(Session.CookieName, _session.Issue(name, HashOf(name) ?? ""), CookieOptions(http, Session.Lasts));

    public static void SignOut(HttpContext http) => http.Response.Cookies.Delete(Session.CookieName, CookieOptions(http, lasts: null));

    /// <summary>True: only this machine can connect, so reading needs no token.</summary>
    public bool IsLoopback => _control.Listen.IsLoopback;

    private static CookieOptions CookieOptions(HttpContext http, TimeSpan? lasts) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = http.Request.IsHttps,
        MaxAge = lasts,
        Path = "/",
    };

    private Caller? SessionOf(HttpRequest request) =>
        _session.Read(request.Cookies[Session.CookieName], HashOf) switch
        {
            null => null,
            ControlConfig.OwnToken => new Caller(ControlConfig.OwnToken, TokenScope.Operate),
            var name => _control.Tokens.FirstOrDefault(t => t.Name == name) is { } known ? new Caller(name, known.Scope) : null,
        };

    private string? HashOf(string name) =>
        name == ControlConfig.OwnToken ? Convert.ToHexStringLower(_ownHash) : _control.Tokens.FirstOrDefault(t => t.Name == name)?.Sha256;

    /// <summary>Lets a known caller do what their scope covers.</summary>
    private static Ruling Scoped(Caller who, bool write, PathString path)
    {
        var needed = write ? Needed(path) : TokenScope.Read;
        return who.May(needed)
            ? new Ruling(StatusCodes.Status200OK, who, "")
            : new Ruling(StatusCodes.Status403Forbidden, who,
                $"This needs the scope {Word(needed)}, and the token of {who.Name} has {Word(who.Scope)}. Use another token, "
                + "or write the scope into control.tokens of mainstay.yaml.");
    }

    /// <summary>The scope that a write needs: operate, unless it is known to be work on an incident. What is added and forgotten
    /// here is so on the safe side.</summary>
    private static TokenScope Needed(PathString path) =>
        IsSigning(path) ? TokenScope.Read
        : ResponderRooms.Any(room => path.StartsWithSegments(room, StringComparison.Ordinal)) ? TokenScope.Respond
        : TokenScope.Operate;

    private static string Word(TokenScope scope) => scope.ToString().ToLowerInvariant();

    private bool KnowsHost(HttpRequest request)
    {
        var host = request.Host;
        if (!host.HasValue)
            return false;
        var name = host.Host.Trim('[', ']');
        if (_control.Hosts.Any(h => Equal(h, host.Host) || Equal(h, host.Value)))
            return true;
        var connection = request.HttpContext.Connection;
        var port = connection.LocalPort is 0 ? _control.Listen.Port : connection.LocalPort;
        if ((host.Port ?? (request.IsHttps ? 443 : 80)) != port)
            return false;
        // A rebound name is a name: an address that the connection really came in on is safe.
        return Equal(name, "localhost") || name is "127.0.0.1" or "::1"
            || Equal(name, _control.Listen.Host.Trim('[', ']'))
            || (IPAddress.TryParse(name, out var address) && connection.LocalIpAddress is { } local
                && address.Equals(local.IsIPv4MappedToIPv6 ? local.MapToIPv4() : local));
    }

    /// <summary>Browsers say where a form came from; one that says nothing is not believed.</summary>
    private static bool IsSameOrigin(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site && site is not "same-origin")
            return false;
        // Host, not scheme: TLS may end at a proxy in front.
        return Uri.TryCreate(request.Headers.Origin.ToString(), UriKind.Absolute, out var origin)
            && Uri.TryCreate($"{origin.Scheme}://{request.Host.Value}", UriKind.Absolute, out var own)
            && Equal(origin.Authority, own.Authority);
    }

    private static bool IsOpenToAll(PathString path) =>
        path.Value is "/status" or "/health" || path.StartsWithSegments("/assets", StringComparison.OrdinalIgnoreCase);

    private static bool IsSigning(PathString path) => path.Value is "/login" or "/logout";

    private static bool Equal(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private static string Shorten(string text) => text.Length > 100 ? text[..100] + "…" : text;
}

/// <summary>What <see cref="Access"/> says of a request.</summary>
/// <param name="Status">200: go on; else the status to refuse it with.</param>
/// <param name="Who">Whose token or session it came with; null: nobody's.</param>
/// <param name="Message">Why it is refused, and the cure.</param>
internal sealed record Ruling(int Status, Caller? Who, string Message)
{
    public bool IsGranted => Status is StatusCodes.Status200OK;
}
