namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// What an error of the APIs openai and anthropic says of server, key and caller, by status, words for programs, and, where servers have
/// none, the usual messages of vLLM, SGLang, TGI and llama.cpp.
/// </summary>
internal static class Verdicts
{
    private static readonly string[] FilterCodes =
    [
        "content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation", "invalid_prompt", "moderation_blocked",
    ];

    private static readonly string[] FilterWords =
    [
        "content management policy", "content filtering policy", "content policy", "usage policy", "blocked by content filter",
    ];

    private static readonly string[] LengthCodes =
    [
        "context_length_exceeded", "context_window_exceeded", "exceed_context_size_error", "request_too_large", "model_context_window_exceeded",
    ];

    private static readonly string[] LengthWords =
    [
        "maximum context length", "model's context length", "context length exceeded", "exceeds the context", "exceed context limit",
        "context window", "available context size", "prompt is too long", "maximum model length", "max_model_len",
        "tokens + `max_new_tokens` must be", "`inputs` must have less than", "maximum allowed length", "maximum allowed input length",
        "reduce the length of the messages",
    ];

    private static readonly string[] QuotaCodes =
    [
        "insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded", "insufficient_balance",
    ];

    private static readonly string[] QuotaWords =
    [
        "exceeded your current quota", "credit balance is too low", "insufficient balance", "billing hard limit", "insufficient credits",
    ];

    private static readonly string[] ModelCodes =
    [
        "model_not_found", "DeploymentNotFound", "invalid_model", "model_decommissioned", "unknown_model", "model_not_available",
    ];

    private static readonly string[] PrefillWords =
    [
        "prefill", "continue_final_message", "add_generation_prompt", "last message", "final message", "end with a user message",
        "assistant message", "final assistant", "ends with an assistant", "roles must alternate", "trailing whitespace",
    ];

    /// <param name="status">Of the answer; 2xx with an error inside as well.</param>
    /// <param name="error">What its body says.</param>
    public static ProviderVerdict Judge(int status, in ErrorBody error)
    {
        if (status is >= 200 and < 300)
            status = error.Status ?? StatusOf(error);
        var signal = SignalOf(status, error);
        var code = error.Code.Length > 0 ? error.Code : error.Type;
        return new ProviderVerdict(signal, error.MessageWithoutKeys) { Code = code.Length > 0 ? code : null };
    }

    private static ProviderSignal SignalOf(int status, in ErrorBody error) => status switch
    {
        >= 400 and < 500 when Is(error, ModelCodes) => ProviderSignal.ModelUnknown,
        400 or 403 or 422 or 451 when Is(error, FilterCodes) || Says(error, FilterWords) => ProviderSignal.Filtered,
        400 or 402 or 403 or 429 when Is(error, QuotaCodes) => ProviderSignal.QuotaSpent,
        // Google says the same of a limit by the minute.
        400 or 402 or 403 or 429 when Says(error, QuotaWords) && error.Type != "RESOURCE_EXHAUSTED" => ProviderSignal.QuotaSpent,
        413 => ProviderSignal.TooLong,
        400 or 422 when Is(error, LengthCodes) || Says(error, LengthWords) => ProviderSignal.TooLong,
        400 or 422 when Says(error, PrefillWords) => ProviderSignal.PrefillRefused,
        401 or 403 => ProviderSignal.KeyRefused,
        402 => ProviderSignal.QuotaSpent,
        404 => Unfound(error),
        408 or 409 or 425 or 503 or 529 => ProviderSignal.Busy,
        429 => ProviderSignal.Limited,
        // TGI: the engine failed.
        424 => ProviderSignal.Failed,
        >= 400 and < 500 => ProviderSignal.CallerError,
        >= 500 when Is(error, ["overloaded_error", "overloaded"]) => ProviderSignal.Busy,
        _ => ProviderSignal.Failed,
    };

    // HTML or a web framework's own words: this is no server of models, or not yet. A model is named as what is missing: the model
    // is. Another thing is missing, such as a stored answer: the caller's mistake.
    private static ProviderSignal Unfound(in ErrorBody error)
    {
        if (!error.IsJson || !error.IsShaped)
            return ProviderSignal.Failed;
        return error.Message.Contains("model", StringComparison.OrdinalIgnoreCase) || error.Message.Contains("deployment", StringComparison.OrdinalIgnoreCase)
            ? ProviderSignal.ModelUnknown
            : ProviderSignal.CallerError;
    }

    // An error inside a 200 has only words.
    private static int StatusOf(in ErrorBody error) => (error.Type.Length > 0 ? error.Type : error.Code) switch
    {
        _ when Is(error, FilterCodes) || Is(error, LengthCodes) => 400,
        _ when Is(error, QuotaCodes) => 402,
        _ when Is(error, ModelCodes) => 404,
        _ when error.Code == "rate_limit_exceeded" => 429,
        "invalid_request_error" or "BadRequestError" or "validation" or "INVALID_ARGUMENT" => 400,
        "authentication_error" or "AuthenticationError" or "invalid_api_key" or "UNAUTHENTICATED" => 401,
        "permission_error" or "PermissionDeniedError" or "PERMISSION_DENIED" => 403,
        "not_found_error" or "NotFoundError" => 404,
        "timeout_error" => 408,
        "rate_limit_error" or "rate_limit_exceeded" or "RateLimitError" or "RESOURCE_EXHAUSTED" or "tokens" or "requests" => 429,
        "overloaded_error" or "overloaded" or "service_unavailable" or "UNAVAILABLE" => 503,
        _ => 500,
    };

    private static bool Is(in ErrorBody error, ReadOnlySpan<string> words) => words.Contains(error.Code) || words.Contains(error.Type);

    private static bool Says(in ErrorBody error, ReadOnlySpan<string> words)
    {
        foreach (var word in words)
            if (error.Message.Contains(word, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }
}
