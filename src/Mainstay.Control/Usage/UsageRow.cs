using System.Text.Json.Serialization;

namespace Mainstay.Control.Usage;

/// <summary>What was used of models, summed up over what its first fields say.</summary>
/// <param name="Day">Its day of UTC; null: the sum is over all days asked for.</param>
/// <param name="Hour">Begin of its hour; null: over all hours.</param>
/// <param name="Key">Name of the callers' key, empty for those without one; null: over all keys.</param>
/// <param name="Model">As its callers name it; null: over all models.</param>
/// <param name="Region">Where it was served, empty if no server was asked; null: over all regions.</param>
/// <param name="Requests">Requests that ended, each in the region of its last attempt.</param>
/// <param name="Failed">Those whose caller got an error, a cut answer, or none, by no fault of its own.</param>
/// <param name="PromptTokens">Tokens of prompts, of every attempt that brought something of an answer.</param>
/// <param name="CompletionTokens">Tokens of answers, likewise.</param>
/// <param name="Cost">In the currency of the servers' prices.</param>
public sealed record UsageRow(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateOnly? Day,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? Hour,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Key,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Model,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Region,
    long Requests,
    long Failed,
    long PromptTokens,
    long CompletionTokens,
    double Cost);

/// <summary>What was used in one hour with one key of one model in one region.</summary>
/// <param name="Hour">Hours since 1970-01-01T00:00Z.</param>
/// <param name="Key">Name of the callers' key; empty: none.</param>
/// <param name="Model">As its callers name it.</param>
/// <param name="Region">Empty: no server was asked.</param>
internal readonly record struct UsageKey(long Hour, string Key, string Model, string Region);

/// <summary>Sums, with the meanings that <see cref="UsageRow"/> gives them.</summary>
internal readonly record struct UsageSums(long Requests, long Failed, long PromptTokens, long CompletionTokens, double Cost)
{
    public static UsageSums operator +(UsageSums a, UsageSums b) => new(
        a.Requests + b.Requests, a.Failed + b.Failed, a.PromptTokens + b.PromptTokens, a.CompletionTokens + b.CompletionTokens, a.Cost + b.Cost);
}
