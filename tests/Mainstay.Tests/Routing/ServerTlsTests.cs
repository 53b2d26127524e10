using System.Security.Cryptography.X509Certificates;
using Mainstay.Routing;
using Mainstay.Routing.Upstream;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Tests.Routing;

/// <summary>TLS towards servers: who is trusted, what is shown, and why a server was not reached. Real handshakes.</summary>
public sealed class ServerTlsTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly TestFolder _folder = new();

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_server_of_a_private_authority_is_reached_by_HTTP_1_1_over_TLS()
    {
        using var certificate = _authority.Issue("127.0.0.1");
        await using var server = await KestrelServer.StartAsync(Fine, certificate: certificate);
        await using var house = await GatewayHouse.StartAsync(Trusting(server.In("r1")));
        for (var i = 0; i < 3; i++)
            Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Post, body: "judge this"));
        Assert.Equal(3, server.Received);
    }

    [Fact]
    public async Task A_certificate_that_nobody_known_signed_is_told_with_its_cure()
    {
        using var certificate = _authority.Issue("127.0.0.1");
        await AssertRefusedAsync(
            certificate, s => s, "its certificate is not trusted: untrusted root CN=", "set services[].tls.ca");
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_told()
    {
        using var other = new TestAuthority("other authority");
        using var certificate = other.Issue("127.0.0.1");
        await AssertRefusedAsync(certificate, Trusting, "it comes from CN=other authority, and not from an authority in services[].tls.ca");
    }

    [Fact]
    public async Task A_certificate_for_another_name_is_told_with_both_names()
    {
        using var certificate = _authority.Issue("other.test");
        await AssertRefusedAsync(certificate, Trusting, "its certificate is for other.test, not 127.0.0.1; set services[].tls.name");
    }

    [Fact]
    public async Task The_name_that_a_certificate_must_have_can_be_said()
    {
        using var certificate = _authority.Issue("other.test");
        await using var server = await KestrelServer.StartAsync(Fine, certificate: certificate);
        var service = Trusting(server.In("r1"));
        await using var house = await GatewayHouse.StartAsync(service with { Tls = service.Tls! with { Name = "other.test" } });
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Get));
    }

    [Theory]
    [InlineData(-100, -1, "its certificate expired on 2025-12-31")]
    [InlineData(10, 20, "its certificate is good only from 2026-01-11")]
    public async Task A_certificate_out_of_its_time_is_told_with_the_day(int from, int to, string why)
    {
        var now = new ManualTime().GetUtcNow();
        using var certificate = _authority.Issue("127.0.0.1", now.AddDays(from), now.AddDays(to));
        await AssertRefusedAsync(certificate, Trusting, why);
    }

    [Fact]
    public async Task A_server_without_TLS_is_told()
    {
        await using var server = await KestrelServer.StartAsync(Fine);
        var url = new Uri($"https://127.0.0.1:{server.Port}");
        await using var house = await GatewayHouse.StartAsync(Trusting(server.In("r1") with { Url = url }));
        var (status, message) = await house.AskAsync(HttpMethod.Get);
        Assert.Equal(502, status);
        Assert.Contains("could not be reached: ", message, StringComparison.Ordinal);
        Assert.Contains("TLS handshake", message, StringComparison.Ordinal);
        Assert.Equal(0, server.Received);
    }

    [Fact]
    public async Task A_handshake_that_failed_reached_nobody_so_that_a_post_goes_elsewhere()
    {
        using var certificate = _authority.Issue("other.test");
        await using var bad = await KestrelServer.StartAsync(Fine, certificate: certificate);
        await using var good = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(Trusting(bad.In("r1"), good.In("r2")));
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Post, body: "pay once"));
        Assert.Equal(0, bad.Received);
        var attempts = (await house.OutcomeAsync()).Attempts;
        Assert.Equal(AttemptResult.NotReached, attempts[0].Result);
        Assert.StartsWith("its certificate is for other.test", attempts[0].Why, StringComparison.Ordinal);
        Assert.Null(attempts[1].Why);
    }

    [Fact]
    public async Task A_server_that_asks_for_a_certificate_is_shown_one()
    {
        using var certificate = _authority.Issue("127.0.0.1");
        using var client = _authority.Issue("mainstay.test");
        var files = _folder.Write("client", client);
        await using var server = await KestrelServer.StartAsync(Fine, certificate: certificate, client: c => c.Thumbprint == client.Thumbprint);
        var service = Trusting(server.In("r1"));
        await using var house = await GatewayHouse.StartAsync(
            service with { Tls = service.Tls! with { Certificate = files.Certificate, Key = files.Key } });
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Get));
    }

    /// <summary>In TLS 1.3 the alert comes after the handshake; these are OpenSSL's words, as .NET wraps them.</summary>
    [Theory]
    [InlineData("error:0A00045C:SSL routines::tlsv13 alert certificate required", "it demands a client certificate")]
    [InlineData("error:0A000418:SSL routines::tlsv1 alert unknown ca", "it does not accept this side's client certificate")]
    [InlineData("error:0A000415:SSL routines::sslv3 alert certificate expired", "this side's client certificate expired")]
    [InlineData("error:0A000126:SSL routines::unexpected eof while reading", null)]
    public void The_alert_of_a_server_is_told_in_words(string openSsl, string? meaning)
    {
        var wrapped = new IOException("The decryption operation failed, see inner exception.", new InvalidOperationException(openSsl));
        var said = TlsAlert.Meaning(wrapped);
        Assert.Equal(meaning, said?.Split(';')[0]);
    }

    [Fact]
    public async Task Connections_of_before_are_not_used_once_another_authority_is_named()
    {
        using var other = new TestAuthority("other authority");
        using var certificate = _authority.Issue("127.0.0.1");
        await using var server = await KestrelServer.StartAsync(Fine, certificate: certificate);
        await using var house = await GatewayHouse.StartAsync(Trusting(server.In("r1")));
        Assert.Equal(200, (await house.AskAsync(HttpMethod.Get)).Status);
        _folder.Write("ca.pem", other.Pem);
        Assert.Null(house.Service.Trust!.Look(house.Clock.GetUtcNow()));
        Assert.Equal(502, (await house.AskAsync(HttpMethod.Get)).Status);
        _folder.Write("ca.pem", other.Pem[..100]);
        Assert.Contains("what was read before stays in force", house.Service.Trust.Look(house.Clock.GetUtcNow()), StringComparison.Ordinal);
        _folder.Write("ca.pem", _authority.Pem);
        Assert.Null(house.Service.Trust.Look(house.Clock.GetUtcNow()));
        Assert.Equal(200, (await house.AskAsync(HttpMethod.Get)).Status);
    }

    [Fact]
    public async Task A_file_that_is_missing_is_the_reason_until_it_is_there()
    {
        using var certificate = _authority.Issue("127.0.0.1");
        await using var server = await KestrelServer.StartAsync(Fine, certificate: certificate);
        var service = Trusting(server.In("r1"));
        File.Delete(_folder.Path("ca.pem"));
        await using var house = await GatewayHouse.StartAsync(service);
        var (status, message) = await house.AskAsync(HttpMethod.Get);
        Assert.Equal(502, status);
        Assert.Contains("ca.pem does not exist", message, StringComparison.Ordinal);
        Assert.Contains("ca.pem does not exist", house.Service.Trust!.Look(house.Clock.GetUtcNow()), StringComparison.Ordinal);
        Trusting();
        Assert.Null(house.Service.Trust.Look(house.Clock.GetUtcNow()));
        Assert.Equal(200, (await house.AskAsync(HttpMethod.Get)).Status);
    }

    [Fact]
    public void A_client_certificate_that_ends_soon_is_a_trouble()
    {
        var now = new ManualTime().GetUtcNow();
        using var client = _authority.Issue("mainstay.test", notAfter: now.AddDays(10));
        var files = _folder.Write("client", client);
        var service = Trusting() with { Tls = new ServerTls { Certificate = files.Certificate, Key = files.Key } };
        var trust = Tables.Live(service, TimeProvider.System).Trust!;
        Assert.Contains("expires on 2026-01-11", trust.Look(now), StringComparison.Ordinal);
        Assert.Contains("expired on 2026-01-11; renew it", trust.Look(now.AddDays(10)), StringComparison.Ordinal);
        Assert.Null(trust.Look(now.AddDays(-10)));
    }

    private static Task Fine(HttpContext http) => http.Response.WriteAsync("fine");

    private Service Trusting(params Server[] servers) =>
        Tables.Service([.. servers]) with { Tls = new ServerTls { Ca = _folder.Write("ca.pem", _authority.Pem) } };

    private Service Trusting(Service service) => Trusting([.. service.Servers]);

    private static async Task AssertRefusedAsync(X509Certificate2 certificate, Func<Service, Service> with, params string[] why)
    {
        await using var server = await KestrelServer.StartAsync(Fine, certificate: certificate);
        await using var house = await GatewayHouse.StartAsync(with(Tables.Service(server.In("r1"))));
        var (status, message) = await house.AskAsync(HttpMethod.Get);
        Assert.Equal(502, status);
        using var json = System.Text.Json.JsonDocument.Parse(message);
        message = json.RootElement.GetProperty("error").GetProperty("message").GetString()!;
        Assert.StartsWith($"Server 127.0.0.1:{server.Port} could not be reached: ", message, StringComparison.Ordinal);
        Assert.All(why, part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.Equal(0, server.Received);
        Assert.Equal(AttemptResult.NotReached, (await house.OutcomeAsync()).Attempts.Single().Result);
        Assert.Equal(0, house.Outstanding);
    }
}
