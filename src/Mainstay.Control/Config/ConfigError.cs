namespace Mainstay.Control.Config;

/// <summary>One mistake in a configuration file, for the person who wrote it.</summary>
/// <param name="File">The file, as it was named to the reader.</param>
/// <param name="Line">From 1; 0 if the mistake is of the file as a whole.</param>
/// <param name="Key">Full key, such as <c>services[0].servers[1].url</c>; empty if it belongs to none.</param>
/// <param name="Wrong">What is wrong.</param>
/// <param name="Cure">What to do about it.</param>
public sealed record ConfigError(string File, int Line, string Key, string Wrong, string Cure)
{
    /// <summary>One line: <c>file:line: key: what is wrong; cure</c>.</summary>
    public override string ToString() =>
        (Line > 0 ? $"{File}:{Line}: " : $"{File}: ") + (Key.Length > 0 ? $"{Key}: " : "") + $"{Wrong}; {Cure}";
}
