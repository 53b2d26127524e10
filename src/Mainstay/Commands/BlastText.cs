using System.CommandLine;
using Mainstay.Control.Mitigation;
using Mainstay.Dashboard;

namespace Mainstay.Commands;

/// <summary>Shows what an act would mean, and asks whether it shall be done.</summary>
internal static class BlastText
{
    public static void Write(BlastRadius blast, TextWriter output, DateTimeOffset now)
    {
        var text = new StatusText(output, StatusCommand.IsTerminal(output), now);
        output.WriteLine(StatusText.Clean($"Blast radius of {blast.Title}{(blast.Server is null ? "" : $" in {blast.Region}")}:"));
        text.Table(["service", "goes there", "of", "what would be left"], [.. blast.Services.Select(s => new[]
        {
            s.Service, Words.Rate(s.RateThere), Words.Rate(s.Rate), s.Text,
        })]);
        foreach (var line in blast.Elsewhere)
            output.WriteLine($"Besides: {StatusText.Clean(line)}");
    }

    /// <summary>True: do it. Otherwise it is said why nothing was done.</summary>
    /// <param name="question">What is asked on a terminal.</param>
    /// <param name="yes">True: it was agreed on the command line.</param>
    public static async Task<bool> AgreedAsync(string question, bool yes, ParseResult parsed, CancellationToken cancel)
    {
        if (yes)
            return true;
        var output = parsed.InvocationConfiguration.Output;
        if (Console.IsInputRedirected)
        {
            await parsed.InvocationConfiguration.Error.WriteLineAsync("Nothing was changed: this is no terminal to ask on. Say --yes to do it, or --dry-run to see this only.");
            return false;
        }
        await output.WriteAsync($"{question} (y/N) ");
        var answer = await Console.In.ReadLineAsync(cancel);
        if (answer?.Trim().ToLowerInvariant() is "y" or "yes")
            return true;
        await output.WriteLineAsync("Nothing was changed.");
        return false;
    }
}
