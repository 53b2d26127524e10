using System.Collections.Immutable;

namespace Mainstay.Routing.Keys;

/// <summary>A key that callers of models identify themselves with, and what it may do. The key itself never stands in a table.</summary>
public sealed record CallerKey
{
    /// <summary>Unique; stands in records, metrics and messages.</summary>
    public required string Name { get; init; }

    /// <summary>SHA-256 of the key, 64 hexadecimal digits in lower case.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Names of the models that it may ask for; empty: every one.</summary>
    public ImmutableArray<string> Models { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>How much its requests matter; null: as the service's header rules say.</summary>
    public Priority? Priority { get; init; }

    /// <summary>What it may do in a minute with all models together.</summary>
    public KeyRate Rate { get; init => field = value ?? KeyRate.Unlimited; } = KeyRate.Unlimited;

    /// <summary>What it may do in a minute with one model; beside <see cref="Rate"/>.</summary>
    public ImmutableArray<ModelRate> ModelRates { get; init => field = value.IsDefault ? [] : value; } = [];

    /// <summary>Tokens of prompts and answers in a day of UTC; null: any number.</summary>
    public long? DayTokens { get; init; }

    /// <summary>What its requests may cost in a day of UTC, in the currency of the servers' prices; null: any amount.</summary>
    public double? DayCost { get; init; }

    /// <summary>True if it may ask for the model.</summary>
    public bool May(string model) => Models.IsEmpty || Models.Contains(model);
}

/// <summary>What may be done in a minute; null: any number.</summary>
/// <param name="Requests">From 1.</param>
/// <param name="Tokens">Of prompts and answers, from 1.</param>
public sealed record KeyRate(long? Requests, long? Tokens)
{
    public static KeyRate Unlimited { get; } = new(null, null);
}

/// <summary>What may be done in a minute with one model.</summary>
/// <param name="Model">As callers name it.</param>
/// <param name="Rate">How much.</param>
public sealed record ModelRate(string Model, KeyRate Rate);
