using System.Net;
using System.Security.Cryptography;
using System.Text;
using Mainstay.Api;
using Mainstay.Control.Config;
using Mainstay.Tests.Dashboard;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Tests.Api;

public sealed class AccessTests : IDisposable
{
    private const string NamedToken = "a-second-token-of-the-night-shift-0123456789";
    private readonly string _state = Directory.CreateTempSubdirectory("mainstay-access-").FullName;
    private readonly SampleClock _clock = new(DashboardSamples.Now);

    public void Dispose() => Directory.Delete(_state, recursive: true);

    [Theory]
    // Reading on loopback needs nothing but a known host.
    [InlineData("GET", "/api/status", "127.0.0.1:8401", "none", true, 200)]
    [InlineData("GET", "/", "localhost:8401", "none", true, 200)]
    [InlineData("HEAD", "/", "[::1]:8401", "none", true, 200)]
    [InlineData("GET", "/", "mainstay.example", "none", true, 200)]
    [InlineData("GET", "/", "MAINSTAY.example:9999", "none", true, 200)]
    // Rebinding: a name that is not ours, or our name on another port.
    [InlineData("GET", "/", "evil.example:8401", "none", true, 421)]
    [InlineData("GET", "/status", "evil.example:8401", "none", true, 421)]
    [InlineData("POST", "/api/pause", "evil.example:8401", "own", true, 421)]
    [InlineData("GET", "/", "localhost:80", "none", true, 421)]
    [InlineData("GET", "/", "localhost", "none", true, 421)]
    [InlineData("GET", "/", "", "none", true, 421)]
    [InlineData("GET", "/", "10.9.9.9:8401", "none", true, 421)]
    // Beyond loopback, reading needs a token but for what is public.
    [InlineData("GET", "/api/status", "10.0.0.5:8401", "none", false, 401)]
    [InlineData("GET", "/", "10.0.0.5:8401", "none", false, 401)]
    [InlineData("GET", "/api/events", "10.0.0.5:8401", "none", false, 401)]
    [InlineData("GET", "/status", "10.0.0.5:8401", "none", false, 200)]
    [InlineData("GET", "/health", "10.0.0.5:8401", "none", false, 200)]
    [InlineData("GET", "/assets/site.css", "10.0.0.5:8401", "none", false, 200)]
    [InlineData("GET", "/login", "10.0.0.5:8401", "none", false, 200)]
    [InlineData("GET", "/api/status", "10.0.0.5:8401", "named", false, 200)]
    [InlineData("GET", "/api/status", "10.0.0.5:8401", "cookie", false, 200)]
    [InlineData("GET", "/statusx", "10.0.0.5:8401", "none", false, 401)]
    // Writing always needs a token, or a session and a form of our own.
    [InlineData("POST", "/api/pause", "127.0.0.1:8401", "none", true, 401)]
    [InlineData("DELETE", "/api/pause", "127.0.0.1:8401", "none", true, 401)]
    [InlineData("POST", "/api/pause", "127.0.0.1:8401", "own", true, 200)]
    [InlineData("POST", "/api/pause", "127.0.0.1:8401", "named", true, 200)]
    [InlineData("POST", "/api/pause", "127.0.0.1:8401", "wrong", true, 401)]
    [InlineData("GET", "/api/status", "127.0.0.1:8401", "wrong", true, 401)]
    [InlineData("POST", "/pause", "127.0.0.1:8401", "cookie", true, 403)]
    [InlineData("POST", "/pause", "127.0.0.1:8401", "cookie+origin", true, 200)]
    [InlineData("POST", "/pause", "127.0.0.1:8401", "cookie+foreign", true, 403)]
    [InlineData("POST", "/pause", "127.0.0.1:8401", "cookie+crosssite", true, 403)]
    [InlineData("POST", "/pause", "127.0.0.1:8401", "forged+origin", true, 401)]
    // Beyond what a scope covers nothing is done, whether by token or session; reading is.
    [InlineData("GET", "/api/status", "127.0.0.1:8401", "reader", true, 200)]
    [InlineData("POST", "/api/pause", "127.0.0.1:8401", "reader", true, 403)]
    [InlineData("POST", "/api/remedies/1-1/approve", "127.0.0.1:8401", "reader", true, 403)]
    [InlineData("POST", "/incidents/1/approve/1-1", "127.0.0.1:8401", "named", true, 200)]
    [InlineData("POST", "/api/drains", "127.0.0.1:8401", "named", true, 403)]
    [InlineData("DELETE", "/api/drains/1", "127.0.0.1:8401", "cookie+origin", true, 403)]
    [InlineData("POST", "/api/practices", "127.0.0.1:8401", "named", true, 403)]
    [InlineData("POST", "/api/practices/stop", "127.0.0.1:8401", "named", true, 200)]
    [InlineData("POST", "/api/practices/stop/all", "127.0.0.1:8401", "reader", true, 403)]
    [InlineData("POST", "/api/practices", "127.0.0.1:8401", "own", true, 200)]
    [InlineData("POST", "/API/pause", "127.0.0.1:8401", "named", true, 403)]
    [InlineData("POST", "/api/nothing-known", "127.0.0.1:8401", "named", true, 403)]
    [InlineData("POST", "/api/drains", "127.0.0.1:8401", "operating", true, 200)]
    [InlineData("POST", "/logout", "127.0.0.1:8401", "reader", true, 200)]
    [InlineData("POST", "/login", "127.0.0.1:8401", "none", true, 403)]
    [InlineData("POST", "/login", "127.0.0.1:8401", "origin", true, 200)]
    public void Who_may_do_what(string method, string path, string host, string with, bool loopback, int status)
    {
        var control = new ControlConfig
        {
            Listen = new Uri(loopback ? "http://127.0.0.1:8401" : "http://0.0.0.0:8401"),
            Hosts = ["mainstay.example"],
            Tokens =
            [
                new TokenConfig("night", Hash(NamedToken)),
                new TokenConfig("guest", Hash(NamedToken + "r"), TokenScope.Read),
                new TokenConfig("chief", Hash(NamedToken + "o"), TokenScope.Operate),
            ],
        };
        var access = Access.TryOpen(_state, control, _clock, out _)!;
        var http = new DefaultHttpContext();
        http.Connection.LocalPort = 8401;
        http.Connection.LocalIpAddress = loopback ? IPAddress.Loopback : IPAddress.Parse("10.0.0.5");
        http.Request.Method = method;
        http.Request.Path = path;
        http.Request.Scheme = "http";
        http.Request.Headers.Host = host;
        Bring(http, with, access, host);

        var ruling = access.Judge(http.Request);

        Assert.Equal(status, ruling.Status);
        if (status != 200)
            Assert.NotEmpty(ruling.Message);
        Assert.Equal(status == 200 ? with switch { "own" => "operator", "named" => "night", _ when with.StartsWith("cookie", StringComparison.Ordinal) => "night", "reader" => "guest", "operating" => "chief", _ => null } : null,
            status == 200 ? ruling.Who?.Name : null);
    }

