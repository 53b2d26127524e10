using System.Net;
using System.Net.Sockets;
using System.Text;
using Mainstay.Tests.Http1;
using Xunit.Abstractions;

namespace Mainstay.Scenarios;

/// <summary>
/// The shapes of malformed.txt and wellformed.txt through Mainstay, HAProxy and nginx, each in front of a server of its own:
/// nothing is served here that both of them refuse. The table it prints stands in docs/operate/http.md.
/// </summary>
public sealed class StrictnessTests(ITestOutputHelper output)
{
    /// <summary>Served here though both others refuse it, with the reason.</summary>
    private static readonly Dictionary<string, string> Justified = new()
    {
    };

    [Fact]
    public async Task Nothing_is_served_that_HAProxy_and_nginx_both_refuse()
    {
        await using var server = new BareServer();
        using var folder = new ScenarioFolder();
        await File.WriteAllTextAsync(folder.Config, folder.Text([(server.Url, "east")])
            .Replace("match: { path: /moderation, strip: true }", "match: { path: / }", StringComparison.Ordinal));
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        await using var haproxy = await ProxyProcess.HaproxyAsync(server.Url.Port);
        await using var nginx = await ProxyProcess.NginxAsync(server.Url.Port);
        int[] ports = [folder.Traffic.Port, haproxy.Port, nginx.Port];

        var shapes = RequestTexts.MalformedCases.Where(c => c.Status != "close").Select(c => (c.Name, c.Bytes, Bad: true))
            .Concat(RequestTexts.WellFormedCases.Select(c => (c.Name, c.Bytes, Bad: false)));
        using var few = new SemaphoreSlim(12);
        var rows = await Task.WhenAll(shapes.Select(async shape =>
        {
            await few.WaitAsync();
            try
            {
                return (shape.Name, shape.Bad, Verdicts: await Task.WhenAll(ports.Select(port => AskAsync(port, shape.Bytes))));
            }
            finally
            {
                few.Release();
            }
        }));

        foreach (var (name, bad, verdicts) in rows)
            output.WriteLine($"| {name} | {string.Join(" | ", verdicts)} |");
        Assert.All(rows.Where(r => r.Bad), r => Assert.False(IsServed(r.Verdicts[0]), $"{r.Name}: {string.Join(", ", r.Verdicts)}"));
        var laxer = rows.Where(r => IsServed(r.Verdicts[0]) && !IsServed(r.Verdicts[1]) && !IsServed(r.Verdicts[2])).Select(r => r.Name);
        Assert.Equal(Justified.Keys.Order(StringComparer.Ordinal), laxer.Order(StringComparer.Ordinal));
        // The comparison compares: each of them serves what is plain.
        Assert.All(rows.Single(r => r.Name == "plain").Verdicts, v => Assert.Equal("200", v));
    }

    private static bool IsServed(string verdict) => verdict.StartsWith('2');

    /// <summary>The first status that is answered; "closed" without one.</summary>
    private static async Task<string> AskAsync(int port, byte[] bytes)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60), Patience.Clock);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, late.Token);
        var text = "";
        var buffer = new byte[4096];
        try
        {
            for (var sent = 0; sent < bytes.Length;)
                sent += await socket.SendAsync(bytes.AsMemory(sent), late.Token);
            while (text.Length < 12 && await socket.ReceiveAsync(buffer, late.Token) is > 0 and var length)
                text += Encoding.Latin1.GetString(buffer, 0, length);
        }
        catch (SocketException)
        {
            // It had enough of it.
        }
        return text.StartsWith("HTTP/1.1 100", StringComparison.Ordinal) ? "200" : text.Length >= 12 ? text[9..12] : "closed";
    }

    /// <summary>Reads one request by its framing, whatever else it holds, and answers 200 once it is whole.</summary>
    private sealed class BareServer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Task _accepting;

        public BareServer()
        {
            _listener.Start();
            Url = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
            _accepting = AcceptAsync();
        }

        public Uri Url { get; }

        public async ValueTask DisposeAsync()
        {
            _listener.Dispose();
            await _accepting;
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                    _ = ServeAsync(await _listener.AcceptSocketAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private static async Task ServeAsync(Socket socket)
        {
            using var _ = socket;
            var text = "";
            var buffer = new byte[16 * 1024];
            try
            {
                while (!IsWhole(text))
                {
                    var length = await socket.ReceiveAsync(buffer);
                    if (length == 0)
                        return;
                    text += Encoding.Latin1.GetString(buffer, 0, length);
                }
                await socket.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"u8.ToArray());
                socket.Shutdown(SocketShutdown.Send);
                while (await socket.ReceiveAsync(buffer) > 0)
                    continue;
            }
            catch (SocketException)
            {
                // The other side left.
            }
        }

        private static bool IsWhole(string text)
        {
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end < 0)
                return false;
            var head = text[..(end + 2)];
            if (head.Contains("\r\nTransfer-Encoding:", StringComparison.OrdinalIgnoreCase))
                return text.IndexOf("\r\n0\r\n", end, StringComparison.Ordinal) >= 0 && text.EndsWith("\r\n\r\n", StringComparison.Ordinal);
            var at = head.IndexOf("\r\nContent-Length:", StringComparison.OrdinalIgnoreCase);
            return at < 0 || !long.TryParse(head[(at + 17)..head.IndexOf('\r', at + 2)].Trim(), out var length) || text.Length >= end + 4 + length;
        }
    }
}
