using System.CommandLine;

namespace Mainstay.Commands;

/// <summary>What every command does alike: an operator's mistake is one message and exit code 2, never a stack trace.</summary>
internal static class CommandRun
{
    /// <summary>Exit code of an operator's mistake.</summary>
    public const int Mistake = 2;

    /// <summary>Runs the command and turns expected failures into a message on the standard error.</summary>
    public static async Task<int> GuardedAsync(Func<Task<int>> act)
    {
        try
        {
            return await act();
        }
        catch (OperationCanceledException)
        {
            return 0; // stopped before it served
        }
        catch (Exception e) when (e is CommandException or IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return Mistake;
        }
    }

    /// <summary>What the parser says of a mistake, without the names of types.</summary>
    public static string Plain(string message) => message
        .Replace("as expected type 'System.Int32'", "as a whole number", StringComparison.Ordinal)
        .Replace("as expected type 'System.Double'", "as a number", StringComparison.Ordinal);

    /// <summary>Waits for SIGINT or SIGTERM.</summary>
    public static Task UntilStoppedAsync(TimeProvider clock, CancellationToken cancel) =>
        Task.Delay(Timeout.InfiniteTimeSpan, clock, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
}

/// <summary>Options that several commands share.</summary>
internal static class CommandOptions
{
    public static Option<string> Config() => new("--config", "-c")
    {
        Description = "The configuration file.",
        DefaultValueFactory = _ => "mainstay.yaml",
    };

    public static Option<int> Seed() => new("--seed")
    {
        Description = "Seeds every random choice but secrets, so that a run can be repeated.",
        DefaultValueFactory = _ => 1,
    };
}
