using System.CommandLine;

namespace Mainstay.Commands;

/// <summary>
/// <c>mainstay check FILE</c>: reads a configuration without starting anything. Exit 0: it is good, and what it asks for
/// stands on the standard output, with warnings; exit 2: every mistake stands on the standard error.
/// </summary>
internal static class CheckCommand
{
    public static Command Build()
    {
        var file = new Argument<string>("FILE")
        {
            Description = "The configuration to check.",
            DefaultValueFactory = _ => "mainstay.yaml",
        };
        file.Validators.Add(result =>
        {
            if (result.Tokens is [{ } token, ..] && token.Value.StartsWith('-'))
                result.AddError($"Unknown option {token.Value}; see mainstay check --help. A file of that name is ./{token.Value}.");
        });
        var command = new Command("check", "Checks a configuration file and says what it asks for.") { file };
        command.SetAction(parsed =>
        {
            var output = parsed.InvocationConfiguration.Output;
            // Warnings come last, where they are seen.
            using var warnings = new StringWriter();
            if (ConfigReport.Read(parsed.GetValue(file)!, parsed.InvocationConfiguration.Error, warnings) is not { } config)
                return ConfigReport.Mistake;
            ConfigReport.WriteSummary(config, output);
            output.Write(warnings);
            return 0;
        });
        return command;
    }
}
