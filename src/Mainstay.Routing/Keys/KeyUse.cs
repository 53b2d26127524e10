namespace Mainstay.Routing.Keys;

/// <summary>What a key has used in this minute and on this day; outlives the table. Safe for any number of threads.</summary>
internal sealed class KeyUse(TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Buckets> _models = [];
    private Buckets _all = new(null, null);
    private long? _dayTokens;
    private double? _dayCost;
    private DateOnly _day;
    private long _tokens;
    private double _cost;
    private long _heldTokens;
    private double _heldCost;

    /// <summary>Takes over what a table allows; what was used stays used.</summary>
    public void SetLimits(CallerKey key)
    {
        lock (_lock)
        {
            var now = clock.GetTimestamp();
            _all = _all.As(key.Rate, now, clock);
            foreach (var gone in _models.Keys.Where(m => key.ModelRates.All(r => r.Model != m)).ToList())
                _models.Remove(gone);
            foreach (var (model, rate) in key.ModelRates)
                _models[model] = (_models.GetValueOrDefault(model) ?? new(null, null)).As(rate, now, clock);
            (_dayTokens, _dayCost) = (key.DayTokens, key.DayCost);
        }
    }

    /// <summary>Lets a request in: takes from every limit, or from none.</summary>
    /// <param name="model">As its caller names it.</param>
    /// <param name="prompt">Tokens of its prompt.</param>
    /// <param name="answer">Tokens that its answer is expected to have.</param>
    /// <param name="cost">What it is expected to cost on the cheapest server.</param>
    /// <param name="refusal">Why it is not let in; null if a ticket is returned.</param>
    public KeyTicket? TryTake(string model, long prompt, long answer, double cost, out KeyRefusal? refusal)
    {
        lock (_lock)
        {
            var now = clock.GetTimestamp();
            var own = _models.GetValueOrDefault(model);
            refusal = OverBudget(prompt + answer, cost) ?? Over(_all, null, prompt, answer, now) ?? (own is null ? null : Over(own, model, prompt, answer, now));
            if (refusal is not null)
                return null;
            // A long answer that is only expected is not worth more than what a minute brings.
            var ticket = new KeyTicket(this, own is null ? [_all] : [_all, own], now) { HeldTokens = prompt + answer, HeldCost = cost };
            foreach (var buckets in ticket.Buckets)
            {
                buckets.Requests?.Take(1);
                buckets.Tokens?.Take(ticket.TakenFrom(buckets));
            }
            (_heldTokens, _heldCost) = (_heldTokens + ticket.HeldTokens, _heldCost + ticket.HeldCost);
            return ticket;
        }
    }

    /// <summary>What may still be spent today, beside what this ticket holds; null: any amount.</summary>
    public double? CostLeft(KeyTicket ticket)
    {
        lock (_lock)
        {
            Turn();
            return _dayCost - _cost - _heldCost + ticket.HeldCost;
        }
    }

    /// <summary>Holds so much for a ticket, in place of what it held.</summary>
    /// <returns>False if the day's budget does not allow it; then it holds what it held.</returns>
    public bool TryHold(KeyTicket ticket, double cost)
    {
        lock (_lock)
        {
            Turn();
            if (cost > ticket.HeldCost && _cost + _heldCost - ticket.HeldCost + cost > _dayCost)
                return false;
            _heldCost += cost - ticket.HeldCost;
            ticket.HeldCost = cost;
            return true;
        }
    }

    /// <summary>A request is over: what it was expected to use is corrected to what it used.</summary>
    public void Settle(KeyTicket ticket, long tokens, double cost)
    {
        lock (_lock)
        {
            Turn();
            var now = clock.GetTimestamp();
            foreach (var buckets in ticket.Buckets)
                buckets.Tokens?.GiveBack(ticket.TakenFrom(buckets) - tokens, ticket.At, now);
            (_heldTokens, _heldCost) = (_heldTokens - ticket.HeldTokens, _heldCost - ticket.HeldCost);
            (_tokens, _cost) = (_tokens + tokens, _cost + cost);
        }
    }

    /// <summary>How the limits stand, of which the nearest to its end counts; null: there is none.</summary>
    public (LimitStanding? Requests, LimitStanding? Tokens) Standing(string model)
    {
        lock (_lock)
        {
            var now = clock.GetTimestamp();
            var own = _models.GetValueOrDefault(model);
            return (Nearest(_all.Requests, own?.Requests, now), Nearest(_all.Tokens, own?.Tokens, now));
        }
    }

    /// <summary>What was used on the day.</summary>
    public KeySpent Spent(string name, DateOnly day)
    {
        lock (_lock)
        {
            Turn();
            return _day == day ? new(name, _tokens, _cost) : new(name, 0, 0);
        }
    }

    /// <summary>Goes on with what was used before a restart.</summary>
    public void Restore(DateOnly day, KeySpent spent)
    {
        lock (_lock)
        {
            Turn();
            if (_day == day)
                (_tokens, _cost) = (_tokens + spent.Tokens, _cost + spent.Cost);
        }
    }

    /// <summary>A new day begins with nothing used. A clock that is set back does not begin one.</summary>
    private void Turn()
    {
        var today = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        if (today > _day)
            (_day, _tokens, _cost) = (today, 0, 0);
    }

    private KeyRefusal? OverBudget(long tokens, double cost)
    {
        Turn();
        if (_dayTokens is { } most && _tokens + _heldTokens + tokens > most)
            return new(KeyLimit.DayTokens, most, UntilTomorrow(), null);
        if (_dayCost is { } dear && (_cost >= dear || _cost + _heldCost + cost > dear))
            return new(KeyLimit.DayCost, dear, UntilTomorrow(), null);
        return null;
    }

    private TimeSpan UntilTomorrow()
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return now.Date.AddDays(1) - now;
    }

    private static KeyRefusal? Over(Buckets buckets, string? model, long prompt, long answer, long now)
    {
        if (buckets.Requests is { } requests && !requests.Has(1, now))
            return new(KeyLimit.Requests, requests.PerMinute, requests.Until(1, now), model);
        if (buckets.Tokens is not { } tokens)
            return null;
        if (prompt > tokens.PerMinute)
            return new(KeyLimit.Tokens, tokens.PerMinute, null, model);
        var wanted = Math.Min(prompt + answer, tokens.PerMinute);
        return tokens.Has(wanted, now) ? null : new(KeyLimit.Tokens, tokens.PerMinute, tokens.Until(wanted, now), model);
    }

    private static LimitStanding? Nearest(TokenBucket? one, TokenBucket? other, long now)
    {
        var nearest = one is null ? other : other is null || one.Level(now) <= other.Level(now) ? one : other;
        return nearest is null ? null : new(nearest.PerMinute, (long)Math.Max(0, nearest.Level(now)), nearest.Until(nearest.PerMinute, now));
    }

    /// <summary>The two limits of a minute; null: none.</summary>
    internal sealed record Buckets(TokenBucket? Requests, TokenBucket? Tokens)
    {
        public Buckets As(KeyRate rate, long now, TimeProvider clock) =>
            new(Kept(Requests, rate.Requests, now, clock), Kept(Tokens, rate.Tokens, now, clock));

        private static TokenBucket? Kept(TokenBucket? before, long? limit, long now, TimeProvider clock) =>
            limit is not { } most ? null
            : before is null ? new TokenBucket(most, now, clock.TimestampFrequency)
            : before.PerMinute == most ? before
            : before.As(most, now);
    }
}

/// <summary>What a key used on one day.</summary>
/// <param name="Name">Of the key.</param>
/// <param name="Tokens">Of prompts and answers.</param>
/// <param name="Cost">In the currency of the servers' prices.</param>
internal sealed record KeySpent(string Name, long Tokens, double Cost);
