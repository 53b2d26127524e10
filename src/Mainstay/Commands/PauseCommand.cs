using System.CommandLine;
using System.Text.Json;
using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Mitigation;

namespace Mainstay.Commands;

/// <summary><c>mainstay pause</c>: takes every remedy off at once and starts none until <c>mainstay resume</c>. Asks the running instance;
/// where it cannot be reached, the file <c>paused</c> in its state folder does the same.</summary>
internal static class PauseCommand
{
    /// <param name="clock">The clock that the pause is stamped with.</param>
    public static Command Build(TimeProvider clock) =>
        Pausing.Build("pause", "Take every remedy off at once and start none until mainstay resume.", pause: true, clock);
}

/// <summary><c>mainstay resume</c>: lets remedies work again after <c>mainstay pause</c>.</summary>
internal static class ResumeCommand
{
    /// <inheritdoc cref="PauseCommand.Build"/>
    public static Command Build(TimeProvider clock) =>
        Pausing.Build("resume", "Let remedies work again after mainstay pause.", pause: false, clock);
}

/// <summary>What pause and resume have in common: two ways to the same end, and plain words about which one it was.</summary>
file static class Pausing
{
    public static Command Build(string name, string description, bool pause, TimeProvider clock)
    {
        var why = new Option<string?>("--why") { Description = "Stands in the journal.", HelpName = "TEXT" };
        var file = new Option<string?>("--config", "-c")
        {
            Description = "The mainstay.yaml of the instance: names its state folder and its control listener.",
            HelpName = "FILE",
        };
        var state = new Option<string?>("--state") { Description = "The state folder of the instance (default ./state).", HelpName = "FOLDER" };
        var control = new ControlOptions();
        var command = new Command(name, description) { Options = { why, file, state } };
        control.AddTo(command);
        command.SetAction(async (parsed, cancel) =>
        {
            var output = parsed.InvocationConfiguration.Output;
            var error = parsed.InvocationConfiguration.Error;
            MainstayConfig? config = null;
            if (parsed.GetValue(file) is { } path)
            {
                var read = ConfigReader.ReadFile(path);
                config = read.Config;
                // A file with a mistake must not keep anybody from pausing, if they say where the state is.
                if (config is null && parsed.GetValue(state) is null)
                {
                    await error.WriteLineAsync($"{string.Join('\n', read.Errors)}\nOr name the state folder itself with --state.");
                    return 2;
                }
            }
            var folder = parsed.GetValue(state) ?? config?.StateFolder ?? "state";
            var address = parsed.GetResult(control.Address) is { Implicit: false } ? null : config?.Control.Listen;
            return await RunAsync(pause, RemediesApi.Tidy(parsed.GetValue(why)), folder, control, address, parsed, clock, output, error, cancel);
        });
        return command;
    }

    private static async Task<int> RunAsync(bool pause, string why, string folder, ControlOptions control, Uri? address, ParseResult parsed,
        TimeProvider clock, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        using var client = control.Connect(parsed, address, folder, needsToken: false, out var wrong);
        if (client is null)
        {
            await error.WriteLineAsync(wrong);
            return 2;
        }
        var answer = await client.PostAsync(pause ? "/api/pause" : "/api/resume", why, cancel);
        if (answer.IsGood)
        {
            var result = JsonSerializer.Deserialize<OrderResult>(answer.Body, ApiJson.Options);
            await output.WriteLineAsync($"The running instance did it: {result?.Message}");
            return 0;
        }
        if (!answer.IsAway)
        {
            await error.WriteLineAsync($"The running instance refused: {answer.Problem}");
            return answer.ExitCode;
        }
        return await ByFileAsync(pause, why, folder, answer, clock, output, error);
    }

    private static async Task<int> ByFileAsync(
        bool pause, string why, string folder, ControlAnswer answer, TimeProvider clock, TextWriter output, TextWriter error)
    {
        var file = new PauseFile(Path.GetFullPath(folder));
        if (!Directory.Exists(folder))
        {
            await error.WriteLineAsync($"{answer.Problem}\nAnd {Path.GetFullPath(folder)} is no folder, so nothing was changed. "
                + "Name the state folder of the instance with --state, or its mainstay.yaml with -c.");
            return 2;
        }
        try
        {
            var was = true;
            if (pause)
                file.Write(new Pause(Environment.UserName, clock.GetUtcNow(), why));
            else
                was = file.Remove();
            await error.WriteLineAsync(answer.Problem);
            await output.WriteLineAsync(pause
                ? $"Paused by file instead: {file.Path} was written. A control loop on this state folder obeys it within a second, also without its database or API."
                : was ? $"Resumed by file instead: {file.Path} was removed. A control loop on this state folder obeys within a second."
                : $"Nothing to resume: there is no {file.Path}.");
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"{answer.Problem}\nAnd {file.Path} cannot be {(pause ? "written" : "removed")}: {e.Message} "
                + "Run as the user that mainstay runs as; nothing was changed.");
            return 2;
        }
    }
}
