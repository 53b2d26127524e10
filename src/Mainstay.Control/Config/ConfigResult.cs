using System.Collections.Immutable;

namespace Mainstay.Control.Config;

/// <summary>What became of reading a configuration file.</summary>
/// <param name="Config">Null if there is any error.</param>
/// <param name="Errors">Every mistake, by line; a syntax error stands alone. At most 100 and a line that says that there are more.</param>
/// <param name="Warnings">What works, but what a person should know; each a whole sentence. Bounded likewise.</param>
public sealed record ConfigResult(MainstayConfig? Config, ImmutableArray<ConfigError> Errors, ImmutableArray<string> Warnings);
