using System.CommandLine;
using Mainstay.Commands;

// Traffic is served on the threads that poll the sockets: no hop to another thread for each completion. The setting is read
// once, when the first socket is made. What must not run there goes to the thread pool (docs/decisions/0007).
if (args is ["serve" or "route", ..])
    Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

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
    ExplainCommand.Build(clock),
    DrainCommand.Build(clock),
    UndrainCommand.Build(),
    PauseCommand.Build(clock),
    ResumeCommand.Build(clock),
    ModelCommand.Build(clock),
};
var parsed = root.Parse(args);
if (parsed.Errors.Count == 0)
    return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(25) });

// The operator's mistake: what is wrong and the cure, exit 2.
foreach (var error in parsed.Errors)
    await Console.Error.WriteLineAsync(CommandRun.Plain(error.Message));
await Console.Error.WriteLineAsync("`mainstay --help` lists the commands, `mainstay COMMAND --help` their options.");
return CommandRun.Mistake;
