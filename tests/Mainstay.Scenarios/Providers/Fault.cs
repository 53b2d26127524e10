namespace Mainstay.Scenarios;

/// <summary>What a fake provider does wrong in one answer.</summary>
/// <param name="Kind">What.</param>
internal sealed record Fault(FaultKind Kind)
{
    public static readonly Fault None = new(FaultKind.None);

    /// <summary>Tokens sent before it happens.</summary>
    public int After { get; init; } = 8;

    /// <summary>How long what is slow takes.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>The error that is answered, or sent as an event.</summary>
    public ProviderError Error { get; init; } = ProviderError.Failed;

    /// <summary>True if the provider itself ends the connection.</summary>
    public bool EndsByItself => Kind is FaultKind.Reset or FaultKind.HalfHeader or FaultKind.CutByReset or FaultKind.CutByClose or FaultKind.CutInChunk
        or FaultKind.ShortBody or FaultKind.CloseAfter or FaultKind.StaleAfter;

    /// <summary>An error instead of an answer.</summary>
    public static Fault Of(ProviderError error) => new(FaultKind.Error) { Error = error };

    public static Fault SlowFirstToken(double seconds) => new(FaultKind.SlowFirstToken) { Wait = TimeSpan.FromSeconds(seconds) };
}

/// <summary>What can be wrong with an answer. In a whole answer "the first token" is its first byte, and a cut comes after half of it.</summary>
internal enum FaultKind
{
    None,

    /// <summary>An error instead of an answer.</summary>
    Error,

    /// <summary>A proxy's page instead of an answer, with status 502.</summary>
    Html,

    /// <summary>The connection is reset as soon as the request is there.</summary>
    Reset,

    /// <summary>The answer's header stops in the middle, and the connection is closed.</summary>
    HalfHeader,

    /// <summary>Nothing comes, ever.</summary>
    Silence,

    /// <summary>The header comes, then nothing for a while.</summary>
    SlowFirstToken,

    /// <summary>The role comes at once, tokens never.</summary>
    RoleOnly,

    CutByReset,

    /// <summary>The body ends as if it were whole: in good order of HTTP, without finish reason or [DONE].</summary>
    CutCleanly,

    /// <summary>As a body that ends with its connection: no chunks, no length, closed in good order.</summary>
    CutByClose,

    /// <summary>In the middle of a chunk, closed in good order.</summary>
    CutInChunk,

    /// <summary>Nothing comes any more, and the connection stays.</summary>
    Stall,

    /// <summary>Comments, and nothing else.</summary>
    CommentsOnly,

    /// <summary>After some tokens comments, and nothing else.</summary>
    CommentsLater,

    /// <summary>A stream, or status 200, whose first event is an error.</summary>
    ErrorFirst,

    ErrorMiddle,

    /// <summary>An event among others that is no JSON.</summary>
    Malformed,

    /// <summary>Every few bytes in a segment of their own, characters torn.</summary>
    SplitCharacters,

    /// <summary>The stream is whole but for its last mark.</summary>
    NoDone,

    /// <summary>As before, and the connection stays open.</summary>
    NoDoneOpen,

    Crlf,

    /// <summary>What else streams may have: comments, retry and id, data over several lines, no space, empty choices, escapes.</summary>
    Odd,

    NoUsage,

    /// <summary>Some tokens at full pace, then one at a time after a long wait.</summary>
    Drip,

    /// <summary>A body shorter than its Content-Length.</summary>
    ShortBody,

    /// <summary>A good answer, after which the connection is closed though it was to be kept.</summary>
    CloseAfter,

    /// <summary>A good answer, after which the connection stays, and is reset as soon as the next request comes on it.</summary>
    StaleAfter,

    /// <summary>Status 200 and nothing in it.</summary>
    Empty,
}

/// <summary>How a provider says that something is wrong.</summary>
/// <param name="Status">Of HTTP.</param>
/// <param name="Type">The provider's word for it.</param>
/// <param name="Message">The provider's own sentence.</param>
internal sealed record ProviderError(int Status, string Type, string Message)
{
    public static readonly ProviderError Failed = new(500, "server_error", "The server had an error while processing your request.");
    public static readonly ProviderError Unavailable = new(503, "service_unavailable", "The service is unavailable.");
    public static readonly ProviderError Overloaded = new(529, "overloaded_error", "Overloaded");
    public static readonly ProviderError Limited = new(429, "rate_limit_error", "Rate limit reached for requests.") { Code = "rate_limit_exceeded" };

    public static readonly ProviderError Quota =
        new(429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details.") { Code = "insufficient_quota" };

    public static readonly ProviderError KeyRevoked =
        new(401, "authentication_error", "Incorrect API key provided.") { Code = "invalid_api_key" };

    public static readonly ProviderError ModelUnknown =
        new(404, "not_found_error", "The model does not exist or you do not have access to it.") { Code = "model_not_found" };

    public static readonly ProviderError TooLong =
        new(400, "invalid_request_error", "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.")
        { Code = "context_length_exceeded", Param = "messages" };

    public static readonly ProviderError Filtered =
        new(400, "invalid_request_error", "The response was filtered due to the prompt triggering the content management policy.")
        { Code = "content_filter", Param = "prompt" };

    public static readonly ProviderError BadParameter =
        new(400, "invalid_request_error", "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 7 instead.")
        { Code = "decimal_above_max_value", Param = "temperature" };

    public static readonly ProviderError NoPrefill =
        new(400, "invalid_request_error", "This model does not support assistant message prefill. The conversation must end with a user message.");

    public string? Code { get; init; }

    public string? Param { get; init; }

    /// <summary>Header lines sent with it.</summary>
    public string[] Headers { get; init; } = [];

    public ProviderError With(params string[] headers) => this with { Headers = headers };
}

/// <summary>What a fake provider does when the last message is an assistant's.</summary>
internal enum Prefill
{
    /// <summary>Goes on exactly where it ends.</summary>
    Continues,

    /// <summary>Refuses with 400.</summary>
    Refuses,

    /// <summary>Begins again, as if it were not there.</summary>
    Repeats,
}
