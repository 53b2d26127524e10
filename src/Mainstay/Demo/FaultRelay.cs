using Microsoft.AspNetCore.Http.Extensions;

namespace Mainstay.Demo;

/// <summary>
/// Stands in front of one server and makes its grey failures: answers that take ten times as long, or 30 % of them 503.
/// Its health check is passed on untouched, as in real grey failures.
/// </summary>
internal sealed class FaultRelay(Uri server, TimeProvider clock, Random random) : IAsyncDisposable
{
    private const double ErrorShare = 0.3;
    private const int Slowdown = 10;
    private readonly HttpMessageInvoker _connections = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
    private WebApplication? _app;
    private volatile FaultKind _fault = FaultKind.None;

    /// <summary>Where it listens once started.</summary>
    public Uri? Url { get; private set; }

    /// <summary>What it does to predictions from now on.</summary>
    public FaultKind Fault
    {
        set => _fault = value;
    }

    public async Task StartAsync(CancellationToken cancel)
    {
        _app = Composition.MakeListener(new Uri("http://127.0.0.1:0"), _ => { });
        _app.Run(RelayAsync);
        await _app.StartAsync(cancel);
        Url = new Uri(_app.Urls.First());
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
            await _app.DisposeAsync();
        _connections.Dispose();
    }

    private async Task RelayAsync(HttpContext http)
    {
        var fault = http.Request.Path == "/health" ? FaultKind.None : _fault;
        if (fault == FaultKind.Errors && Draw() < ErrorShare)
        {
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }
        var started = clock.GetTimestamp();
        using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), new Uri(server, http.Request.GetEncodedPathAndQuery()));
        if (http.Request.ContentLength is { } length)
        {
            request.Content = new StreamContent(http.Request.Body);
            request.Content.Headers.ContentLength = length;
            request.Content.Headers.TryAddWithoutValidation("Content-Type", http.Request.ContentType);
        }
        try
        {
            using var answer = await _connections.SendAsync(request, http.RequestAborted);
            var body = await answer.Content.ReadAsByteArrayAsync(http.RequestAborted);
            if (fault == FaultKind.Slow)
                await Task.Delay(clock.GetElapsedTime(started) * (Slowdown - 1), clock, http.RequestAborted);
            http.Response.StatusCode = (int)answer.StatusCode;
            http.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
            http.Response.ContentLength = body.Length;
            await http.Response.Body.WriteAsync(body, http.RequestAborted);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            http.Abort();
        }
    }

    private double Draw()
    {
        lock (random)
            return random.NextDouble();
    }
}

/// <summary>What the demo breaks.</summary>
internal enum FaultKind
{
    None,

    /// <summary>SIGKILL to every server of the region.</summary>
    Kill,

    /// <summary>SIGSTOP to every server of the region.</summary>
    Freeze,

    /// <summary>Answers take ten times as long; health checks stay well.</summary>
    Slow,

    /// <summary>30 % of the answers are 503; health checks stay well.</summary>
    Errors,
}
