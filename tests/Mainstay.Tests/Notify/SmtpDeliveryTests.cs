using System.Security.Cryptography.X509Certificates;
using System.Text;
using Mainstay.Control.Config;
using Mainstay.Control.Notify;

namespace Mainstay.Tests.Notify;

public sealed class SmtpDeliveryTests : IDisposable
{
    private const string PasswordVariable = "MAINSTAY_TEST_SMTP_PASSWORD";
    private readonly TestAuthority _authority = new();
    private readonly X509ChainPolicy _trust = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };

    public SmtpDeliveryTests()
    {
        _trust.CustomTrustStore.Add(X509Certificate2.CreateFromPem(_authority.Pem));
        Environment.SetEnvironmentVariable(PasswordVariable, "open sesame");
    }

    public void Dispose() => _authority.Dispose();

    [Theory]
    [InlineData(SmtpTls.StartTls)]
    [InlineData(SmtpTls.Tls)]
    public async Task A_mail_is_handed_over_secured_and_signed_in(SmtpTls tls)
    {
        using var certificate = Certificate("localhost");
        await using var server = new FakeMailServer(certificate, tls == SmtpTls.Tls);
        var result = await SendAsync(server, tls, "us-east-1: größer", "line 1\n.\nline 3", "ada");
        Assert.Equal("", result.Error);
        var heard = server.Heard.ToList();
        Assert.Contains($"(tls) AUTH PLAIN {Convert.ToBase64String(Encoding.UTF8.GetBytes("\0ada\0open sesame"))}", heard);
        Assert.Contains("(tls) MAIL FROM:<mainstay@example.test>", heard);
        Assert.Contains("(tls) RCPT TO:<b@example.test>", heard);
        Assert.DoesNotContain(heard, h => h.StartsWith("AUTH", StringComparison.Ordinal) || h.StartsWith("MAIL", StringComparison.Ordinal));
        var mail = Assert.Single(heard, h => h.StartsWith("mail ", StringComparison.Ordinal));
        Assert.Contains("Message-ID: <m-1@example.test>\n", mail, StringComparison.Ordinal);
        Assert.Contains("Date: Thu, 01 Jan 2026 00:00:00 +0000\n", mail, StringComparison.Ordinal);
        Assert.Contains($"Subject: =?utf-8?B?{Convert.ToBase64String("us-east-1: größer"u8)}?=\n", mail, StringComparison.Ordinal);
        var body = Encoding.UTF8.GetString(Convert.FromBase64String(mail[(mail.IndexOf("\n\n", StringComparison.Ordinal) + 2)..]));
        Assert.Equal("line 1\r\n.\r\nline 3\r\n", body);
    }

    [Fact]
    public async Task A_server_without_STARTTLS_gets_nothing_readable()
    {
        await using var server = new FakeMailServer();
        var result = await SendAsync(server, SmtpTls.StartTls, "t", "x");
        Assert.Contains("offers no STARTTLS", result.Error, StringComparison.Ordinal);
        Assert.False(result.IsRefused);
        Assert.DoesNotContain(server.Heard, h => h.StartsWith("MAIL", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Readable_is_possible_where_it_is_written()
    {
        await using var server = new FakeMailServer();
        Assert.Equal("", (await SendAsync(server, SmtpTls.None, "t", "x")).Error);
    }

    [Fact]
    public async Task What_comes_before_the_handshake_is_not_believed()
    {
        using var certificate = Certificate("localhost");
        await using var server = new FakeMailServer(certificate) { Injected = "250 evil" };
        Assert.Contains("somebody may be between", (await SendAsync(server, SmtpTls.StartTls, "t", "x")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_of_another_host_is_refused()
    {
        using var certificate = Certificate("elsewhere.test");
        await using var server = new FakeMailServer(certificate, isTlsFromStart: true);
        var result = await SendAsync(server, SmtpTls.Tls, "t", "x");
        Assert.False(result.IsTaken);
        Assert.False(result.IsRefused);
    }

    [Theory]
    [InlineData("RCPT TO:<a@", "550 no such user", true, "")]
    [InlineData("RCPT", "550 no such user", false, "550 no such user")]
    [InlineData("RCPT", "450 later", false, "450 later")]
    [InlineData("MAIL", "550 who are you", false, "550 who are you")]
    [InlineData("DATA", "554 spam", false, "554 spam")]
    [InlineData("EHLO", "hello there", false, "no SMTP server")]
    public async Task Refusals_are_told_and_tried_again_unless_they_are_for_good(string command, string answer, bool isTaken, string error)
    {
        await using var server = new FakeMailServer { Answers = { [command] = answer } };
        var result = await SendAsync(server, SmtpTls.None, "t", "x");
        Assert.Equal(isTaken, result.IsTaken);
        Assert.Contains(error, result.Error, StringComparison.Ordinal);
        Assert.Equal(!isTaken && answer.StartsWith('5'), result.IsRefused);
    }

    [Fact]
    public async Task A_wrong_password_waits_for_a_person()
    {
        using var certificate = Certificate("localhost");
        await using var server = new FakeMailServer(certificate, isTlsFromStart: true) { Answers = { ["AUTH"] = "535 no" } };
        var result = await SendAsync(server, SmtpTls.Tls, "t", "x", "ada");
        Assert.Contains("signing in failed: 535 no", result.Error, StringComparison.Ordinal);
        Assert.False(result.IsRefused);
    }

    [Fact]
    public async Task Nothing_of_a_message_becomes_a_header()
    {
        await using var server = new FakeMailServer();
        Assert.Equal("", (await SendAsync(server, SmtpTls.None, "t\r\nBcc: evil@example.test", "x\r\n.\r\nMAIL FROM:<evil@example.test>")).Error);
        var mail = Assert.Single(server.Heard, h => h.StartsWith("mail ", StringComparison.Ordinal));
        Assert.DoesNotContain("\nBcc:", mail, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Heard, h => h.Contains("evil", StringComparison.Ordinal) && h.StartsWith("MAIL", StringComparison.Ordinal));
    }

    private async Task<DeliveryResult> SendAsync(FakeMailServer server, SmtpTls tls, string title, string text, string? user = null)
    {
        var channel = new ChannelConfig
        {
            Name = "mail",
            Kind = ChannelKind.Email,
            SecretEnvironment = PasswordVariable,
            Email = new EmailConfig("localhost", server.Port, tls, "mainstay@example.test", ["a@example.test", "b@example.test"], user),
        };
        using var limit = new CancellationTokenSource(Patience.Generous, TimeProvider.System);
        return await new SmtpDelivery(new ManualTime(), _trust).SendAsync(channel, "m-1", "thread", title, text, limit.Token);
    }

    /// <summary>As a server needs it: with its key where the system's TLS finds it.</summary>
    private X509Certificate2 Certificate(string host)
    {
        using var issued = _authority.Issue(host);
        return X509CertificateLoader.LoadPkcs12(issued.Export(X509ContentType.Pkcs12), null);
    }
}
