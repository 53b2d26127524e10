using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Mainstay.Routing;

/// <summary>Why a request went where it went: every choice with its candidates, every attempt, every reflex, in their order.</summary>
/// <param name="RequestId">As answered in the X-Request-Id header.</param>
/// <param name="At">When it arrived.</param>
/// <param name="Service">The service it asked for; null: none matched it.</param>
/// <param name="TableVersion">The table it kept from start to end.</param>
/// <param name="Draw">Its number in [0, 1): which share of a region that is coming back it belongs to.</param>
/// <param name="Result">How it ended for the caller; null: it is still under way.</param>
/// <param name="Status">Status sent to the caller; 0 if none was.</param>
/// <param name="FirstByte">From its arrival to the first byte sent to the caller; zero if none was.</param>
/// <param name="Total">From its arrival to its end.</param>
/// <param name="Steps">What was done, in order.</param>
/// <param name="StepsLeftOut">Later steps for which the record had no room.</param>
public sealed record Decision(
    string RequestId,
    DateTimeOffset At,
    string? Service,
    long TableVersion,
    double Draw,
    OutcomeResult? Result,
    int Status,
    TimeSpan FirstByte,
    TimeSpan Total,
    ImmutableArray<DecisionStep> Steps,
    int StepsLeftOut)
{
    /// <summary>The attempts that ended.</summary>
    [JsonIgnore]
    public int Attempts => Steps.Count(s => s.Kind == DecisionStepKind.Attempt);
}

/// <summary>What a step of a decision was.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DecisionStepKind>))]
public enum DecisionStepKind
{
    /// <summary>A server was chosen, or none could be.</summary>
    Choice,

    /// <summary>An attempt ended.</summary>
    Attempt,

    /// <summary>A reflex acted.</summary>
    Reflex,
}

/// <summary>One step of a decision. What its kind has no use for is null, empty or zero.</summary>
/// <param name="Kind">What it was.</param>
/// <param name="After">From the request's arrival.</param>
public sealed record DecisionStep(DecisionStepKind Kind, TimeSpan After)
{
    /// <summary>The server that was chosen or tried; null: none, or of no matter.</summary>
    public string? Server { get; init; }

    /// <summary>Its region.</summary>
    public string? Region { get; init; }

    /// <summary>Of a choice: the servers it was made among, the chosen one first.</summary>
    public ImmutableArray<Candidate> Candidates { get; init; } = [];

    /// <summary>Of a choice: further servers for which the record had no room.</summary>
    public int CandidatesLeftOut { get; init; }

    /// <summary>Of an attempt: how it ended.</summary>
    public AttemptResult? Result { get; init; }

    /// <summary>Of an attempt: the status the server answered; 0 if none.</summary>
    public int Status { get; init; }

    /// <summary>Of an attempt: from its start to its first byte, or to its failure if none came.</summary>
    public TimeSpan FirstByte { get; init; }

    /// <summary>Which reflex acted.</summary>
    public Reflex? Reflex { get; init; }

    /// <summary>Of a reflex: how much; what it means stands with each.</summary>
    public long Amount { get; init; }

    /// <summary>Of a reflex: of how much at most; 0: unknown.</summary>
    public long Of { get; init; }
}

/// <summary>A server that a choice was made among.</summary>
/// <param name="Server">Name of the server.</param>
/// <param name="Region">Its region.</param>
/// <param name="Outstanding">Attempts under way on it at that moment.</param>
/// <param name="Weight">Its share of the work beside its peers.</param>
/// <param name="Why">Why it was passed over; of the chosen one what spoke against it, though nothing was better.</param>
/// <param name="Share">Share of the requests that a remedy lets through to it, 0 to 1; null: no remedy concerns it.</param>
public sealed record Candidate(string Server, string Region, int Outstanding, double Weight, PassedOver Why, double? Share)
{
    /// <summary>Of a model: requests on its engine that this gateway did not send, as its metrics said within the last seconds; 0: none, or nobody knows.</summary>
    public int Others { get; init; }
}

/// <summary>What acted on a request without anybody's judgement.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Reflex>))]
public enum Reflex
{
    /// <summary>It is tried again. Amount: second attempts of the last ten seconds, of so many allowed.</summary>
    Retried,

    /// <summary>It is not tried again: the retry budget is spent. Amount as for <see cref="Retried"/>.</summary>
    RetryRefused,

    /// <summary>It is not tried again: it may have reached a server, and sending it twice may do harm.</summary>
    NotRepeatable,

    /// <summary>It is not tried again: its attempts are used up. Amount: attempts.</summary>
    LastAttempt,

    /// <summary>It is not tried again: its body is longer than what is kept for that. Amount: bytes kept at most.</summary>
    BodyTooLong,

    /// <summary>It is not tried again: every server has been tried.</summary>
    NoOtherServer,

    /// <summary>It is not tried again: a server asked for less work, and the others may be worse off.</summary>
    OthersWorse,

    /// <summary>It is not tried again: others wait for a place. Amount: requests waiting.</summary>
    Overload,

    /// <summary>A second attempt runs beside the first, which is slow. Amount: milliseconds waited before.</summary>
    Hedged,

    /// <summary>It waited for a free place. Amount: milliseconds.</summary>
    Waited,

    /// <summary>It was not let in: the servers are overloaded and others matter more. Amount: requests waiting.</summary>
    Shed,

    /// <summary>Too few servers are left, so the breakers were not heeded. Amount: servers left, of so many.</summary>
    Panic,

    /// <summary>It was stored in the queue of when_down, to be sent when a server is back. Amount: requests in the queue.</summary>
    Queued,

    /// <summary>It got the answer that is kept for when no server is left.</summary>
    AnsweredFromFile,

    /// <summary>It was not let in: its key has reached a limit of the minute. Amount: the limit.</summary>
    OverLimit,

    /// <summary>It was not let in: its key has too little left of its budget of the day. Amount: the budget.</summary>
    OverBudget,

    /// <summary>Its answer was cut, and another server is to go on with it. Amount: characters that its caller has already.</summary>
    Continued,
}

/// <summary>A decision that the data plane thinks worth keeping: sampled, few a minute.</summary>
/// <param name="At">When the request ended.</param>
/// <param name="Decision">Why it went where it went.</param>
public sealed record DecisionReport(DateTimeOffset At, Decision Decision) : Observation(At);
