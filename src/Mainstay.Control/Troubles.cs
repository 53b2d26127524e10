using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Mainstay.Control;

/// <summary>What a person should know of Mainstay itself, one line for each part of it that has trouble. Safe from any thread.</summary>
public sealed class Troubles
{
    private readonly ConcurrentDictionary<string, string> _byPart = new();

    /// <summary>Says what is wrong with a part, or with null that nothing is.</summary>
    /// <returns>True if that is new: the part had no trouble before, or has none any more.</returns>
    public bool Note(string part, string? trouble)
    {
        if (trouble is null)
            return _byPart.TryRemove(part, out _);
        var isNew = !_byPart.ContainsKey(part);
        _byPart[part] = trouble;
        return isNew;
    }

    /// <summary>Part and trouble, by part.</summary>
    public IReadOnlyCollection<KeyValuePair<string, string>> ByPart => _byPart.OrderBy(t => t.Key, StringComparer.Ordinal).ToArray();

    public ImmutableArray<string> List() => [.. _byPart.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => $"{t.Key}: {t.Value}")];
}
