using System.CommandLine;
using System.Globalization;
using Mainstay.Commands;

// Traffic is served on the threads that poll the sockets: no hop to another thread for each completion. Half of the cores poll;
// the other half is for what must not run there, and fewer threads find more work each time they wake (docs/decisions/0007).
// Both settings are read once, when the first socket is made.
if (args is ["serve" or "route", ..])
{
    const string Threads = "DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT";
    Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
    if (Environment.GetEnvironmentVariable(Threads) is null)
        Environment.SetEnvironmentVariable(Threads, Math.Max(1, Environment.ProcessorCount / 2).ToString(CultureInfo.InvariantCulture));
}

var clock = TimeProvider.System;
var root = new RootCommand("Mainstay keeps AI services up: it routes around failure, notices trouble, runs the incident.")
{
    DemoCommand.Build(clock),
    ServeCommand.Build(clock),
    RouteCommand.Build(clock),
    ControlCommand.Build(clock),
    CheckCommand.Build(),
    StatusCommand.Build(clock),
    IncidentCommand.Build(clock),
    AlertCommand.Build(clock),
    NotifyCommand.Build(clock),
    ExplainCommand.Build(clock),
    UsageCommand.Build(),
    ImportCommand.Build(),
    DrainCommand.Build(clock),
    UndrainCommand.Build(),
    PracticeCommand.Build(clock),
    PauseCommand.Build(clock),
    ResumeCommand.Build(clock),
    ModelCommand.Build(clock),
    ReplayCommand.Build(clock),
};
var parsed = root.Parse(args);
if (parsed.Errors.Count == 0)
    return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(25) });

// The operator's mistake: what is wrong and the cure, exit 2.
foreach (var error in parsed.Errors)
    await Console.Error.WriteLineAsync(CommandRun.Plain(error.Message));
await Console.Error.WriteLineAsync("`mainstay --help` lists the commands, `mainstay COMMAND --help` their options.");
return CommandRun.Mistake;
