using Mainstay.Routing;

namespace Mainstay.Control.Usage;

/// <summary>What was used since it was written down last, by hour, key, model and region. Bounded. Safe for any number of threads; never waits for a disk.</summary>
internal sealed class UsageBook
{
    /// <summary>What stands for names beyond the bounds.</summary>
    public const string Others = "(others)";

    /// <summary>Names of models in one hour that the configuration does not have; callers write them.</summary>
    internal const int MostUnnamed = 100;

    /// <summary>Sums that wait while the database is away; further ones count together, by hour and region.</summary>
    internal const int MostWaiting = 50_000;

    private const long TicksPerHour = TimeSpan.TicksPerHour;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _unnamed = [];
    private Dictionary<UsageKey, UsageSums> _sums = [];
    private long _unnamedOf;

    /// <summary>Hours since 1970 that have begun at a time.</summary>
    public static long HourOf(DateTimeOffset at) => (at.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TicksPerHour;

    /// <summary>Counts a request that ended; one that asked for no model is none of its business.</summary>
    public void Note(Outcome outcome)
    {
        if (outcome.Trail is not { } trail || outcome.Model is not { } asked)
            return;
        var failed = outcome.Result == OutcomeResult.Failed ? 1 : 0;
        lock (_lock)
        {
            var hour = HourOf(outcome.At);
            var key = new UsageKey(hour, outcome.Key ?? "", NameOf(hour, asked, trail.IsNamed), outcome.Attempts.IsEmpty ? "" : outcome.Attempts[^1].Region);
            Add(key, new UsageSums(1, failed, 0, 0, 0));
            if (outcome.Charges.IsDefaultOrEmpty)
                return;
            foreach (var charge in outcome.Charges)
                Add(key with { Region = charge.Region }, new UsageSums(0, 0, charge.PromptTokens, charge.AnswerTokens, charge.Cost));
        }
    }

    /// <summary>Takes all sums out, to be written.</summary>
    public Dictionary<UsageKey, UsageSums> Take()
    {
        lock (_lock)
        {
            var taken = _sums;
            _sums = [];
            return taken;
        }
    }

    /// <summary>Puts sums back that could not be written.</summary>
    public void GiveBack(Dictionary<UsageKey, UsageSums> taken)
    {
        lock (_lock)
            foreach (var (key, sums) in taken)
                Add(key, sums);
    }

    /// <summary>What has not been taken out yet.</summary>
    public IReadOnlyList<KeyValuePair<UsageKey, UsageSums>> Waiting()
    {
        lock (_lock)
            return [.. _sums];
    }

    private void Add(UsageKey key, UsageSums sums)
    {
        if (!_sums.ContainsKey(key) && _sums.Count >= MostWaiting)
            key = key with { Key = Others, Model = Others };
        _sums[key] = _sums.GetValueOrDefault(key) + sums;
    }

    private string NameOf(long hour, string asked, bool isNamed)
    {
        if (isNamed)
            return asked;
        if (hour != _unnamedOf)
        {
            _unnamed.Clear();
            _unnamedOf = hour;
        }
        var name = asked.Length > 100 ? asked[..100] : asked;
        return _unnamed.Contains(name) || (_unnamed.Count < MostUnnamed && _unnamed.Add(name)) ? name : Others;
    }
}
