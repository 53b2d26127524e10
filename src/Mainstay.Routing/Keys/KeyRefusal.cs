namespace Mainstay.Routing.Keys;

/// <summary>Why a request of a key is not served now.</summary>
/// <param name="Of">What there is too little of.</param>
/// <param name="Limit">How much there is in a minute or a day.</param>
/// <param name="Wait">When there is enough again; null: never, it asks for more than the limit at once.</param>
/// <param name="Model">The model whose limit it is; null: that of all models together.</param>
internal sealed record KeyRefusal(KeyLimit Of, double Limit, TimeSpan? Wait, string? Model);

/// <summary>What a key has only so much of.</summary>
internal enum KeyLimit
{
    Requests,
    Tokens,
    DayTokens,
    DayCost,
}

/// <summary>How one limit stands, as callers are told it.</summary>
/// <param name="Limit">In a minute.</param>
/// <param name="Remaining">That can be had now.</param>
/// <param name="Reset">Until all of it can be had.</param>
internal readonly record struct LimitStanding(long Limit, long Remaining, TimeSpan Reset);
