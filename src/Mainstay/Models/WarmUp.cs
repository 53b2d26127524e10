using System.Net;
using System.Net.Sockets;
using System.Text;

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

    /// <summary>What a classifier is asked.</summary>
    public static string[] Predictions { get; } =
    [
        Post("/predict", """{"text":"Thanks, that was a great help! \u00e9 \ud83d\ude00"}"""),
        Post("/predict", """{"text":"You are the worst of all, nobody wants you here.","user":7}"""),
        Post("/predict", """{"text":5}"""),
        "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];

    /// <summary>What an engine is asked.</summary>
    public static string[] Completions { get; } =
    [
        Post("/v1/chat/completions", """{"model":"warm-up","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Warm up."}],"answer_tokens":2}"""),
        Post("/v1/chat/completions", """{"model":"warm-up","messages":[{"role":"user","content":"Warm up."},{"role":"assistant","content":"The"}],"answer_tokens":2}"""),
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];

    /// <summary>Best effort: a machine without a free loopback port serves cold.</summary>
    /// <param name="answer">What serves.</param>
    /// <param name="maxBodyBytes">Its bound.</param>
    /// <param name="requests">What it is asked, in turn.</param>
    public static async Task Run(RequestDelegate answer, int maxBodyBytes, string[] requests, TimeProvider clock, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(Within, clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            await using var app = ModelHost.Build(new IPEndPoint(IPAddress.Loopback, 0), answer, maxBodyBytes);
            await app.StartAsync(stop.Token);
            await Call(new Uri(ModelHost.UrlOf(app)).Port, requests, stop.Token);
            await app.StopAsync(stop.Token);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            cancel.ThrowIfCancellationRequested();
        }
    }

    private static async Task Call(int port, string[] requests, CancellationToken cancel)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, cancel);
        var answer = new byte[16_384];
        for (var round = 0; round < Rounds; round++)
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(requests[round % requests.Length]), cancel);
            if (await socket.ReceiveAsync(answer, cancel) == 0) return;
        }
    }

    private static string Post(string path, string json) =>
        $"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + $"Content-Length: {Encoding.UTF8.GetByteCount(json)}\r\n\r\n{json}";
}
