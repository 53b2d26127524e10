namespace Mainstay.Commands;

/// <summary>The operator's mistake: the message names it and the cure.</summary>
internal sealed class CommandException : Exception
{
    public CommandException() { }

    public CommandException(string message) : base(message) { }

    public CommandException(string message, Exception inner) : base(message, inner) { }
}
