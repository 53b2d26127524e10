using System.Net;

namespace Mainstay.Browser;

/// <summary>
/// The real executable in front of two regions, one of which died; remedies wait for a person, so the incident stands open for
/// as long as the tests look at it.
/// </summary>
public sealed class StandingHouse : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Start = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-browser-house-").FullName;
    private readonly HttpListener _east = new();
    private readonly HttpListener _west = new();
    private MainstayProcess? _mainstay;

    public Uri Site { get; } = new($"http://127.0.0.1:{MainstayProcess.FreePort()}");

    public string Token => File.ReadAllText(Path.Combine(_folder, "state", "token")).Trim();

    public async Task InitializeAsync()
    {
        if (Window.Chromium is null || Window.Driver is null)
            return;
        var east = Serve(_east);
        var west = Serve(_west);
        var traffic = new Uri($"http://127.0.0.1:{MainstayProcess.FreePort()}");
        var config = Path.Combine(_folder, "mainstay.yaml");
        await File.WriteAllTextAsync(config, $$"""
            version: 1
            traffic: { listen: "{{traffic.GetLeftPart(UriPartial.Authority)}}" }
            control: { listen: "{{Site.GetLeftPart(UriPartial.Authority)}}" }
            state: ./state
            remedies: propose
            services:
              - name: moderation
                match: { path: /moderation, strip: true }
                servers:
                  - { url: "{{east}}", region: us-east-1, capacity: 400/s }
                  - { url: "{{west}}", region: us-west-2, capacity: 400/s }
                regions: [us-east-1, us-west-2]
                health: { path: /health, every: 500ms, timeout: 500ms }
            """);
        _mainstay = MainstayProcess.Start("serve", "-c", config);
        await _mainstay.UntilAnswersAsync(new Uri(Site, "/health"), Start);
        await _mainstay.UntilAnswersAsync(new Uri(traffic, "/moderation/hello"), Start);
        _east.Abort();
        // With the alert, the cause and the proposal the page is complete.
        using var window = new Window(Site);
        window.Open("/incidents/1");
        window.Until(w =>
        {
            w.Open("/incidents/1");
            return w.Text.Contains("Waits for approval", StringComparison.Ordinal) && w.Texts(".causes li h3").Count > 0;
        }, "a remedy is proposed", Start);
    }

    public async Task DisposeAsync()
    {
        if (_mainstay is not null)
            await _mainstay.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    public void Dispose()
    {
        ((IDisposable)_east).Dispose();
        ((IDisposable)_west).Dispose();
    }

    /// <summary>A server that answers everything with 200, until its listener is taken away.</summary>
    private static string Serve(HttpListener listener)
    {
        var address = $"http://127.0.0.1:{MainstayProcess.FreePort()}";
        listener.Prefixes.Add(address + "/");
        listener.Start();
        _ = AnswerAsync(listener);
        return address;
    }

    private static async Task AnswerAsync(HttpListener listener)
    {
        try
        {
            while (listener.IsListening)
                (await listener.GetContextAsync()).Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
        {
            // It died, as it was told to.
        }
    }
}
