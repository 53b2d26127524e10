using System.CommandLine;
using Mainstay.Commands;

var root = new RootCommand("Mainstay keeps AI services up.") { ModelCommand.Build(TimeProvider.System) };
var parsed = root.Parse(args);
if (parsed.Errors.Count == 0) return await parsed.InvokeAsync();

// The operator's mistake: what is wrong and the cure, exit 2.
foreach (var error in parsed.Errors) await Console.Error.WriteLineAsync(error.Message);
await Console.Error.WriteLineAsync("`mainstay --help` lists the commands, `mainstay COMMAND --help` its options.");
return 2;
