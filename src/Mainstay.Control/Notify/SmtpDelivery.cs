using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Mainstay.Control.Config;

namespace Mainstay.Control.Notify;

/// <summary>Hands a mail over to an SMTP server (RFC 5321) with STARTTLS (RFC 3207) or TLS from the start (RFC 8314), one connection
/// for each. The library of the framework knows no TLS from the start, no guard for addresses and no bound in time.</summary>
/// <param name="clock">Dates the mails.</param>
/// <param name="trust">Whom to believe; null: whom this machine does.</param>
internal sealed class SmtpDelivery(TimeProvider clock, X509ChainPolicy? trust = null)
{
    /// <param name="id">Becomes the Message-ID: mail servers and readers tell repeats by it.</param>
    /// <param name="thread">Mails of one trouble refer to it, so that readers show them together.</param>
    public async Task<DeliveryResult> SendAsync(ChannelConfig channel, string id, string thread, string title, string text, CancellationToken cancel)
    {
        var email = channel.Email!;
        try
        {
            await using var stream = await ConnectAsync(channel, email, cancel);
            var dialog = new SmtpDialog(stream);
            await dialog.ExpectAsync(220, null, cancel);
            var offers = await GreetAsync(dialog, cancel);
            if (email.Tls != SmtpTls.StartTls)
                return await HandOverAsync(dialog, offers, channel, id, thread, title, text, cancel);
            if (!offers.Contains("STARTTLS"))
                return new DeliveryResult($"{email.Host} offers no STARTTLS, and nothing is sent readable (tls: none would)");
            await dialog.ExpectAsync(220, "STARTTLS", cancel);
            if (dialog.HasUnread)
                return new DeliveryResult($"{email.Host} said more than its answer to STARTTLS: somebody may be between");
            await using var secured = await SecureAsync(stream, email.Host, cancel);
            dialog = new SmtpDialog(secured);
            return await HandOverAsync(dialog, await GreetAsync(dialog, cancel), channel, id, thread, title, text, cancel);
        }
        catch (SmtpRefusalException e)
        {
            return new DeliveryResult($"{email.Host}: {e.Message}", e.IsForGood);
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException)
        {
            return new DeliveryResult($"{email.Host}: {(e.InnerException ?? e).Message}");
        }
    }

    private async Task<Stream> ConnectAsync(ChannelConfig channel, EmailConfig email, CancellationToken cancel)
    {
        var stream = await GuardedConnect.OpenAsync(email.Host, email.Port, channel.MayReachLinkLocal, cancel);
        return email.Tls == SmtpTls.Tls ? await SecureAsync(stream, email.Host, cancel) : stream;
    }

    private async Task<SslStream> SecureAsync(Stream stream, string host, CancellationToken cancel)
    {
        var secured = new SslStream(stream);
        try
        {
            await secured.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = host, CertificateChainPolicy = trust }, cancel);
            return secured;
        }
        catch
        {
            await secured.DisposeAsync();
            throw;
        }
    }

    private static async Task<IReadOnlyList<string>> GreetAsync(SmtpDialog dialog, CancellationToken cancel) =>
        [.. (await dialog.ExpectAsync(250, "EHLO mainstay", cancel)).Select(line => line.ToUpperInvariant().Trim())];

    private async Task<DeliveryResult> HandOverAsync(
        SmtpDialog dialog, IReadOnlyList<string> offers, ChannelConfig channel, string id, string thread, string title, string text, CancellationToken cancel)
    {
        var email = channel.Email!;
        if (email.User is { } user)
            await SignInAsync(dialog, offers, user, Environment.GetEnvironmentVariable(channel.SecretEnvironment!) ?? "", cancel);
        await dialog.ExpectAsync(250, $"MAIL FROM:<{email.From}>", cancel);
        SmtpRefusalException? refused = null;
        var taken = 0;
        foreach (var receiver in email.To)
        {
            try
            {
                await dialog.ExpectAsync(250, $"RCPT TO:<{receiver}>", cancel);
                taken++;
            }
            catch (SmtpRefusalException e)
            {
                refused = e;
            }
        }
        // One receiver that is refused must not keep the others from being told.
        if (taken == 0 && refused is not null)
            throw refused;
        await dialog.ExpectAsync(354, "DATA", cancel);
        await dialog.ExpectAsync(250, Mail(email, id, thread, title, text) + "\r\n.", cancel);
        await dialog.LeaveAsync(cancel);
        return DeliveryResult.Taken;
    }

    /// <summary>AUTH PLAIN (RFC 4616), or LOGIN where a server knows no other.</summary>
    private static async Task SignInAsync(SmtpDialog dialog, IReadOnlyList<string> offers, string user, string password, CancellationToken cancel)
    {
        static string Coded(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
        var ways = offers.FirstOrDefault(o => o.StartsWith("AUTH", StringComparison.Ordinal)) ?? "";
        try
        {
            if (ways.Contains("LOGIN", StringComparison.Ordinal) && !ways.Contains("PLAIN", StringComparison.Ordinal))
            {
                await dialog.ExpectAsync(334, "AUTH LOGIN", cancel);
                await dialog.ExpectAsync(334, Coded(user), cancel);
                await dialog.ExpectAsync(235, Coded(password), cancel);
            }
            else
            {
                await dialog.ExpectAsync(235, $"AUTH PLAIN {Coded($"\0{user}\0{password}")}", cancel);
            }
        }
        catch (SmtpRefusalException e)
        {
            // A wrong password is mended while the message waits.
            throw new SmtpRefusalException($"signing in failed: {e.Message}", isForGood: false);
        }
    }

    /// <summary>Plain text in base64 (RFC 2045), so that no line is too long and none begins with a point.</summary>
    private string Mail(EmailConfig email, string id, string thread, string title, string text)
    {
        var domain = email.From[(email.From.IndexOf('@') + 1)..];
        var body = Convert.ToBase64String(Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\r\n") + "\r\n"), Base64FormattingOptions.InsertLineBreaks);
        return string.Join("\r\n",
            $"From: Mainstay <{email.From}>",
            $"To: {string.Join(",\r\n ", email.To)}",
            $"Subject: {Header(title)}",
            $"Date: {clock.GetUtcNow().ToString("ddd, dd MMM yyyy HH:mm:ss '+0000'", CultureInfo.InvariantCulture)}",
            $"Message-ID: <{Local(id)}@{domain}>",
            $"References: <thread-{Local(thread)}@{domain}>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            "",
            body);
    }

    /// <summary>An encoded word (RFC 2047) for each 45 bytes.</summary>
    private static string Header(string text)
    {
        var line = new string([.. Bodies.Cut(text, 200).Select(c => char.IsControl(c) ? ' ' : c)]);
        if (line.Length < 60 && line.All(c => c is >= ' ' and < '\u007f') && !line.Contains("=?", StringComparison.Ordinal))
            return line;
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (var rune in line.EnumerateRunes())
        {
            if (Encoding.UTF8.GetByteCount(word.ToString()) + rune.Utf8SequenceLength > 45)
            {
                words.Add(word.ToString());
                word.Clear();
            }
            word.Append(rune);
        }
        words.Add(word.ToString());
        return string.Join("\r\n ", words.Select(w => $"=?utf-8?B?{Convert.ToBase64String(Encoding.UTF8.GetBytes(w))}?="));
    }

    private static string Local(string id) => new([.. id.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' ? c : '-')]);
}
