using System.Globalization;
using Mainstay.Routing.Keys;
using Mainstay.Routing.Upstream.Protocols;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Models;

/// <summary>Who asks, whether they may, and whether they may now: keys, their limits and their budgets.</summary>
internal static class KeyGate
{
    /// <summary>The key that a caller brings; several fields may hold one, and the first that is known counts.</summary>
    /// <param name="fault">Why it is not let in; null: it is.</param>
    public static LiveKey? Know(Exchange exchange, LiveTable table, LiveService entry, out ModelFault? fault)
    {
        fault = null;
        if (table.Keys.IsEmpty && !entry.Spec.RequiresKey)
            return null;
        var isWritten = false;
        foreach (var written in (ReadOnlySpan<string>)[Bearer(exchange.FieldText("Authorization")), exchange.FieldText("x-api-key"), exchange.FieldText("api-key")])
        {
            isWritten |= written.Length > 0;
            if (written.Length > 0 && LiveKeys.Find(table.Keys, written.Trim()) is { } key)
                return key;
        }
        if (entry.Spec.RequiresKey)
        {
            fault = new(401, isWritten
                ? "The key of this request is not known here: ask whoever runs this gateway for one."
                : "This request brings no key: send it as Authorization: Bearer KEY, x-api-key: KEY or api-key: KEY.")
            {
                Code = "invalid_api_key",
            };
        }
        return null;
    }

    /// <summary>Why a key may not ask for a model; null: it may.</summary>
    public static ModelFault? Forbidden(LiveKey? key, string model) => key is null || key.Spec.May(model) ? null : new(
        403, $"The key {key.Spec.Name} may not use the model {(model.Length > 100 ? model[..100] : model)}. It may use {string.Join(", ", key.Spec.Models.Take(20))}.")
    {
        Code = "model_not_allowed",
        Param = "model",
    };

    /// <summary>Takes what a request is expected to use from the limits of its key, and tells the caller how they stand.</summary>
    /// <returns>Why it is not served; null: it is.</returns>
    public static ModelFault? Admit(ModelCall call, LiveKey? key)
    {
        if (key is null)
            return null;
        var (asked, model) = (call.Asked, call.Service.Spec.Model ?? call.Asked.Model);
        var cost = call.Service.Servers.Select(s => call.CostOf(s, asked.PromptTokens, call.Expected)).DefaultIfEmpty().Min();
        call.Ticket = key.Use.TryTake(model, asked.PromptTokens, call.Expected, cost, out var refusal);
        Tell(call.Exchange.AnswerHeaders, key.Use.Standing(model));
        if (refusal is null)
            return null;
        call.Request.Decision.Acted(refusal.Of is KeyLimit.DayTokens or KeyLimit.DayCost ? Reflex.OverBudget : Reflex.OverLimit, (long)refusal.Limit);
        var headers = call.Exchange.AnswerHeaders;
        if (refusal.Wait is { } wait)
        {
            headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            headers["retry-after-ms"] = Math.Max(1, Math.Ceiling(wait.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture);
        }
        if (refusal.Of is KeyLimit.DayTokens or KeyLimit.DayCost)
        {
            // Clients that ask again at once would ask in vain until tomorrow.
            headers["x-should-retry"] = "false";
            return new(429, OverBudget(key.Spec.Name, refusal)) { Code = "insufficient_quota" };
        }
        return refusal.Wait is null
            ? new(413, string.Create(CultureInfo.InvariantCulture, $"The prompt has about {asked.PromptTokens} tokens, and the key {key.Spec.Name} has {refusal.Limit} a minute{Where(refusal)}: send less at a time."))
            {
                Code = "rate_limit_exceeded",
            }
            : new(429, string.Create(CultureInfo.InvariantCulture, $"The key {key.Spec.Name} has reached its limit of {refusal.Limit} {(refusal.Of == KeyLimit.Requests ? "requests" : "tokens")} a minute{Where(refusal)}. Come back in {refusal.Wait.Value.TotalSeconds:0.###} s."))
            {
                Code = "rate_limit_exceeded",
            };
    }

    /// <summary>Why a server is not asked for which the day's budget has too little left.</summary>
    public static ModelFault TooDear(string key) => new(
        429, $"What is left of today's budget of the key {key} does not pay for the servers that could answer now. It begins anew at 00:00 UTC.")
    {
        Code = "insufficient_quota",
    };

    private static string OverBudget(string name, KeyRefusal refusal) => string.Create(
        CultureInfo.InvariantCulture,
        $"The key {name} has too little left of its budget of {refusal.Limit}{(refusal.Of == KeyLimit.DayTokens ? " tokens" : "")} a day for this request. It begins anew at 00:00 UTC, in {refusal.Wait!.Value:hh\\:mm\\:ss}.");

    private static string Where(KeyRefusal refusal) => refusal.Model is { } model ? $" for the model {model}" : "";

    /// <summary>The fields that OpenAI's clients read.</summary>
    private static void Tell(IHeaderDictionary headers, (LimitStanding? Requests, LimitStanding? Tokens) standing)
    {
        Tell(headers, "requests", standing.Requests);
        Tell(headers, "tokens", standing.Tokens);
    }

    private static void Tell(IHeaderDictionary headers, string of, LimitStanding? standing)
    {
        if (standing is not { } known)
            return;
        headers["x-ratelimit-limit-" + of] = known.Limit.ToString(CultureInfo.InvariantCulture);
        headers["x-ratelimit-remaining-" + of] = known.Remaining.ToString(CultureInfo.InvariantCulture);
        headers["x-ratelimit-reset-" + of] = Written(known.Reset);
    }

    /// <summary>As OpenAI writes durations: 120ms, 6.5s, 1m0s.</summary>
    internal static string Written(TimeSpan time) =>
        time < TimeSpan.FromSeconds(1) ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalMilliseconds)}ms")
        : time < TimeSpan.FromMinutes(1) ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###}s")
        : string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes}m{time.TotalSeconds % 60:0.###}s");

    private static string Bearer(string field) =>
        field.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? field["Bearer ".Length..] : "";
}
