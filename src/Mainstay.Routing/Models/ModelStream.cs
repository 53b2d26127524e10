using System.Globalization;
using System.Text;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Upstream.Protocols;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Models;

/// <summary>
/// Sends one streamed answer to its caller, event by event. If its server is cut, stalls, drips or says an error, the answer goes on
/// elsewhere after exactly the text that the caller has; if it cannot, it ends with one error event, never as if it were whole.
/// </summary>
internal sealed class ModelStream(ModelCall call)
{
    /// <summary>Characters of an answer that are kept to go on from.</summary>
    private const int MostKept = 4 << 20;

    /// <summary>Tokens after which the load of the server is reckoned anew.</summary>
    private const int CountEvery = 16;

    /// <summary>Times that one answer is gone on with.</summary>
    private const int MostCuts = 5;

    /// <summary>Once the answer said why it ends, the usage and the end follow at once, or are not waited for.</summary>
    private static readonly TimeSpan AfterFinish = TimeSpan.FromMilliseconds(500);

    private readonly StringBuilder _sent = new();
    private readonly StreamNames _names = new();
    private bool _isFinished;
    private bool _hasTools;
    private bool _hasUsage;
    private AnswerPart? _end;
    private TokenUsage _before;
    private long _tokens;
    private long _charged;
    private TokenUsage? _usage;

    /// <summary>Finds an attempt that has a token to go on with.</summary>
    /// <param name="begun">What the caller has.</param>
    /// <param name="model">The name that the server which was cut has of its model.</param>
    public delegate Task<ModelAttempt?> Continue(string begun, string model);

    /// <summary>Sends the answer to its end.</summary>
    /// <param name="attempt">It has a first token. The caller of this disposes of it.</param>
    /// <param name="goOn">Finds another one.</param>
    public async Task SendAsync(ModelAttempt attempt, Continue goOn)
    {
        var (exchange, request) = (call.Exchange, call.Request);
        Begin(attempt);
        request.NoteAnswerStarted();
        await exchange.StartAnswerAsync(exchange.CallerLeft);
        var present = attempt;
        Repetition? repetition = null;
        for (var cuts = 0; ; cuts++)
        {
            var isWhole = await RelayAsync(present, repetition);
            var isCallerGone = exchange.CallerLeft.IsCancellationRequested;
            var result = isWhole ? AttemptResult.Answered : isCallerGone ? AttemptResult.CallerLeft : present.Result;
            Charge(present);
            request.End(present.Place, result, present.Status, wholeAnswer: isWhole);
            if (present != attempt)
                await present.DisposeAsync();
            if (isWhole || isCallerGone)
                break;
            var begun = _sent.ToString();
            var mayGoOn = cuts < MostCuts && !_hasTools && result != AttemptResult.TotalTimeout && begun.Length is > 0 and < MostKept;
            if (mayGoOn && call.MayGoOn)
                request.Decision.Acted(Reflex.Continued, begun.Length);
            call.Asked.SentTokens = (int)Math.Min(_tokens, int.MaxValue);
            var next = mayGoOn ? await goOn(begun, present.Model) : null;
            if (next is null)
            {
                await EndWithErrorAsync(present);
                return;
            }
            call.Continued++;
            exchange.AnswerTrailers?.Append("X-Mainstay-Continued", string.Create(
                CultureInfo.InvariantCulture, $"{next.Place.Server.Name}; after={begun.Length}; by={(next.IsPrefilled ? "prefill" : "repetition")}"));
            repetition = new Repetition(begun, mayGoOn: next.IsPrefilled);
            // What was read and written before the cut was used as well.
            _before = new TokenUsage(_before.Prompt + call.Asked.PromptTokens, _tokens);
            present = next;
        }
        if (exchange.CallerLeft.IsCancellationRequested)
            exchange.Abort();
    }

    /// <summary>What one server did is counted, whether or not it came to its end.</summary>
    private void Charge(ModelAttempt attempt)
    {
        call.Charge(attempt.Place.Server, _usage ?? new TokenUsage(call.Asked.PromptTokens, _tokens - _charged));
        if (!_hasUsage)
            call.Request.NoteUsage(attempt.Model, new TokenUsage(call.Asked.PromptTokens + _before.Prompt, _tokens));
        (_charged, _usage) = (_tokens, null);
    }

    private void Begin(ModelAttempt attempt)
    {
        var exchange = call.Exchange;
        if (attempt.Fields is { } fields && attempt.Protocol.Api == call.Asked.Api)
            ModelAnswer.TakeHead(exchange, 200, fields);
        exchange.AnswerStatus = 200;
        exchange.AnswerHeaders.ContentType = call.Protocol.StreamType;
        exchange.AnswerHeaders.CacheControl = "no-cache";
        exchange.AnswerHeaders.ContentLength = null;
    }

