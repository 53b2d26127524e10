using System.CommandLine;
using Mainstay.Commands;

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
    DrainCommand.Build(clock),
    UndrainCommand.Build(),
    PracticeCommand.Build(clock),
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
