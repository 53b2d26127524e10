using System.Collections.Immutable;

namespace Mainstay.Routing;

/// <summary>What is known of a request while it is served: which servers it tried, and how that went.</summary>
internal sealed class RequestInProgress(Exchange exchange, LiveService service, long tableVersion, TimeProvider clock)
{
    private readonly long _arrived = clock.GetTimestamp();
    private ImmutableArray<Attempt> _attempts = [];
    private long _attemptStarted;
    private TimeSpan _attemptFirstByte;
    private TimeSpan _firstByte;
    private bool _whole;
    private bool _callerLeft;

    public Exchange Exchange => exchange;

    public LiveService Service => service;

    /// <summary>Servers tried so far, the present one included.</summary>
    public ImmutableArray<LiveServer> Tried { get; private set; } = [];

    /// <summary>Number of the present attempt, from 1.</summary>
    public int Attempt => Tried.Length;

    public void Begin(LiveServer.Place place)
    {
        Tried = Tried.Add(place.Server);
        _attemptStarted = clock.GetTimestamp();
    }

    public void NoteFirstByte() => _attemptFirstByte = clock.GetElapsedTime(_attemptStarted);

    public void NoteAnswerStarted() => _firstByte = clock.GetElapsedTime(_arrived);

    /// <summary>Ends the present attempt and gives its place back.</summary>
    public void End(LiveServer.Place place, AttemptResult result, int status, bool wholeAnswer = false)
    {
        var attempt = new Attempt(place.Server.Name, place.Server.Spec.Region, result, status, _attemptFirstByte);
        _attempts = _attempts.Add(attempt);
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
        var result = _callerLeft || (leftBefore && !_whole) ? OutcomeResult.CallerLeft
            : status is >= 400 and < 500 && _whole ? OutcomeResult.CallerError
            : status is 101 or (>= 200 and < 500) && (_whole || _attempts.IsEmpty) ? OutcomeResult.Succeeded
            : OutcomeResult.Failed;
        var customer = service.Spec.CustomerHeader is { } header ? exchange.FieldText(header) : null;
        return new Outcome(
            clock.GetUtcNow(), exchange.Id, tableVersion, service.Spec.Name, string.IsNullOrEmpty(customer) ? null : customer,
            result, status, _firstByte, clock.GetElapsedTime(_arrived), _attempts);
    }
}
