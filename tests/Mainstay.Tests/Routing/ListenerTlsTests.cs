using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Mainstay.Routing;
using Mainstay.Routing.Certificates;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Tests.Routing;

/// <summary>TLS towards callers: both versions of HTTP, certificates that change while connections are open, callers that
/// must show one. Real handshakes.</summary>
public sealed class ListenerTlsTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly TestFolder _folder = new();
    private readonly ManualTime _clock = new();

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Callers_are_served_over_TLS_with_either_version_of_HTTP(string version)
    {
        await using var server = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")), Open(Files()));
        using var caller = Caller();
        Assert.Equal((HttpStatusCode.OK, "fine", Version.Parse(version)), await AskAsync(caller, house.Url, Version.Parse(version)));
        Assert.Equal("https", (await server.NextAsync()).Header("X-Forwarded-Proto"));
    }

    [Fact]
    public async Task A_new_certificate_is_shown_to_new_connections_and_open_ones_stay()
    {
        await using var server = ScriptedServer.Answering("fine");
        var files = Files();
        var listener = Open(files);
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")), listener);
        var shown = new List<string>();
        using var caller = Caller(shown);
        await AskAsync(caller, house.Url, HttpVersion.Version11);
        using var next = _authority.Issue("127.0.0.1");
        _folder.Write("cert", next);
        Assert.Null(listener.Look(files, _clock.GetUtcNow()));
        await AskAsync(caller, house.Url, HttpVersion.Version11);
        Assert.NotEqual(next.Thumbprint, Assert.Single(shown));
        using var newcomer = Caller(shown);
        await AskAsync(newcomer, house.Url, HttpVersion.Version11);
        Assert.Equal(next.Thumbprint, shown[1]);
    }

    [Fact]
    public void A_pair_that_does_not_match_keeps_the_one_before_and_is_told_until_it_matches()
    {
        var files = Files();
        var listener = Open(files);
        var routes = new LiveRoutes(_clock);
        routes.Swap(new RouteTable(1, [], []) { Tls = files });
        var notes = new List<(string Part, string? Trouble)>();
        var log = new LogLines<CertificateWatch>();
        var watch = new CertificateWatch(routes, listener, (part, trouble) => notes.Add((part, trouble)), _clock, log);
        watch.Look();
        Assert.Empty(notes);
        var before = listener.Current;

        // The certificate is there already, its key not yet: as it is while somebody copies the two.
        using var next = _authority.Issue("127.0.0.1");
        File.WriteAllText(files.Certificate, next.ExportCertificatePem());
        watch.Look();
        watch.Look();
        Assert.Same(before, listener.Current);
        var trouble = Assert.Single(notes);
        Assert.Equal("certificate of traffic", trouble.Part);
        Assert.Contains("cert.key is not the key of the certificate in ", trouble.Trouble, StringComparison.Ordinal);
        Assert.Contains("the certificate before stays in force", trouble.Trouble, StringComparison.Ordinal);

        File.WriteAllText(files.Key, TestAuthority.KeyOf(next));
        watch.Look();
        Assert.Equal(next.Thumbprint, listener.Current.Thumbprint);
        Assert.Equal(("certificate of traffic", null), notes[1]);
        Assert.Equal(2, log.Lines.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-----BEGIN CERTIFICATE-----\nMIIB")]
    public void A_half_written_file_keeps_the_certificate_before(string half)
    {
        var files = Files();
        var listener = Open(files);
        var before = listener.Current;
        File.WriteAllText(files.Certificate, half);
        Assert.Contains("holds no certificate in PEM", listener.Look(files, _clock.GetUtcNow()), StringComparison.Ordinal);
        File.Delete(files.Certificate);
        Assert.Contains("does not exist", listener.Look(files, _clock.GetUtcNow()), StringComparison.Ordinal);
        Assert.Same(before, listener.Current);
    }

    [Fact]
    public void A_certificate_that_ends_soon_is_told()
    {
        using var certificate = _authority.Issue("127.0.0.1", notAfter: _clock.GetUtcNow().AddDays(20));
        var (cert, key) = _folder.Write("cert", certificate);
        var files = new ListenerTls(cert, key, null);
        var listener = Open(files);
        Assert.Null(listener.Look(files, _clock.GetUtcNow()));
        Assert.Contains("expires on 2026-01-21; renew it", listener.Look(files, _clock.GetUtcNow().AddDays(7)), StringComparison.Ordinal);
        Assert.Contains("expired on 2026-01-21", listener.Look(files, _clock.GetUtcNow().AddDays(20)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_callers_with_a_certificate_of_the_named_authority_are_let_in()
    {
        using var clients = new TestAuthority("clients");
        using var known = clients.Issue("caller.test");
        using var stranger = _authority.Issue("caller.test");
        await using var server = ScriptedServer.Answering("fine");
        var files = Files() with { ClientCa = _folder.Write("clients.pem", clients.Pem) };
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")), Open(files));
        using var let = Caller(client: known);
        Assert.Equal("fine", (await AskAsync(let, house.Url, HttpVersion.Version20)).Body);
        using var without = Caller();
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(without, house.Url, HttpVersion.Version11));
        using var wrong = Caller(client: stranger);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(wrong, house.Url, HttpVersion.Version11));
        Assert.Equal(1, server.Received);
    }

    [Fact]
    public async Task Old_versions_of_TLS_are_refused()
    {
        await using var server = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(Tables.Service(server.In("r1")), Open(Files()));
        var handler = Handler();
#pragma warning disable SYSLIB0039, CA5397 // That they are old is what is tried.
        handler.SslOptions.EnabledSslProtocols = SslProtocols.Tls11;
#pragma warning restore SYSLIB0039, CA5397
        using var caller = new HttpClient(handler);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(caller, house.Url, HttpVersion.Version11));
    }

    private ListenerTls Files()
    {
        using var certificate = _authority.Issue("127.0.0.1");
        var (cert, key) = _folder.Write("cert", certificate);
        return new ListenerTls(cert, key, null);
    }

    private ListenerCertificate Open(ListenerTls files) =>
        ListenerCertificate.TryOpen(files, _clock, out var fault) ?? throw new InvalidOperationException(fault.ToString());

    private SocketsHttpHandler Handler()
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            VerificationTime = _clock.GetUtcNow().UtcDateTime,
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(_authority.Pem);
        return handler;
    }

    /// <param name="shown">Gets the thumbprint of the certificate of each connection.</param>
    /// <param name="client">The caller's own certificate.</param>
    private HttpClient Caller(List<string>? shown = null, X509Certificate2? client = null)
    {
        var handler = Handler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
        {
            shown?.Add(((X509Certificate2)certificate!).Thumbprint);
            return errors == System.Net.Security.SslPolicyErrors.None;
        };
        if (client is not null)
            handler.SslOptions.ClientCertificates = [client];
        return new HttpClient(handler) { Timeout = Patience.Generous };
    }

    private static async Task<(HttpStatusCode Status, string Body, Version Version)> AskAsync(HttpClient caller, Uri url, Version version)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(url, "/predict"))
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var answer = await caller.SendAsync(request).Patiently();
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Version);
    }
}
