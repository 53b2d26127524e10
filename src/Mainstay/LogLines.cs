using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Mainstay;

/// <summary>Log lines for people: time in UTC, level, message; an exception only where a bug is reported.</summary>
internal sealed class LogLines(TimeProvider clock) : ConsoleFormatter(FormatName)
{
    public const string FormatName = "mainstay";

    public override void Write<TState>(in LogEntry<TState> entry, IExternalScopeProvider? scopes, TextWriter output)
    {
        var level = entry.LogLevel switch
        {
            LogLevel.Trace or LogLevel.Debug => "debug",
            LogLevel.Information => "info ",
            LogLevel.Warning => "warn ",
            _ => "error",
        };
        output.Write(FormattableString.Invariant($"{clock.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {level} "));
        output.WriteLine(entry.Formatter(entry.State, entry.Exception));
        if (entry.Exception is { } bug)
            output.WriteLine(bug);
    }
}
