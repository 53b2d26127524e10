using System.Collections.Immutable;
using Mainstay.Routing.Keys;

namespace Mainstay.Routing;

/// <summary>What is known of a request while it is served: which servers it tried, and how that went.</summary>
internal sealed class RequestInProgress(Exchange exchange, LiveService service, long tableVersion, DecisionRecord decision, TimeProvider clock)
{
    private readonly long _arrived = decision.Arrived;
    private ImmutableArray<Attempt> _attempts = [];
    private TimeSpan _firstByte;
    private Priority? _priority;
    private bool _whole;
    private bool _callerLeft;
    private bool _queued;
    private int _forgotten;
    private bool _callerError;

    public Exchange Exchange => exchange;

    public LiveService Service => service;

    /// <summary>Why it goes where it goes, for the record.</summary>
    public DecisionRecord Decision => decision;

    /// <summary>Servers tried so far, the present one included.</summary>
    public ImmutableArray<LiveServer> Tried { get; private set; } = [];

    /// <summary>What it has in common with others; default: nothing.</summary>
    public Affinity Affinity { get; set; }

    /// <summary>Servers that cannot serve it, whatever their state.</summary>
    public ImmutableArray<LiveServer> Unfit { get; set; } = [];

    /// <summary>How much it matters; found out only when that matters.</summary>
    public Priority Priority => _priority ??= Key?.Priority ?? Priorities.Of(exchange, service.Spec.Admission);

    /// <summary>The key that its caller brought; null: none that is known.</summary>
    public CallerKey? Key { get; init; }

    /// <summary>The model by the name that its caller asks for; null: none.</summary>
    public string? Model { get; init; }

    /// <summary>What all of its attempts cost, as far as prices are known.</summary>
    public double Cost { get; private set; }

    /// <summary>What each attempt used that brought something of an answer.</summary>
    public ImmutableArray<Charge> Charges { get; private set; } = [];

    /// <summary>Notes what an attempt used and cost.</summary>
    public void Charge(Charge charge) => (Cost, Charges) = (Cost + charge.Cost, Charges.Add(charge));

    /// <summary>Why it was not let in.</summary>
    public Shed Shed { get; set; }

    /// <summary>Number of the present attempt, from 1.</summary>
    public int Attempt => _forgotten + Tried.Length;

    /// <summary>Why the attempt that ended last failed, in words that go on after the server's name; null if its result says it all.</summary>
    public string? Why { get; private set; }

    /// <summary>Name of the server whose attempt ended last: of two that ran beside each other, the one whose end counts.</summary>
    public string LastServer { get; private set; } = "";

    /// <summary>True once an attempt may have reached a server.</summary>
    public bool MayHaveReached => _attempts.Any(a => !a.Result.SurelyNotReached());

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
        place.Began = clock.GetTimestamp();
    }

    /// <summary>How often every server was tried in turn.</summary>
    public int Rounds { get; private set; }

    /// <summary>What a model used for it; null: unknown, or no model was asked.</summary>
    public ModelUse? Use { get; private set; }

    /// <summary>Of a request to a model: what telemetry tells of it; null: no model was asked.</summary>
    public ModelTrail? Trail { get; set; }

    /// <summary>Every server has been tried, and may be tried again. No attempt may be under way.</summary>
    public void ForgetTried() => (_forgotten, Tried, Rounds) = (_forgotten + Tried.Length, [], Rounds + 1);

    /// <summary>The server that was tried last may be tried again, in another way. No attempt may be under way.</summary>
    public void ForgetLast() => (_forgotten, Tried) = (_forgotten + 1, Tried.RemoveAt(Tried.Length - 1));

    /// <summary>The answer blames the caller, whoever wrote it.</summary>
    public void NoteCallerError() => _callerError = true;

    /// <summary>Notes what a model used; of an answer that went on elsewhere, all of it.</summary>
    /// <param name="model">Its server's name of it.</param>
    /// <param name="usage">Tokens.</param>
    public void NoteUsage(string model, Upstream.Protocols.TokenUsage usage) => Use = new ModelUse(model, usage.Prompt, usage.Answer);

    /// <summary>The wait of an attempt is over: its answer begins, or it failed. Two attempts may do so at once.</summary>
    /// <param name="place">Its place.</param>
    /// <param name="result">How the wait ended.</param>
    /// <param name="refused">True if the server said that it has too much to do.</param>
    public void NoteFirstByte(LiveServer.Place place, AttemptResult result, bool refused) =>
        place.NoteFirstByte(clock.GetElapsedTime(place.Began), result, refused);

    public void NoteAnswerStarted() => _firstByte = clock.GetElapsedTime(_arrived);

    /// <summary>Ends an attempt and gives its place back.</summary>
    public void End(LiveServer.Place place, AttemptResult result, int status, bool wholeAnswer = false)
    {
        (Why, LastServer) = (place.Why, place.Server.Name);
        var attempt = new Attempt(place.Server.Name, place.Server.Spec.Region, result, status, place.FirstByte) { Why = Why };
        if (service.Spec.Api != ModelApi.Http)
            attempt = attempt with { Began = clock.GetElapsedTime(_arrived, place.Began), Ended = clock.GetElapsedTime(_arrived) };
        // Of two that run beside each other the later one may end first.
        _attempts = _attempts.Insert(Math.Min(_forgotten + Tried.IndexOf(place.Server), _attempts.Length), attempt);
        decision.Tried(place.Server, result, status, place.Began, place.FirstByte);
        _whole = wholeAnswer;
        _callerLeft = result == AttemptResult.CallerLeft;
        place.Leave(result.SaysNothing() ? null : attempt.Failed);
    }

    /// <summary>Ends an attempt that has not been ended yet.</summary>
    public void EndIfOpen(LiveServer.Place place, AttemptResult result, int status)
    {
        if (!place.HasLeft)
            End(place, result, status);
    }

    /// <summary>The record of the ended request.</summary>
    public Outcome Outcome()
    {
        var status = exchange.AnswerStarted ? exchange.AnswerStatus : 0;
        // Aborting an answer that a server cut cancels CallerLeft, too: once it began, the attempt knows who ended it.
        var leftBefore = exchange.CallerLeft.IsCancellationRequested && !exchange.AnswerStarted;
        var result = _queued ? OutcomeResult.Queued
            : _callerLeft || (leftBefore && !_whole) ? OutcomeResult.CallerLeft
            : status is >= 400 and < 500 && (_whole || _callerError) ? OutcomeResult.CallerError
            : status is 101 or (>= 200 and < 500) && (_whole || _attempts.IsEmpty) ? OutcomeResult.Succeeded
            : exchange.IsReplay ? OutcomeResult.Queued
            : OutcomeResult.Failed;
        var customer = service.Spec.CustomerHeader is { } header ? exchange.FieldText(header) : null;
        if (string.IsNullOrEmpty(customer))
            customer = Key?.Name;
        return new Outcome(
            clock.GetUtcNow(), exchange.Id, tableVersion, service.Spec.Name, customer,
            result, status, _firstByte, clock.GetElapsedTime(_arrived), _attempts)
        {
            Shed = Shed is not (Shed.No or Shed.CallerLeft),
            Use = Use,
            Key = Key?.Name,
            Model = Model,
            Cost = Cost,
            Charges = Charges.IsEmpty ? default : Charges,
            Trail = Trail,
        };
    }
}
