using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Mainstay.Routing;

/// <summary>Something the data plane saw and tells the control plane.</summary>
/// <param name="At">When it ended.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(Outcome), "outcome")]
[JsonDerivedType(typeof(Probe), "probe")]
[JsonDerivedType(typeof(ServerReport), "server")]
[JsonDerivedType(typeof(ServiceReport), "service")]
[JsonDerivedType(typeof(DecisionReport), "decision")]
[JsonDerivedType(typeof(QueueReport), "queue")]
public abstract record Observation(DateTimeOffset At);

/// <summary>What became of a request, with every attempt it took.</summary>
/// <param name="At">When it ended.</param>
/// <param name="RequestId">As answered in the X-Request-Id header.</param>
/// <param name="TableVersion">The table it kept from start to end.</param>
/// <param name="Service">The service it asked for.</param>
/// <param name="Customer">Who asked, if the service says how to know; else null.</param>
/// <param name="Result">How it ended for the caller.</param>
/// <param name="Status">Status sent to the caller; 0 if none was.</param>
/// <param name="FirstByte">From its arrival to the first byte sent to the caller; zero if none was.</param>
/// <param name="Total">From its arrival to its end.</param>
/// <param name="Attempts">In the order they were made.</param>
public sealed record Outcome(
    DateTimeOffset At,
    string RequestId,
    long TableVersion,
    string Service,
    string? Customer,
    OutcomeResult Result,
    int Status,
    TimeSpan FirstByte,
    TimeSpan Total,
    ImmutableArray<Attempt> Attempts) : Observation(At)
{
    /// <summary>True if it was not let in, since the servers were overloaded: no server is to blame.</summary>
    public bool Shed { get; init; }

    /// <summary>What a model used for it; null: unknown, or no model was asked.</summary>
    public ModelUse? Use { get; init; }

    /// <summary>Name of the key that its caller brought; null: none that is known.</summary>
    public string? Key { get; init; }

    /// <summary>The model by the name that its caller asked for; null: none.</summary>
    public string? Model { get; init; }

    /// <summary>What a model cost for it, all attempts together, in the currency of the servers' prices; zero where they are unknown.</summary>
    public double Cost { get; init; }

    /// <summary>What each server of a model used for it, whether or not its answer was the one that was sent.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ImmutableArray<Charge> Charges { get; init; }

    /// <summary>Of a request to a model: what telemetry tells of it; else null.</summary>
    public ModelTrail? Trail { get; init; }

    /// <summary>True if a server failed it and another answered it: the caller noticed nothing but time.</summary>
    [JsonIgnore]
    public bool Rescued => Result == OutcomeResult.Succeeded && Attempts.Length > 1 && Attempts.Any(static a => a.Failed);
}

/// <summary>What a model used for a request.</summary>
/// <param name="Model">Its server's name of it.</param>
/// <param name="PromptTokens">Tokens of the prompt, as the server counted them, or, where it did not, estimated.</param>
/// <param name="AnswerTokens">Tokens of the answer, likewise.</param>
public sealed record ModelUse(string Model, long PromptTokens, long AnswerTokens);

/// <summary>What one attempt used of a model, as its provider may bill it.</summary>
/// <param name="Region">Where it was made.</param>
/// <param name="PromptTokens">Tokens of the prompt, as the server counted them, or, where it did not, estimated.</param>
/// <param name="AnswerTokens">Tokens of its part of the answer, likewise.</param>
/// <param name="Cost">In the currency of the servers' prices; zero where they are unknown.</param>
public readonly record struct Charge(string Region, long PromptTokens, long AnswerTokens, double Cost);

/// <summary>How a request ended for its caller.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<OutcomeResult>))]
public enum OutcomeResult
{
    /// <summary>A whole answer was sent.</summary>
    Succeeded,

    /// <summary>A whole answer was sent that blames the caller (4xx); never counts against a server.</summary>
    CallerError,

    /// <summary>An error, a cut answer, or none.</summary>
    Failed,

    /// <summary>The caller went away first.</summary>
    CallerLeft,

    /// <summary>No server could take it, so it was stored, or went back to where it was stored: neither success nor failure.</summary>
    Queued,
}

/// <summary>One try of a request on one server.</summary>
/// <param name="Server">Name of the server.</param>
/// <param name="Region">Its region.</param>
/// <param name="Result">How the try ended.</param>
/// <param name="Status">Status the server answered; 0 if none.</param>
/// <param name="FirstByte">From the try's start to its first byte, or to its failure if none came.</param>
public readonly record struct Attempt(string Server, string Region, AttemptResult Result, int Status, TimeSpan FirstByte)
{
    /// <summary>Why it failed, in words that go on after the server's name; null if the result says it all.</summary>
    public string? Why { get; init; }

    /// <summary>Of a request to a model: from its arrival to this try's begin; else zero.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public TimeSpan Began { get; init; }

    /// <summary>Of a request to a model: from its arrival to this try's end; else zero.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public TimeSpan Ended { get; init; }

    /// <summary>True if the server is to blame.</summary>
    [JsonIgnore]
    public bool Failed => Result is not (AttemptResult.Answered or AttemptResult.Overloaded) && !Result.SaysNothing();
}

/// <summary>How one try on a server ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AttemptResult>))]
public enum AttemptResult
{
    /// <summary>A whole answer below 500, or 501/505: the server did its work.</summary>
    Answered,

    /// <summary>It answered 429: somebody asks more of it than it gives. No failure, but another server may have room.</summary>
    Overloaded,

