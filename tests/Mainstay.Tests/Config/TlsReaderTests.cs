using Mainstay.Control.Config;
using Mainstay.Routing;

namespace Mainstay.Tests.Config;

/// <summary>Certificates and protocols in the configuration file: what is taken, and each mistake with its cure.</summary>
public sealed class TlsReaderTests : IDisposable
{
    private const string Services = """
        services:
          - name: moderation
            servers:
              - { url: "https://10.0.1.10:9000", region: us-east-1 }
              - { url: "https://10.0.2.10:9000", region: us-east-2 }
        """;

    private readonly TestAuthority _authority = new();
    private readonly TestFolder _folder = new();
    private readonly ManualTime _clock = new();

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_listener_with_its_certificate_stands_in_the_table()
    {
        WritePair();
        _folder.Write("ca.pem", _authority.Pem);
        var config = Read("traffic: { listen: \"https://0.0.0.0:8443\" }\ntls: { certificate: cert.pem, key: cert.key, client_ca: ca.pem }").Good();
        var table = config.ToTable(1, []);
        Assert.Equal(new ListenerTls(_folder.Path("cert.pem"), _folder.Path("cert.key"), _folder.Path("ca.pem")), table.Tls);

        // A data plane that starts from the table alone must know as much.
        var file = new LastGoodFile(_folder.Path("table.json"));
        file.Write(table);
        Assert.Equal(table.Tls, file.TryRead(out _)!.Tls);
    }

    [Fact]
    public void What_is_said_of_servers_stands_in_the_table()
    {
        WritePair();
        _folder.Write("ca.pem", _authority.Pem);
        var service = ReadService("tls: { ca: ca.pem, certificate: cert.pem, key: cert.key, name: models.test }", "protocol: http2", "health: { kind: grpc, grpc_service: judge.Judge }").Good().Services[0].Routing;
        Assert.Equal(
            new ServerTls { Ca = _folder.Path("ca.pem"), Certificate = _folder.Path("cert.pem"), Key = _folder.Path("cert.key"), Name = "models.test" }, service.Tls);
        Assert.Equal(ServerProtocol.Http2, service.Protocol);
        Assert.Equal(new HealthCheck { Kind = ProbeKind.Grpc, GrpcService = "judge.Judge" }, service.Health);
        var file = new LastGoodFile(_folder.Path("table.json"));
        file.Write(new RouteTable(1, [service], []));
        var back = file.TryRead(out _)!.Services[0];
        Assert.Equal((service.Tls, service.Protocol, service.Health), (back.Tls, back.Protocol, back.Health));
    }

