namespace Mainstay.Scenarios;

/// <summary>A real server of the moderation model, in a process of its own, to be killed, frozen and started again.</summary>
internal sealed class ModelServer(string region) : IAsyncDisposable
{
    private static readonly Lazy<Task<string>> Model = new(TrainAsync);
    private MainstayProcess? _process;

    public string Region => region;

    public Uri Url { get; } = new($"http://127.0.0.1:{ScenarioFolder.FreePort()}");

    public static async Task<ModelServer> StartNewAsync(string region)
    {
        var server = new ModelServer(region);
        await server.StartAsync();
        return server;
    }

    public async Task StartAsync() => _process = await MainstayProcess.StartAsync(
        Path.GetTempPath(), "listening on ", "model", "serve", "--model", await Model.Value, "--listen", Url.GetLeftPart(UriPartial.Authority),
        "--with-parent");

    public Task KillAsync() => _process!.KillAsync();

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
    }

    private static async Task<string> TrainAsync()
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-model-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        var file = Path.Combine(folder, "moderation.model");
        var ended = await MainstayProcess.RunAsync(Path.GetTempPath(), "model", "train", "--out", file);
        return ended.ExitCode == 0 ? file : throw new InvalidOperationException(ended.Everything);
    }
}