    /// <summary>It answered 5xx.</summary>
    ServerError,

    /// <summary>No connection: refused, unknown name, no TLS, or not within the connect deadline. The request surely did not reach it.</summary>
    NotReached,

    /// <summary>The connection broke before an answer began.</summary>
    Broken,

    /// <summary>No connection, because this process has no file descriptor or buffer left for one; says nothing about the server.</summary>
    OutOfSockets,

    /// <summary>No first byte within its deadline.</summary>
    FirstByteTimeout,

    /// <summary>The answer began and then stopped for longer than the idle deadline.</summary>
    Stalled,

    /// <summary>The answer began and was cut.</summary>
    Truncated,

    /// <summary>The total deadline ended it.</summary>
    TotalTimeout,

    /// <summary>Another attempt of the same request answered first, and this one was given up; says nothing against the server.</summary>
    Outrun,

    /// <summary>The caller went away, or its body broke off or broke the rules; says nothing about the server.</summary>
    CallerLeft,
}

/// <summary>What follows from how a try ended.</summary>
public static class AttemptResults
{
    /// <summary>True if the request surely did not reach the server.</summary>
    public static bool SurelyNotReached(this AttemptResult result) => result is AttemptResult.NotReached or AttemptResult.OutOfSockets;

    /// <summary>True if it says nothing about the server, neither good nor bad.</summary>
    public static bool SaysNothing(this AttemptResult result) =>
        result is AttemptResult.CallerLeft or AttemptResult.Outrun or AttemptResult.OutOfSockets;
}

/// <summary>Result of one active health check.</summary>
/// <param name="At">When it ended.</param>
/// <param name="Service">The service whose health check it was.</param>
/// <param name="Server">Name of the server.</param>
/// <param name="Region">Its region.</param>
/// <param name="Well">True for 2xx within the timeout.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="Detail">What was wrong, in words; empty if well.</param>
public sealed record Probe(
    DateTimeOffset At,
    string Service,
    string Server,
    string Region,
    bool Well,
    TimeSpan Elapsed,
    string Detail) : Observation(At);

/// <summary>How a server stands as the data plane sees it; reported once a second.</summary>
/// <param name="At">When it was so.</param>
/// <param name="Service">The service it belongs to.</param>
/// <param name="Server">Name of the server.</param>
/// <param name="Region">Its region.</param>
/// <param name="Well">What its probes say; true without probes.</param>
/// <param name="BreakerOpen">True while the reflex holds requests back.</param>
/// <param name="Outstanding">Attempts under way.</param>
public sealed record ServerReport(
    DateTimeOffset At,
    string Service,
    string Server,
    string Region,
    bool Well,
    bool BreakerOpen,
    int Outstanding) : Observation(At)
{
    /// <summary>Why no request is sent there, in words that go on after its name: its provider refuses its key, or does not know its model; null: nothing of that kind.</summary>
    public string? LockedOut { get; init; }

    /// <summary>Of a model: tokens still to be read or written, estimated; zero of http.</summary>
    public long Tokens { get; init; }

    /// <summary>Of a model: what its engine says of its load; null: it is not asked, or what it said is stale and counts for nothing.</summary>
    public EngineReport? Engine { get; init; }

    /// <summary>Why the metrics of its engine could not be read the last time; null: they could, or nobody asks.</summary>
    public string? EngineTrouble { get; init; }

    /// <summary>Attempts that may be under way on it or, if that is learned, wait for their first byte; null: no limit.</summary>
    public int? Limit { get; init; }

    /// <summary>True: the limit is learned, and counts those that wait for their first byte.</summary>
    public bool IsLimitLearned { get; init; }

    /// <summary>Attempts that wait for their first byte.</summary>
    public int Waiting { get; init; }

    /// <summary>Attempts that were let through although its breaker held requests back, since the data plane's start.</summary>
    public long Forced { get; init; }
}

/// <summary>What an engine says of its load.</summary>
/// <param name="Running">Requests in its batch.</param>
/// <param name="Waiting">Requests that wait for a place there.</param>
/// <param name="Cache">Share of its KV cache in use, 0 to 1; null: it does not say.</param>
/// <param name="Others">Of those in batch and queue the ones that this gateway did not send.</param>
public sealed record EngineReport(int Running, int Waiting, double? Cache, int Others);

/// <summary>How a service stands as the data plane sees it; reported once a second.</summary>
/// <param name="At">When it was so.</param>
/// <param name="Service">The service.</param>
/// <param name="Waiting">Requests that wait for a place on a server.</param>
/// <param name="ShedCritical">Critical requests that were shed in the last ten seconds.</param>
/// <param name="ShedDefault">Default ones.</param>
/// <param name="ShedSheddable">Sheddable ones.</param>
/// <param name="IsInPanic">True: so few servers are left that breakers are not heeded.</param>
public sealed record ServiceReport(
    DateTimeOffset At,
    string Service,
    int Waiting,
    int ShedCritical,
    int ShedDefault,
    int ShedSheddable,
    bool IsInPanic) : Observation(At);

/// <summary>How the queue of a service stands; reported once a second while there is something to say, and once when it is over.</summary>
/// <param name="At">When it was so.</param>
/// <param name="Service">The service.</param>
/// <param name="Waiting">Requests that wait.</param>
/// <param name="Unknown">Requests of which nobody knows whether a server did them.</param>
/// <param name="Trouble">What is wrong with the queue itself; null: nothing.</param>
public sealed record QueueReport(DateTimeOffset At, string Service, int Waiting, int Unknown, string? Trouble) : Observation(At);
