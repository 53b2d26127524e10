namespace Mainstay.Scenarios;

/// <summary>`mainstay serve` as whoever runs it sees it: reload, stop, start again, and a server that dies.</summary>
public sealed class ServeTests : IDisposable
{
    private static readonly TimeSpan StopsWithin = TimeSpan.FromSeconds(25);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_changed_file_is_read_again_while_traffic_goes_on()
    {
        using var folder = new ScenarioFolder();
        await using var first = new StubServer("""{"label":"first"}""");
        await using var second = new StubServer("""{"label":"second"}""");
        folder.Write([(first.Url, "east")]);
        await using var serve = await ServeAsync(folder);
        await using var callers = new Callers(folder.Traffic, rate: 50);
        await callers.MoreAsync(50);

        folder.Write([(second.Url, "east")]);
        await Patience.UntilAsync("requests at the new server", () => second.Requests.Count > 20);
        var left = first.Requests.Count;
        await callers.MoreAsync(50);
        await callers.StopAsync();

        Assert.Empty(callers.Failures);
        Assert.InRange(first.Requests.Count - left, 0, 5);
    }

    [Fact]
    public async Task A_hang_up_signal_reads_the_file_again_though_its_stamp_says_that_nothing_changed()
    {
        using var folder = new ScenarioFolder();
        await using var first = new StubServer("""{"label":"first"}""");
        await using var second = new StubServer("""{"label":"second"}""");
        var text = folder.Write([(first.Url, "east")]);
        await using var serve = await ServeAsync(folder);
        var stamp = File.GetLastWriteTimeUtc(folder.Config);
        var changed = folder.Text([(second.Url, "east")]);
        Assert.Equal(text.Length, changed.Length);
        var next = folder.Config + ".hup";
        await File.WriteAllTextAsync(next, changed);
        File.SetLastWriteTimeUtc(next, stamp);
        File.Move(next, folder.Config, overwrite: true);

        serve.Signal(SignalNumber.HangUp);

        var target = new Uri(folder.Traffic, "/moderation/predict");
        await Patience.UntilAsync("requests at the new server", async () =>
        {
            Assert.Equal("", await Callers.AskAsync(_http, target));
            return second.Requests.Count > 0;
        });
    }

    [Theory]
    [InlineData("services: [", "line")]
    [InlineData("version: 1\nservices:\n  - name: moderation\n    match: { path: /moderation }\n    servers: []\n", "servers")]
    public async Task A_bad_file_keeps_the_table_before_and_says_so(string bad, string word)
    {
        using var folder = new ScenarioFolder();
        await using var server = new StubServer("""{"label":"fine"}""");
        folder.Write([(server.Url, "east")]);
        await using var serve = await ServeAsync(folder);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic, rate: 50);

        await File.WriteAllTextAsync(folder.Config, bad);
        await instance.UntilTroubleAsync("refused");
        await callers.MoreAsync(50);

