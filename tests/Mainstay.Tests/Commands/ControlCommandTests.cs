using System.CommandLine;
using Mainstay.Commands;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Mitigation;
using Mainstay.Tests.Api;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Commands;

public sealed class ControlCommandTests : IAsyncLifetime
{
    /// <summary>Port 1 of loopback: nobody listens there, and no other test can come to.</summary>
    private const string Nobody = "http://127.0.0.1:1";

    private readonly SampleClock _clock = new(DashboardSamples.Now);
    private ListenerFixture _listener = null!;

    public async Task InitializeAsync() => _listener = await ListenerFixture.StartAsync();

    public async Task DisposeAsync() => await _listener.DisposeAsync();

    [Fact]
    public async Task Status_prints_services_regions_servers_and_incidents_plainly()
    {
        var (exit, output, error) = await RunAsync("status", "--control", Here);
        Assert.Equal((0, ""), (exit, error));
        foreach (var word in new[] { "moderation", "us-east-1", "drained, gets 0 %", "10.0.1.10:9000", "unwell, breaker open", "198/s", "Mitigation", "resolved", "mainstay incident approve 41-2", "Trouble: The database" })
            Assert.Contains(word, output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
    }

    [Fact]
    public async Task Status_as_json_is_the_answer_of_the_api()
    {
        var (exit, output, _) = await RunAsync("status", "--control", Here, "--json");
        Assert.Equal(0, exit);
        Assert.Contains("\"table_version\":119", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status", "--control", Nobody)]
    [InlineData("incident", "list", "--control", Nobody)]
    [InlineData("status", "--control", "not an address")]
    [InlineData("status", "--control", "ftp://127.0.0.1")]
    [InlineData("incident", "approve", "41-2", "--control", "http://192.0.2.1:8401")]
    [InlineData("pause", "--token-file", "/nowhere/token")]
    [InlineData("pause", "--control", Nobody, "--state", "/nowhere/state")]
    [InlineData("pause", "-c", "/nowhere/mainstay.yaml")]
    public async Task What_cannot_work_is_said_with_the_cure(params string[] args)
    {
        var (exit, _, error) = await RunAsync(args);
        Assert.Equal(2, exit);
        Assert.Contains("--", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pause_asks_the_running_instance()
    {
        var (exit, output, _) = await RunAsync("pause", "--why", "deploy", "--control", Here, "--state", _listener.State);
        Assert.Equal(0, exit);
        Assert.Contains("The running instance did it", output, StringComparison.Ordinal);
        Assert.Equal(new PauseOrder("operator", "deploy"), Assert.Single(_listener.Orders));
        Assert.Null(new PauseFile(_listener.State).Read());
    }

    [Fact]
    public async Task Pause_and_resume_work_by_file_when_nobody_answers()
    {
        var (exit, output, error) = await RunAsync("pause", "--why", "deploy", "--control", Nobody, "--state", _listener.State);
        Assert.Equal(0, exit);
        Assert.Contains("Paused by file instead", output, StringComparison.Ordinal);
        Assert.Contains("No instance answers", error, StringComparison.Ordinal);
        Assert.Equal(("deploy", DashboardSamples.Now), (new PauseFile(_listener.State).Read()!.Why, new PauseFile(_listener.State).Read()!.At));

        (exit, output, _) = await RunAsync("resume", "--control", Nobody, "--state", _listener.State);
        Assert.Equal(0, exit);
        Assert.Contains("Resumed by file instead", output, StringComparison.Ordinal);
        Assert.Null(new PauseFile(_listener.State).Read());
    }

    [Fact]
    public async Task A_wrong_token_changes_nothing_not_even_the_file()
    {
        var wrong = Path.Combine(_listener.State, "wrong");
        await File.WriteAllTextAsync(wrong, new string('x', 43));
        var (exit, _, error) = await RunAsync("pause", "--control", Here, "--state", _listener.State, "--token-file", wrong);
        Assert.Equal(2, exit);
        Assert.Contains("token is not known", error, StringComparison.Ordinal);
        Assert.Null(new PauseFile(_listener.State).Read());
    }

    [Theory]
    [InlineData(0, "It is done.", "incident", "approve", "41-2")]
    [InlineData(1, "No such remedy", "incident", "approve", "41-9")]
    [InlineData(0, "both servers refuse connections", "incident", "show", "41")]
    [InlineData(2, "No incident 99", "incident", "show", "99")]
    public async Task Incidents_are_shown_and_remedies_approved(int exit, string says, params string[] args)
    {
        var token = Path.Combine(_listener.State, "token");
        var result = await RunAsync([.. args, "--control", Here, "--token-file", token]);
        Assert.Equal(exit, result.Exit);
        Assert.Contains(says, result.Output + result.Error, StringComparison.Ordinal);
    }

    private string Here => _listener.Address.ToString();

    private async Task<(int Exit, string Output, string Error)> RunAsync(params string[] args)
    {
        var root = new RootCommand { StatusCommand.Build(_clock), PauseCommand.Build(_clock), ResumeCommand.Build(_clock), IncidentCommand.Build(_clock) };
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exit = await root.Parse(args).InvokeAsync(new InvocationConfiguration { Output = output, Error = error });
        return (exit, output.ToString(), error.ToString());
    }
}