    [Fact]
    public void A_refused_scope_is_named_with_the_one_that_is_needed()
    {
        var control = new ControlConfig { Tokens = [new TokenConfig("guest", Hash(NamedToken), TokenScope.Read)] };
        var http = new DefaultHttpContext();
        http.Connection.LocalPort = 8401;
        http.Request.Method = "POST";
        http.Request.Path = "/api/drains";
        http.Request.Headers.Host = "127.0.0.1:8401";
        http.Request.Headers.Authorization = $"Bearer {NamedToken}";

        var ruling = Access.TryOpen(_state, control, _clock, out _)!.Judge(http.Request);

        Assert.Equal(403, ruling.Status);
        Assert.Contains("needs the scope operate, and the token of guest has read", ruling.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(NamedToken, ruling.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_session_ends_when_its_token_is_replaced_and_follows_its_scope()
    {
        var own = TokenFile.ReadOrMake(_state, out _)!;
        var access = Access.TryOpen(_state, new ControlConfig(), _clock, out _)!;
        var cookie = new Session(own, _clock).Issue("night", Hash(NamedToken));

        Assert.Equal(TokenScope.Operate, WhoIs(new TokenConfig("night", Hash(NamedToken), TokenScope.Operate))!.Scope);
        Assert.Equal(TokenScope.Read, WhoIs(new TokenConfig("night", Hash(NamedToken), TokenScope.Read))!.Scope);
        Assert.Null(WhoIs(new TokenConfig("night", Hash("another token"))));
        Assert.Null(WhoIs(new TokenConfig("day", Hash(NamedToken))));

        Caller? WhoIs(TokenConfig token)
        {
            access.Reload(new ControlConfig { Tokens = [token] });
            var http = new DefaultHttpContext();
            http.Connection.LocalPort = 8401;
            http.Request.Method = "GET";
            http.Request.Headers.Host = "127.0.0.1:8401";
            http.Request.Headers.Cookie = $"{Session.CookieName}={cookie}";
            return access.Judge(http.Request).Who;
        }
    }

    [Fact]
    public void A_session_ends_with_its_time_its_token_and_its_key()
    {
        var session = new Session("token one", _clock);
        var cookie = session.Issue("night shift, ü", "hash");

        Assert.Equal("night shift, ü", session.Read(cookie, _ => "hash"));
        Assert.Null(new Session("token two", _clock).Read(cookie, _ => "hash"));
        Assert.Null(session.Read(cookie, _ => "another"));
        Assert.Null(session.Read(cookie, _ => null));
        Assert.Null(session.Read(cookie[..^2], _ => "hash"));
        Assert.Null(session.Read("e30.99999999999." + cookie.Split('.')[2], _ => "hash"));
        Assert.All(new[] { null, "", ".", "..", "a.b.c", "é.1.é", new string('x', 5000) }, broken => Assert.Null(session.Read(broken, _ => "hash")));
        _clock.Now += Session.Lasts;
        Assert.Null(session.Read(cookie, _ => "hash"));
    }

    [Fact]
    public void The_token_is_made_once_and_for_its_owner_alone()
    {
        Directory.Delete(_state);
        var first = TokenFile.ReadOrMake(_state, out var why);

        Assert.Equal("", why);
        Assert.Equal(43, first!.Length);
        Assert.Equal(first, TokenFile.ReadOrMake(_state, out _));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(TokenFile.PathIn(_state)));
    }

    [Fact]
    public void A_token_that_can_be_guessed_is_refused_with_the_cure()
    {
        File.WriteAllText(TokenFile.PathIn(_state), "secret\n");
        Assert.Null(Access.TryOpen(_state, new ControlConfig(), _clock, out var why));
        Assert.Contains("Remove it and restart", why, StringComparison.Ordinal);
    }

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    private void Bring(DefaultHttpContext http, string with, Access access, string host)
    {
        var headers = http.Request.Headers;
        var own = TokenFile.ReadOrMake(_state, out _)!;
        headers.Authorization = with switch { "own" => $"Bearer {own}", "named" => $"bearer {NamedToken}", "reader" => $"Bearer {NamedToken}r", "operating" => $"Bearer {NamedToken}o", "wrong" => "Bearer nobody", _ => default };
        if (with.StartsWith("cookie", StringComparison.Ordinal))
            headers.Cookie = $"{Session.CookieName}={new Session(own, _clock).Issue("night", Hash(NamedToken))}";
        if (with.StartsWith("forged", StringComparison.Ordinal))
            headers.Cookie = $"{Session.CookieName}={new Session("another token", _clock).Issue("night", Hash(NamedToken))}";
        if (with.EndsWith("origin", StringComparison.Ordinal) || with.EndsWith("crosssite", StringComparison.Ordinal))
            headers.Origin = $"http://{host}";
        if (with.EndsWith("foreign", StringComparison.Ordinal))
            headers.Origin = "http://evil.example";
        if (with.EndsWith("crosssite", StringComparison.Ordinal))
            headers["Sec-Fetch-Site"] = "cross-site";
    }
}

/// <summary>Stands where it is put; its timers are the machine's.</summary>
internal sealed class SampleClock(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