        Assert.Contains("was refused", serve.Errors, StringComparison.Ordinal);
        Assert.Contains(word, serve.Errors, StringComparison.Ordinal);
        folder.Write([(server.Url, "east")]);
        await instance.UntilNoTroubleAsync();
        await callers.StopAsync();
        Assert.Empty(callers.Failures);
    }

    [Fact]
    public async Task A_request_in_flight_completes_when_it_is_told_to_stop()
    {
        using var folder = new ScenarioFolder();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var slow = new StubServer(async _ =>
        {
            await go.Task;
            return (200, """{"label":"late"}""");
        });
        folder.Write([(slow.Url, "east")]);
        await using var serve = await ServeAsync(folder);
        var asking = Callers.AskAsync(_http, new Uri(folder.Traffic, "/moderation/predict"));
        await Patience.UntilAsync("the request at the server", () => slow.Requests.Count == 1);

        serve.Signal(SignalNumber.Terminate);
        // New callers are refused from now on; only then is the slow answer given.
        await Patience.UntilAsync("a closed listener", async () => (await Callers.AskAsync(_http, folder.Traffic)).Contains("refused", StringComparison.Ordinal));
        go.SetResult();

        Assert.Equal("", await asking.Patiently());
        var ended = await serve.EndAsync(StopsWithin);
        Assert.True(ended.ExitCode == 0, ended.Everything);
    }

    [Fact]
    public async Task A_request_that_never_ends_does_not_keep_it_from_stopping()
    {
        using var folder = new ScenarioFolder();
        var never = new TaskCompletionSource();
        await using var stuck = new StubServer(async _ =>
        {
            await never.Task;
            return (200, "");
        });
        var text = folder.Write([(stuck.Url, "east")]);
        await File.WriteAllTextAsync(folder.Config, text.Replace("first_byte: 5s", "first_byte: 10m", StringComparison.Ordinal)
            .Replace("total: 30s", "total: 10m", StringComparison.Ordinal));
        await using var serve = await ServeAsync(folder);
        var asking = Callers.AskAsync(_http, new Uri(folder.Traffic, "/moderation/predict"));
        await Patience.UntilAsync("the request at the server", () => stuck.Requests.Count == 1);

        serve.Signal(SignalNumber.Terminate);

        var ended = await serve.EndAsync(StopsWithin);
        Assert.True(ended.ExitCode == 0, ended.Everything);
        Assert.NotEqual("", await asking.Patiently());
    }

    [Fact]
    public async Task A_state_folder_belongs_to_one_instance()
    {
        using var folder = new ScenarioFolder();
        using var other = new ScenarioFolder();
        await using var server = new StubServer("""{"label":"fine"}""");
        folder.Write([(server.Url, "east")]);
        await using var serve = await ServeAsync(folder);
        var text = other.Write([(server.Url, "east")]);
        await File.WriteAllTextAsync(other.Config, text.Replace("state: ./state", $"state: {folder.State}", StringComparison.Ordinal));

        var ended = await MainstayProcess.RunAsync(other.Root, "serve", "-c", other.Config);

        Refusal.AssertPlain(ended, folder.State, "in use by another mainstay", "Stop that one");
        Assert.Equal("", await Callers.AskAsync(_http, new Uri(folder.Traffic, "/moderation/predict")));
    }

    [Fact]
    public async Task The_data_plane_starts_from_the_last_good_table_when_the_file_is_broken()
    {
        using var folder = new ScenarioFolder();
        await using var server = new StubServer("""{"label":"fine"}""");
        folder.Write([(server.Url, "east")]);
        var broken = await MainstayProcess.RunAsync(folder.Root, "check", folder.Config);
        Assert.Equal(0, broken.ExitCode);
        await using (var serve = await ServeAsync(folder))
        {
            serve.Signal(SignalNumber.Terminate);
            Assert.Equal(0, (await serve.EndAsync(StopsWithin)).ExitCode);
        }
        await File.WriteAllTextAsync(folder.Config, "services: [");

        await using var route = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "route", "-c", folder.Config);

        Assert.Contains("last good table", route.Errors, StringComparison.Ordinal);
        Assert.Equal("", await Callers.AskAsync(_http, new Uri(folder.Traffic, "/moderation/predict")));
    }

    [Fact]
    public async Task A_broken_file_and_no_table_is_the_operators_mistake()
    {
        using var folder = new ScenarioFolder();
        await File.WriteAllTextAsync(folder.Config, "services: [");
        Refusal.AssertPlain(await MainstayProcess.RunAsync(folder.Root, "route", "-c", folder.Config), "mainstay.yaml");
    }

    [Fact]
    public async Task Requests_go_elsewhere_when_a_server_is_killed()
    {
        using var folder = new ScenarioFolder();
        await using var doomed = await ModelServer.StartNewAsync("east");
        await using var other = await ModelServer.StartNewAsync("west");
        folder.Write([(doomed.Url, "east"), (other.Url, "west")]);
        await using var serve = await ServeAsync(folder);
        await using var callers = new Callers(folder.Traffic);
        await callers.MoreAsync(200);

        await doomed.KillAsync();
        await callers.MoreAsync(300);
        await doomed.StartAsync();
        await callers.MoreAsync(200);
        await callers.StopAsync();

        Assert.Empty(callers.Failures);
    }

    private static Task<MainstayProcess> ServeAsync(ScenarioFolder folder) =>
        MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
}