    [Theory]
    [InlineData("none.pem", "cert.key", "tls.certificate", "none.pem does not exist", "check its name")]
    [InlineData("cert.pem", "none.key", "tls.key", "none.key does not exist", "check its name")]
    [InlineData(".", "cert.key", "tls.certificate", "is a folder", "name the file in it")]
    [InlineData("cert.key", "cert.key", "tls.certificate", "cert.key holds no certificate in PEM", "-----BEGIN CERTIFICATE-----")]
    [InlineData("cert.pem", "cert.pem", "tls.certificate", "cert.pem holds no private key in PEM", "-----BEGIN PRIVATE KEY-----")]
    [InlineData("cert.pem", "cut.key", "tls.key", "cut.key holds a key that cannot be read", "it may be cut")]
    [InlineData("cert.pem", "locked.key", "tls.key", "locked.key holds a key that needs a password", "openssl pkey -in KEY")]
    [InlineData("cert.pem", "other.key", "tls.key", "other.key is not the key of the certificate in cert.pem", "made together")]
    [InlineData("old.pem", "old.key", "tls.certificate", "old.pem holds a certificate that expired on 2025-12-31", "renew it")]
    [InlineData("early.pem", "early.key", "tls.certificate", "is good only from 2026-01-11", "clock")]
    public void A_mistake_in_a_certificate_has_its_cure(string certificate, string key, string at, string wrong, string cure)
    {
        var now = _clock.GetUtcNow();
        WritePair();
        WritePair("other");
        WritePair("old", notAfter: now.AddDays(-1));
        WritePair("early", notBefore: now.AddDays(10));
        _folder.Write("cut.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        _folder.Write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
        var error = Read($"traffic: {{ listen: \"https://127.0.0.1:8443\" }}\ntls: {{ certificate: {certificate}, key: {key} }}").OnlyError();
        Assert.Equal((3, at), (error.Line, error.Key));
        Assert.Contains(wrong, error.Wrong, StringComparison.Ordinal);
        Assert.Contains(cure, error.Cure, StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_that_ends_soon_is_a_warning()
    {
        WritePair(notAfter: _clock.GetUtcNow().AddDays(10));
        var result = Read("traffic: { listen: \"https://127.0.0.1:8443\" }\ntls: { certificate: cert.pem, key: cert.key }");
        result.Good();
        Assert.Equal("tls.certificate (line 3): the certificate in cert.pem expires on 2026-01-11; renew it before.", Assert.Single(result.Warnings));
    }

    [Theory]
    [InlineData("traffic: { listen: \"https://127.0.0.1:8443\" }", "traffic.listen", "https needs a certificate", "write `tls: {")]
    [InlineData("tls: { certificate: cert.pem, key: cert.key }", "tls", "without TLS", "write https:// in traffic.listen")]
    [InlineData("traffic: { listen: \"https://127.0.0.1:8443\" }\ntls: { certificate: cert.pem }", "tls.key", "is missing", "write `key:` here")]
    [InlineData("traffic: { listen: \"https://127.0.0.1:8443\" }\ntls: { certificate: cert.pem, key: cert.key, client_ca: cert.key }", "tls.client_ca", "holds no certificate", "-----BEGIN CERTIFICATE-----")]
    [InlineData("control: { listen: \"https://127.0.0.1:8443\" }", "control.listen", "no TLS of its own", "TLS proxy")]
    public void A_mistake_of_the_listener_has_its_cure(string lines, string at, string wrong, string cure)
    {
        WritePair();
        var error = Read(lines).OnlyError();
        Assert.Equal(at, error.Key);
        Assert.Contains(wrong, error.Wrong, StringComparison.Ordinal);
        Assert.Contains(cure, error.Cure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tls: {}", "services[0].tls", "says nothing", "write ca")]
    [InlineData("tls: { certificate: cert.pem }", "services[0].tls.certificate", "stands there without key", "write `key:`")]
    [InlineData("tls: { key: cert.key }", "services[0].tls.key", "stands there without certificate", "write `certificate:`")]
    [InlineData("tls: { ca: none.pem }", "services[0].tls.ca", "none.pem does not exist", "check its name")]
    [InlineData("tls: { name: \"https://x\" }", "services[0].tls.name", "is not a host name", "without scheme")]
    [InlineData("protocol: http3", "services[0].protocol", "\"http3\"", "did you mean `http")]
    [InlineData("health: { kind: tpc }", "services[0].health.kind", "\"tpc\"", "did you mean `tcp`?")]
    [InlineData("health: { kind: tcp, path: /h }", "services[0].health.path", "a probe of kind tcp asks for no path", "take it out")]
    [InlineData("health: { kind: grpc, path: /h }", "services[0].health.path", "a probe of kind grpc asks for no path", "take it out")]
    [InlineData("health: { path: /h, grpc_service: a }", "services[0].health.grpc_service", "asks for no gRPC service", "`kind: grpc`")]
    [InlineData("health: { kind: http }", "services[0].health.path", "is missing", "write `path:` here")]
    public void A_mistake_of_a_service_has_its_cure(string line, string at, string wrong, string cure)
    {
        WritePair();
        var error = ReadService(line).OnlyError();
        Assert.Equal(at, error.Key);
        Assert.Contains(wrong, error.Wrong, StringComparison.Ordinal);
        Assert.Contains(cure, error.Cure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tls: { name: models.test }", "services[0].tls", "no server of the service has an https url")]
    [InlineData("health: { kind: tls }", "services[0].health.kind", "10.0.1.10:9000 has no TLS: its url is http")]
    public void TLS_needs_servers_with_TLS(string line, string at, string wrong)
    {
        var error = Written.ReadService(line).OnlyError();
        Assert.Equal(at, error.Key);
        Assert.Contains(wrong, error.Wrong, StringComparison.Ordinal);
    }

    private ConfigResult Read(string lines) => ConfigReader.Read($"version: 1\n{lines}\n{Services}", _folder.Path("mainstay.yaml"), _clock);

    private ConfigResult ReadService(params string[] lines) =>
        ConfigReader.Read($"version: 1\n{Services}\n" + string.Join("\n", lines.Select(line => "    " + line)), _folder.Path("mainstay.yaml"), _clock);

    private void WritePair(string name = "cert", DateTimeOffset? notBefore = null, DateTimeOffset? notAfter = null)
    {
        using var certificate = _authority.Issue("models.test", notBefore, notAfter);
        _folder.Write(name, certificate);
    }
}
