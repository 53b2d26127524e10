namespace Mainstay.Control.AiModels;

/// <summary>A model file cannot be read or written; the message names the file, what is wrong and the cure.</summary>
public sealed class ModelFileException : Exception
{
    /// <summary>Without a message; use the others.</summary>
    public ModelFileException() { }

    /// <summary>With what is wrong, where, and the cure.</summary>
    public ModelFileException(string message) : base(message) { }

    /// <summary>With what is wrong, where, the cure, and what the system said.</summary>
    public ModelFileException(string message, Exception inner) : base(message, inner) { }
}
