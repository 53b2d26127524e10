using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>A small HTTP server inside the test, which answers as the test says: a server to be slow, a receiver of webhooks.</summary>
internal sealed class StubServer : IAsyncDisposable
{
    public const string SecretName = "MAINSTAY_SCENARIO_SECRET";
    public const string Secret = "a secret of these tests";

    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<StubRequest, Task<(int Status, string Body)>> _answer;
    private readonly ConcurrentQueue<StubRequest> _requests = new();
    private readonly Task _accepting;

    /// <param name="answer">Status and body; health checks are answered with 200 without asking.</param>
    /// <param name="port">0: a free one.</param>
    public StubServer(Func<StubRequest, Task<(int Status, string Body)>> answer, int port = 0)
    {
        _answer = answer;
        _listener = new(IPAddress.Loopback, port);
        _listener.Start();
        Url = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = Task.Run(AcceptAsync);
    }

    public StubServer(string body, int port = 0) : this(_ => Task.FromResult((200, body)), port) { }

    public Uri Url { get; }

    /// <summary>All but health checks, in the order of arrival.</summary>
    public IReadOnlyCollection<StubRequest> Requests => _requests;

    public async ValueTask DisposeAsync()
    {
        if (_accepting.IsCompleted)
            return;
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        try
        {
            var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.UTF8, false, 4096, leaveOpen: true);
            if (await reader.ReadLineAsync(_stop.Token) is not { } first)
                return;
            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                headers[line[..line.IndexOf(':', StringComparison.Ordinal)]] = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
            var body = new char[int.Parse(headers.GetValueOrDefault("Content-Length", "0"), CultureInfo.InvariantCulture)];
            // A read of nothing would wait for more all the same: health checks have no body.
            var read = body.Length == 0 ? 0 : await reader.ReadBlockAsync(body, _stop.Token);
            var request = new StubRequest(first, headers, new string(body, 0, read));
            var answer = (Status: 200, Body: "{}");
            if (!first.Contains(" /health ", StringComparison.Ordinal))
            {
                _requests.Enqueue(request);
                answer = await _answer(request);
            }
            await stream.WriteAsync(Encoding.UTF8.GetBytes(
                $"HTTP/1.1 {answer.Status} Said\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(answer.Body)}\r\nConnection: close\r\n\r\n{answer.Body}"),
                _stop.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
        {
            // The other side left.
        }
    }
}

/// <param name="First">Such as "POST /predict HTTP/1.1".</param>
/// <param name="Headers">By name; case does not count.</param>
internal sealed record StubRequest(string First, IReadOnlyDictionary<string, string> Headers, string Body);
