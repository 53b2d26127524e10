namespace Mainstay.Routing.Keys;

/// <summary>What one request took of its key's limits. Settled once, whatever happens. One thread at a time.</summary>
internal sealed class KeyTicket(KeyUse use, KeyUse.Buckets[] buckets, long at)
{
    private bool _isSettled;

    public KeyUse.Buckets[] Buckets => buckets;

    /// <summary>Timestamp of the taking.</summary>
    public long At => at;

    /// <summary>Tokens that were expected.</summary>
    public required long HeldTokens { get; init; }

    /// <summary>What is kept for it of the day's budget.</summary>
    public required double HeldCost { get; set; }

    /// <summary>Tokens taken from a limit: never more than what a minute brings.</summary>
    public long TakenFrom(KeyUse.Buckets one) => Math.Min(HeldTokens, one.Tokens?.PerMinute ?? 0);

    /// <summary>What may still be spent on this request today; null: any amount.</summary>
    public double? CostLeft => use.CostLeft(this);

    /// <summary>Keeps so much for it, in all.</summary>
    /// <returns>False if the day's budget does not allow it.</returns>
    public bool TryHold(double cost) => use.TryHold(this, cost);

    public void Settle(long tokens, double cost)
    {
        if (!_isSettled)
            use.Settle(this, tokens, cost);
        _isSettled = true;
    }
}
