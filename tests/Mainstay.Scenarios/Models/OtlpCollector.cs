using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>Takes what a process exports by OTLP over HTTP, and keeps its bytes: names and words stand in protobuf as they are.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentQueue<(string Path, string Bytes)> _taken = new();
    private readonly Task _serving;

    public OtlpCollector()
    {
        Url = new Uri($"http://127.0.0.1:{ScenarioFolder.FreePort()}");
        _listener.Prefixes.Add($"{Url.GetLeftPart(UriPartial.Authority)}/");
        _listener.Start();
        _serving = ServeAsync();
    }

    public Uri Url { get; }

    /// <summary>All that came to a path, as Latin-1, so that no byte is lost.</summary>
    public string At(string path) => string.Concat(_taken.Where(t => t.Path == path).Select(t => t.Bytes));

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
        _listener.Close();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                using var body = new MemoryStream();
                await context.Request.InputStream.CopyToAsync(body);
                _taken.Enqueue((context.Request.Url!.AbsolutePath, Encoding.Latin1.GetString(body.GetBuffer(), 0, (int)body.Length)));
                context.Response.ContentType = "application/x-protobuf";
                context.Response.Close();
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
        {
            // The test is over.
        }
    }
}
