using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Mainstay.Tests.Notify;

/// <summary>A small SMTP server of one mail after the other, well-behaved or not as a test says.</summary>
internal sealed class FakeMailServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    public FakeMailServer(X509Certificate2? certificate = null, bool isTlsFromStart = false)
    {
        (Certificate, IsTlsFromStart) = (certificate, isTlsFromStart);
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    private X509Certificate2? Certificate { get; }

    private bool IsTlsFromStart { get; }

    /// <summary>Commands, with "(tls)" before those that came secured; mails as "mail" and their text.</summary>
    public ConcurrentQueue<string> Heard { get; } = new();

    /// <summary>Begin of a command → what is answered instead.</summary>
    public Dictionary<string, string> Answers { get; } = [];

    /// <summary>Sent right behind the answer to STARTTLS.</summary>
    public string Injected { get; set; } = "";

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving.Patiently();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                Stream stream = client.GetStream();
                if (IsTlsFromStart)
                    stream = await SecureAsync(stream);
                await TalkAsync(stream, IsTlsFromStart);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or IOException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
            {
                // The other side left, or the test is over.
            }
        }
    }

    private async Task<Stream> SecureAsync(Stream stream)
    {
        var secured = new SslStream(stream);
        await secured.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = Certificate! }, _stop.Token);
        return secured;
    }

    private async Task TalkAsync(Stream stream, bool isSecured)
    {
        if (!isSecured || IsTlsFromStart)
            await SayAsync(stream, "220 fake");
        while (await ReadLineAsync(stream) is { } line)
        {
            Heard.Enqueue((isSecured ? "(tls) " : "") + line);
            var other = Answers.FirstOrDefault(a => line.StartsWith(a.Key, StringComparison.Ordinal)).Value;
            switch (line.Split(' ')[0])
            {
                case var _ when other is not null:
                    await SayAsync(stream, other);
                    break;
                case "EHLO":
                    await SayAsync(stream, isSecured || Certificate is null ? "250-fake\r\n250 AUTH PLAIN LOGIN" : "250-fake\r\n250 STARTTLS");
                    break;
                case "STARTTLS":
                    await SayAsync(stream, "220 go" + (Injected.Length > 0 ? "\r\n" + Injected : ""));
                    await TalkAsync(await SecureAsync(stream), isSecured: true);
                    return;
                case "AUTH":
                    await SayAsync(stream, "235 welcome");
                    break;
                case "DATA":
                    await SayAsync(stream, "354 go on");
                    var mail = new StringBuilder();
                    while (await ReadLineAsync(stream) is { } text && text != ".")
                        mail.Append(text).Append('\n');
                    Heard.Enqueue("mail " + mail);
                    await SayAsync(stream, "250 taken");
                    break;
                case "QUIT":
                    await SayAsync(stream, "221 bye");
                    return;
                default:
                    await SayAsync(stream, "250 ok");
                    break;
            }
        }
    }

    private static async Task SayAsync(Stream stream, string line) => await stream.WriteAsync(Encoding.ASCII.GetBytes(line + "\r\n"));

    private async Task<string?> ReadLineAsync(Stream stream)
    {
        var line = new List<byte>();
        var next = new byte[1];
        while (await stream.ReadAsync(next, _stop.Token) == 1)
        {
            if (next[0] == '\n')
                return Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
            line.Add(next[0]);
        }
        return null;
    }
}
