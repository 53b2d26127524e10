using System.Collections.Immutable;

namespace Mainstay.Routing;

/// <summary>What is known of a request while it is served: which servers it tried, and how that went.</summary>
internal sealed class RequestInProgress(Exchange exchange, LiveService service, long tableVersion, DecisionRecord decision, TimeProvider clock)
{
    private readonly long _arrived = decision.Arrived;
    private ImmutableArray<Attempt> _attempts = [];
    private long _attemptStarted;
    private TimeSpan _attemptFirstByte;
    private TimeSpan _firstByte;
    private bool _whole;
    private bool _callerLeft;
    private bool _queued;

    public Exchange Exchange => exchange;

    public LiveService Service => service;

    /// <summary>Why it goes where it goes, for the record.</summary>
    public DecisionRecord Decision => decision;

    /// <summary>Servers tried so far, the present one included.</summary>
    public ImmutableArray<LiveServer> Tried { get; private set; } = [];

    /// <summary>Number of the present attempt, from 1.</summary>
    public int Attempt => Tried.Length;

    /// <summary>Why the present attempt failed, in words that go on after the server's name; null if its result says it all.</summary>
    public string? Why { get; set; }

    /// <summary>True once an attempt may have reached a server.</summary>
    public bool MayHaveReached => _attempts.Any(a => a.Result != AttemptResult.NotReached);

    /// <summary>Notes that it was stored instead of served.</summary>
    /// <param name="waiting">Requests in the queue.</param>
    public void NoteQueued(int waiting)
    {
        _queued = true;
        decision.Acted(Reflex.Queued, waiting);
    }

    public void Begin(LiveServer.Place place)
    {
        Tried = Tried.Add(place.Server);
        Why = null;
        _attemptStarted = clock.GetTimestamp();
    }

    /// <summary>The wait of the present attempt is over: its answer begins, or it failed.</summary>
    public void NoteFirstByte(LiveServer.Place place, AttemptResult result)
    {
        _attemptFirstByte = clock.GetElapsedTime(_attemptStarted);
        place.NoteFirstByte(_attemptFirstByte, counts: result is AttemptResult.Answered or AttemptResult.FirstByteTimeout);
    }

    public void NoteAnswerStarted() => _firstByte = clock.GetElapsedTime(_arrived);

    /// <summary>Ends the present attempt and gives its place back.</summary>
    public void End(LiveServer.Place place, AttemptResult result, int status, bool wholeAnswer = false)
    {
        var attempt = new Attempt(place.Server.Name, place.Server.Spec.Region, result, status, _attemptFirstByte) { Why = Why };
        _attempts = _attempts.Add(attempt);
        decision.Tried(place.Server, result, status, _attemptStarted, _attemptFirstByte);
        _whole = wholeAnswer;
        _callerLeft = result == AttemptResult.CallerLeft;
        place.Leave(result == AttemptResult.CallerLeft ? null : attempt.Failed);
    }

    /// <summary>The record of the ended request.</summary>
    public Outcome Outcome()
    {
        var status = exchange.AnswerStarted ? exchange.AnswerStatus : 0;
        // Aborting an answer that a server cut cancels CallerLeft, too: once it began, the attempt knows who ended it.
        var leftBefore = exchange.CallerLeft.IsCancellationRequested && !exchange.AnswerStarted;
        var result = _queued ? OutcomeResult.Queued
            : _callerLeft || (leftBefore && !_whole) ? OutcomeResult.CallerLeft
            : status is >= 400 and < 500 && _whole ? OutcomeResult.CallerError
            : status is 101 or (>= 200 and < 500) && (_whole || _attempts.IsEmpty) ? OutcomeResult.Succeeded
            : exchange.IsReplay ? OutcomeResult.Queued
            : OutcomeResult.Failed;
        var customer = service.Spec.CustomerHeader is { } header ? exchange.FieldText(header) : null;
        return new Outcome(
            clock.GetUtcNow(), exchange.Id, tableVersion, service.Spec.Name, string.IsNullOrEmpty(customer) ? null : customer,
            result, status, _firstByte, clock.GetElapsedTime(_arrived), _attempts);
    }
}
