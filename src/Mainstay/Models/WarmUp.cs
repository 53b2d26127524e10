using System.Net;
using System.Net.Sockets;
using System.Text;
using Mainstay.Control.AiModels;

namespace Mainstay.Models;

/// <summary>
/// Sends a fresh process's first requests, the slow ones, from within: to a host of its own on a loopback port that
/// nobody knows, over a real socket, so that every step a caller's request will take has been compiled before the real
/// port opens. Until then callers are refused at once, which a gateway can route around; a slow answer it cannot.
/// </summary>
internal static class WarmUp
{
    private const int Rounds = 40;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(5);

    private static readonly string[] Requests =
    [
        Post("""{"text":"Thanks, that was a great help! \u00e9 \ud83d\ude00"}"""),
        Post("""{"text":"You are the worst of all, nobody wants you here.","user":7}"""),
        Post("""{"text":5}"""),
        "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];

    /// <summary>Best effort: a machine without a free loopback port serves cold.</summary>
    public static async Task Run(TextClassifier classifier, TimeProvider clock, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(Within, clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            await using var app = ModelHost.Build(new IPEndPoint(IPAddress.Loopback, 0), new ModelEndpoints(classifier, clock));
            await app.StartAsync(stop.Token);
            await Call(new Uri(ModelHost.UrlOf(app)).Port, stop.Token);
            await app.StopAsync(stop.Token);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            cancel.ThrowIfCancellationRequested();
        }
    }

    private static async Task Call(int port, CancellationToken cancel)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, cancel);
        var answer = new byte[16_384];
        for (var round = 0; round < Rounds; round++)
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(Requests[round % Requests.Length]), cancel);
            if (await socket.ReceiveAsync(answer, cancel) == 0) return;
        }
    }

    private static string Post(string json) =>
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + $"Content-Length: {Encoding.UTF8.GetByteCount(json)}\r\n\r\n{json}";
}
