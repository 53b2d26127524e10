using System.CommandLine;
using System.Net;
using Mainstay.Commands;
using Mainstay.Routing;

namespace Mainstay.Tests.Api;

/// <summary>Why a request went where it went: by API, page and command.</summary>
public sealed class ExplainTests : IAsyncLifetime, IDisposable
{
    private static readonly Decision Known = new(
        "f-1f", new DateTimeOffset(2026, 5, 1, 12, 0, 1, TimeSpan.Zero), "moderation", 118, 0.5, OutcomeResult.Succeeded, 200,
        TimeSpan.FromMilliseconds(3), TimeSpan.FromMilliseconds(4),
        [
            new DecisionStep(DecisionStepKind.Choice, TimeSpan.Zero)
            {
                Server = "a1", Region = "a", Candidates = [new("a1", "a", 0, 1, PassedOver.No, null), new("<b>", "b", 0, 1, PassedOver.BreakerOpen, null)],
            },
        ],
        0);

    private ListenerFixture _listener = null!;
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        _listener = await ListenerFixture.StartAsync();
        _listener.Explain = id => id == "f-1f" ? new DecisionAnswer(Known, "") : id == "away" ? null : new DecisionAnswer(null, $"Request {id} is not in the record.");
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = _listener.Address };
    }

    public async Task DisposeAsync() => await _listener.DisposeAsync();

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData("/api/explain/f-1f", 200, "\"why\":\"breaker_open\"")]
    [InlineData("/api/explain/f-2", 404, "Request f-2 is not in the record.")]
    [InlineData("/api/explain/away", 503, "Start mainstay route")]
    [InlineData("/explain?id=f-1f", 200, "a1 chosen (0 outstanding); &lt;b&gt; passed over: breaker open.")]
    [InlineData("/explain?id=%20f-1f%20", 200, "a1 chosen")]
    [InlineData("/explain?id=f-2", 404, "Request f-2 is not in the record.")]
    [InlineData("/explain?id=away", 503, "Start mainstay route")]
    [InlineData("/explain", 303, "")]
    public async Task It_is_answered_or_said_why_not(string path, int status, string holds)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative));
        Assert.Equal((HttpStatusCode)status, answer.StatusCode);
        Assert.Contains(holds, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_command_prints_the_words()
    {
        var (exit, output, error) = await RunAsync("f-1f", "--control", _listener.Address.ToString());
        Assert.Equal((0, ""), (exit, error));
        Assert.Equal(DecisionText.Lines(Known), output.ReplaceLineEndings("\n").TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("f-2", "is not in the record")]
    [InlineData("away", "No data plane answers")]
    public async Task The_command_says_why_not(string id, string holds)
    {
        var (exit, output, error) = await RunAsync(id, "--control", _listener.Address.ToString());
        Assert.Equal((2, ""), (exit, output));
        Assert.Contains(holds, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_command_asks_the_data_plane_itself_when_the_control_plane_is_away()
    {
        var clock = new ManualTime();
        var ring = new DecisionRing(clock);
        ring.Begin("f-5", null, 3, 0).Ended(OutcomeResult.CallerError, 404, default, default);
        using var stop = new CancellationTokenSource();
        var serving = DecisionSocket.ServeAsync(Path.Combine(_listener.State, DecisionSocket.Name), ring, TimeProvider.System, stop.Token);
        var (exit, output, error) = await RunAsync("f-5", "--control", "http://127.0.0.1:1", "--state", _listener.State);
        await stop.CancelAsync();
        await serving.Patiently();
        Assert.Equal((0, ""), (exit, error));
        Assert.Contains("no service matched, table v3: answered 404", output, StringComparison.Ordinal);
    }

    private static async Task<(int Exit, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var parsed = new RootCommand { ExplainCommand.Build(TimeProvider.System) }.Parse(["explain", .. args]);
        var exit = await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = error });
        return (exit, output.ToString(), error.ToString());
    }
}