    /// <summary>Sends what one server says, to its end.</summary>
    /// <param name="repetition">Of an answer that goes on: what must not be said twice; null: it is the first.</param>
    /// <returns>False if it was cut; the attempt says how.</returns>
    private async Task<bool> RelayAsync(ModelAttempt attempt, Repetition? repetition)
    {
        var idle = call.Service.Spec.Timeouts.Idle;
        // One that drips is left for another only if there is one, and only once: a slow answer is better than half of one.
        var pace = repetition is null && MayBeLeft(attempt) ? new TokenPace() : null;
        var last = call.Clock.GetTimestamp();
        try
        {
            if (attempt.Whole is { } whole)
                return await SendWholeAsync(attempt, whole, repetition);
            foreach (var part in attempt.Held)
                if (!Write(attempt, part, repetition))
                    return await EndAsync(attempt, repetition);
            while (true)
            {
                // What is here goes out together; then the next bytes are waited for.
                while (attempt.TryRead(out var ready))
                {
                    var isToken = IsToken(ready);
                    if (isToken && Drips(pace, last))
                    {
                        attempt.Fail(AttemptResult.Stalled, "began to drip: its tokens came many times as slowly as its first ones");
                        return false;
                    }
                    if (isToken)
                        last = call.Clock.GetTimestamp();
                    if (!Write(attempt, ready, repetition))
                        return await EndAsync(attempt, repetition);
                }
                await FlushAsync();
                if (await attempt.ReadAsync(() => (_isFinished ? AfterFinish : idle) - call.Clock.GetElapsedTime(last)) is not { } next)
                    return await EndAsync(attempt, repetition);
                if (IsToken(next) || next.Finish != FinishReason.None)
                {
                    var drips = !_isFinished && Drips(pace, last);
                    last = call.Clock.GetTimestamp();
                    if (drips)
                    {
                        attempt.Fail(AttemptResult.Stalled, "began to drip: its tokens came many times as slowly as its first ones");
                        return false;
                    }
                }
                if (!Write(attempt, next, repetition))
                    return await EndAsync(attempt, repetition);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // Whoever has heard why an answer ends has heard all of it.
            return _isFinished && !call.Exchange.CallerLeft.IsCancellationRequested && await EndAsync(attempt, repetition);
        }
    }

    private bool MayBeLeft(ModelAttempt attempt)
    {
        var policy = call.Service.Spec.Continue;
        return call.Asked.IsContinuable && policy != ContinuePolicy.Never && call.Service.Servers.Any(s => s != attempt.Place.Server
            && s is { IsWell: true, LockedOut: null, Breaker: { Standing: Hold.None, IsResting: false } }
            && (policy == ContinuePolicy.Any || (s.Spec.Ai?.Model ?? call.Asked.Model) == attempt.Model));
    }

    private bool Drips(TokenPace? pace, long last) => !_hasTools && pace?.Drips(call.Clock.GetElapsedTime(last).TotalSeconds) == true;

    /// <summary>Writes one event.</summary>
    /// <returns>False if it is the last one of this server: its end, or an error.</returns>
    private bool Write(ModelAttempt attempt, AnswerPart part, Repetition? repetition)
    {
        if (part.Kind == PartKind.Error)
        {
            var verdict = part.Verdict;
            attempt.Fail(AttemptResult.ServerError, $"said in the middle of its answer: {verdict?.Reason}");
            return false;
        }
        if (part.Kind == PartKind.Done)
        {
            _end = part;
            // The last event of responses says why it ends, and what was used.
            NoteFinish(part);
            if (part.Usage is { } used)
            {
                (_hasUsage, _usage) = (true, used);
                call.Request.NoteUsage(attempt.Model, used);
            }
            return false;
        }
        if (repetition is not null)
        {
            // An answer that goes on has its frame already.
            if (part.IsFrame || part.Kind is PartKind.Empty or PartKind.Thought)
                return true;
            if (part.Kind == PartKind.Text || part.Finish != FinishReason.None)
            {
                var rest = repetition.Take(part.Text);
                if (part.Finish != FinishReason.None && repetition.End() is { } held)
                    rest += held;
                if (repetition.HasDiffered)
                {
                    attempt.Fail(AttemptResult.Outrun, "answered otherwise than what its caller has already");
                    return false;
                }
                part = part.WithText(rest);
                if (rest.Length == 0 && part.Finish == FinishReason.None)
                    return true;
            }
        }
        if (part.Kind == PartKind.Text || (part.Kind == PartKind.End && part.Text.Length > 0))
        {
            // Corrected as it streams, now and then: an answer that is longer than expected still counts for something.
            if (++_tokens % CountEvery == 0)
                attempt.Place.SetTokens(Math.Max(CountEvery, call.Expected - _tokens));
            if (_sent.Length < MostKept)
                _sent.Append(part.Text);
        }
        _hasTools |= part.Kind == PartKind.Tool;
        NoteFinish(part);
        if (part.Usage is { } usage)
        {
            (_hasUsage, _usage) = (true, usage);
            if (repetition is not null)
                part = part with { Usage = usage = new(usage.Prompt + _before.Prompt, usage.Answer + _before.Answer), Bytes = default };
            call.Request.NoteUsage(attempt.Model, usage);
        }
        Note(attempt);
        // Its own bytes named the role already.
        _names.HasBegun |= part.Api == call.Asked.Api;
        call.Protocol.WriteEvent(call.Exchange.AnswerBody, part, call.Asked, _names);
        return true;
    }

    private void NoteFinish(AnswerPart part)
    {
        if (part.Finish == FinishReason.None)
            return;
        _isFinished = true;
        call.Finish = part.Finish;
    }

    /// <summary>The stream of one server is over: whole if it said why it ends.</summary>
    private async Task<bool> EndAsync(ModelAttempt attempt, Repetition? repetition)
    {
        if (!_isFinished)
        {
            if (attempt.Result == AttemptResult.Answered)
                attempt.Fail(AttemptResult.Truncated, "ended its answer in the middle");
            await FlushAsync();
            return false;
        }
        // One that is missing is written in its place.
        var end = repetition is null && _end is { } said ? said : new AnswerPart(PartKind.Done) { Api = call.Asked.Api };
        if (!end.Bytes.IsEmpty || call.Asked.Operation != ModelOperation.Response)
            call.Protocol.WriteEvent(call.Exchange.AnswerBody, end, call.Asked, _names);
        await FlushAsync();
        return true;
    }

    private static bool IsToken(AnswerPart part) => part.Kind is PartKind.Text or PartKind.Tool or PartKind.Thought;

    /// <summary>A server that was asked for a stream answered at once.</summary>
    private async Task<bool> SendWholeAsync(ModelAttempt attempt, WholeAnswer whole, Repetition? repetition)
    {
        (_names.Id, _names.Model) = (whole.Id, whole.Model);
        var goesOn = whole.Text.Length == 0 || Write(attempt, new AnswerPart(PartKind.Text) { Text = whole.Text }, repetition);
        for (var i = 0; i < whole.Tools.Count && goesOn; i++)
        {
            var (id, name, arguments) = whole.Tools[i];
            goesOn = Write(attempt, new AnswerPart(PartKind.Tool) { ToolIndex = i, ToolId = id, ToolName = name, Text = arguments }, repetition);
        }
        if (goesOn)
            Write(attempt, new AnswerPart(PartKind.End) { Finish = whole.Finish == FinishReason.None ? FinishReason.Stop : whole.Finish, Usage = whole.Usage }, repetition);
        return await EndAsync(attempt, repetition);
    }

    private async Task EndWithErrorAsync(ModelAttempt attempt)
    {
        var why = attempt.Place.Why is { } reason ? $": it {reason}" : "";
        call.Protocol.WriteFaultEvent(call.Exchange.AnswerBody, new ModelFault(
            502, $"The answer was cut, and nothing could go on with it. Server {attempt.Place.Server.Name} of {call.Service.Spec.Name} was the last{why}. Request {call.Exchange.Id}.")
        {
            Code = "answer_cut",
        });
        await FlushAsync();
    }

    /// <summary>The caller has heard of one id, and keeps it; the model is the one that really serves.</summary>
    private void Note(ModelAttempt attempt)
    {
        var names = attempt.Names;
        if (_names.Id.Length == 0)
            (_names.Id, _names.Created) = (names.Id, names.Created);
        if (names.Model.Length > 0)
            _names.Model = names.Model;
        // Converse names neither, and clients of openai want both.
        if (_names.Id.Length == 0)
            (_names.Id, _names.Created) = ("chatcmpl-" + call.Exchange.Id, call.Clock.GetUtcNow().ToUnixTimeSeconds());
        if (_names.Model.Length == 0)
            _names.Model = attempt.Model;
    }

    private async ValueTask FlushAsync() => await call.Exchange.AnswerBody.FlushAsync(call.Exchange.CallerLeft);
}
