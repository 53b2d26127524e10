using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Mainstay.Routing.Keys;

/// <summary>A key in force: what the table says of it, and what it has used.</summary>
internal sealed record LiveKey(CallerKey Spec, byte[] Hash, KeyUse Use);

/// <summary>What every key has used; outlives the tables. Safe for any number of threads.</summary>
public sealed class LiveKeys(TimeProvider clock)
{
    /// <summary>Keys that are gone from the table keep what they used, so that taking one out for a moment renews no budget; so many do.</summary>
    private const int MostKept = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, KeyUse> _uses = [];

    /// <summary>The keys of a table, with what they have used.</summary>
    internal ImmutableArray<LiveKey> Of(RouteTable table)
    {
        lock (_lock)
        {
            if (_uses.Count > MostKept)
            {
                var named = table.Keys.Select(k => k.Name).ToHashSet();
                foreach (var gone in _uses.Keys.Where(name => !named.Contains(name)).ToList())
                    _uses.Remove(gone);
            }
            return [.. table.Keys.Select(key =>
            {
                var use = UseOf(key.Name);
                use.SetLimits(key);
                return new LiveKey(key, Convert.FromHexString(key.Sha256), use);
            })];
        }
    }

    /// <summary>The key that a caller wrote; null: none is known. Takes as long whichever it is, so that nothing can be learned from that.</summary>
    internal static LiveKey? Find(ImmutableArray<LiveKey> keys, string written)
    {
        LiveKey? found = null;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(written), hash);
        foreach (var key in keys)
            if (CryptographicOperations.FixedTimeEquals(hash, key.Hash))
                found = key;
        return found;
    }

    /// <summary>What all keys used today.</summary>
    internal SpentToday Spent()
    {
        var day = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        lock (_lock)
            return new(day, [.. _uses.Select(u => u.Value.Spent(u.Key, day)).Where(s => s.Tokens > 0 || s.Cost > 0).OrderBy(s => s.Name, StringComparer.Ordinal)]);
    }

    internal void Restore(SpentToday spent)
    {
        lock (_lock)
            foreach (var key in spent.Keys.Take(MostKept))
                UseOf(key.Name).Restore(spent.Day, key);
    }

    private KeyUse UseOf(string name) => _uses.TryGetValue(name, out var use) ? use : _uses[name] = new KeyUse(clock);
}
