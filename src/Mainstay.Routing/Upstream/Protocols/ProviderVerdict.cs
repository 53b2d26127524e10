namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>What a provider's error says of its server, its key and the caller.</summary>
/// <param name="Signal">Whom it concerns and what is to be done.</param>
/// <param name="Reason">The provider's own words; empty: none. Never holds a key.</param>
internal sealed record ProviderVerdict(ProviderSignal Signal, string Reason)
{
    /// <summary>The provider's own word for programs, such as <c>context_length_exceeded</c>; null: none.</summary>
    public string? Code { get; init; }

    /// <summary>True if the server does not take stream_options: it can be asked again without (<see cref="ModelRequest.AsksUsage"/>).</summary>
    public bool RefusesUsage => Signal == ProviderSignal.CallerError
        && (Reason.Contains("stream_options", StringComparison.Ordinal) || Reason.Contains("include_usage", StringComparison.Ordinal));
}

/// <summary>Whom a provider's error concerns.</summary>
internal enum ProviderSignal
{
    /// <summary>The caller's mistake: passed on as it is, tried nowhere else.</summary>
    CallerError,

    /// <summary>The provider's filter refused the content: as the caller's mistake.</summary>
    Filtered,

    /// <summary>Longer than this model's context: a server with more may take it.</summary>
    TooLong,

    /// <summary>Slow down (429): another server may have room; this one rests as long as it says.</summary>
    Limited,

    /// <summary>The key's quota is spent (429, 402): its servers are out until a probe or a new key says otherwise.</summary>
    QuotaSpent,

    /// <summary>The key is refused (401, 403): likewise.</summary>
    KeyRefused,

    /// <summary>The server does not know the model (404): likewise.</summary>
    ModelUnknown,

    /// <summary>Too much to do for a moment (408, 409, 425, 503, 529).</summary>
    Busy,

    /// <summary>The server failed (other 5xx, no answer of this API).</summary>
    Failed,

    /// <summary>The server cannot go on from a beginning (its error speaks of the last message, of prefill, or of a field that asks for it). If none
    /// was sent, it is the caller's mistake.</summary>
    PrefillRefused,
}
