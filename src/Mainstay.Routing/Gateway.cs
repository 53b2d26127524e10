using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Models;
using Mainstay.Routing.Queue;
using Mainstay.Routing.Sockets;
using Mainstay.Routing.Upstream;
using Mainstay.Routing.Upstream.Protocols;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Mainstay.Routing;

/// <summary>The data plane: one request, from the caller to the first server that answers it.</summary>
public sealed partial class Gateway : IDisposable
{
    private readonly LiveRoutes _routes;
    private readonly Picker _picker;
    private readonly OutcomeFeed _feed;
    private readonly TimeProvider _clock;
    private readonly Random _random;
    private readonly ILogger<Gateway> _log;
    private readonly HttpUpstream _upstream;
    private readonly Entrance _entrance;
    private readonly Hedging _hedging;
    private readonly DecisionSampler _sampler;
    private readonly ModelGateway _models;

    /// <param name="sign">Signs requests to models in a cloud; null: none are sent there.</param>
    public Gateway(
        LiveRoutes routes, Picker picker, OutcomeFeed feed, TimeProvider clock, Random random, ILogger<Gateway> log, RequestSigner? sign = null)
    {
        (_routes, _picker, _feed, _clock, _random, _log) = (routes, picker, feed, clock, random, log);
        _upstream = new HttpUpstream(clock, random.NextInt64());
        _entrance = new Entrance(picker, clock);
        _hedging = new Hedging(picker, clock);
        _sampler = new DecisionSampler(feed);
        Decisions = new DecisionRing(clock);
        Queues = new RequestQueues(clock);
        _models = new ModelGateway(_upstream, _entrance, picker, Decisions, sign, clock, new Random(random.Next()));
    }

    /// <summary>Why the latest requests went where they went.</summary>
    public DecisionRing Decisions { get; }

    /// <summary>What waits for a server.</summary>
    internal RequestQueues Queues { get; }

    /// <summary>Opens the queues of when_down, so that the first request finds them. One that cannot be opened is tried again later.</summary>
    public void OpenQueues()
    {
        foreach (var service in _routes.Current.Services)
            Queues.Open(service.Spec);
    }

    /// <summary>Sends what waits in the queues until cancelled.</summary>
    public Task RunQueuesAsync(CancellationToken cancel) => new QueueReplay(_routes, Queues, _feed, exchange => HandleAsync(exchange).AsTask(), _clock).RunAsync(cancel);

    public void Dispose()
    {
        Queues.Dispose();
        _upstream.Dispose();
    }

    /// <summary>Serves one request. Never throws for what a caller or a server does.</summary>
    public ValueTask HandleAsync(Exchange exchange)
    {
        // 1. One table for the whole request.
        var table = _routes.Current;

        // 2. The service that the caller means; or the result of a request that waited in a queue.
        if (exchange.Target.StartsWith(RequestQueues.Path, StringComparison.Ordinal) && !exchange.IsReplay)
            return new(Queues.AnswerAsync(exchange));
        var service = table.Match(HostOnly(exchange.Host), exchange.Target);
        var draw = Draw();
        // Models are asked and answered in their own way, by the same steps.
        if (service is { Spec.Api: not ModelApi.Http })
            return new(_models.HandleAsync(exchange, table, service, draw, Close));
        var decision = Decisions.Begin(exchange.IsReplay ? "" : exchange.Id, service, table.Table.Version, draw);
        if (service is not null)
            return ForwardAsync(exchange, table, service, draw, decision);
        decision.Ended(OutcomeResult.CallerError, 404, default, default);
        return new(OwnAnswer.NoServiceAsync(exchange));
    }

    [AsyncMethodBuilder(typeof(PooledBuilder))]
    private async ValueTask ForwardAsync(Exchange exchange, LiveTable table, LiveService service, double draw, DecisionRecord decision)
    {
        var request = new RequestInProgress(exchange, service, table.Table.Version, decision, _clock);
        using var body = exchange.RequestBody is { } reader ? new ReplayableBody(reader, service.Spec.Retry.ReplayLimit) : null;
        var total = _upstream.Deadline(service.Spec.Timeouts.Total);
        service.Retries.NoteRequest();
        try
        {
            while (true)
            {
                // 3. A server, and a place on it; while every place is taken, a turn in the queue.
                var place = await _entrance.EnterAsync(request, draw);
                if (place is null)
                {
                    await AnswerItselfAsync(request, null, body, draw);
                    break;
                }

                // 4. One attempt, up to the first bytes of the answer; if it is slow and the service hedges, one more beside it.
                var attempt = HedgesAfter(request) is { } after ? HedgeAsync(request, place, body, total, after, draw) : TryAsync(request, place, body, total);
                (place, var result, var answer) = await attempt;

                // 5. Failed, and allowed to try elsewhere: nothing has been sent to the caller yet.
                if (TriesAgain(request, result, body, draw))
                {
                    await DiscardAsync(request, place, result, answer);
                    continue;
                }

                // 6. The answer, as it comes; or the reason why there is none.
                if (answer is null || IsReplacedWhenDown(request, answer))
                {
                    await DiscardAsync(request, place, result, answer);
                    await AnswerItselfAsync(request, result, body, draw);
                }
                else
                {
                    await Relay.SendAsync(request, place, answer, result);
                }
                break;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The caller left while it was being answered.
            exchange.Abort();
        }

        // 7. What became of it.
        Close(request);
    }

    /// <summary>No server answered: the request is queued, if its service does that and it may be; else its caller is told why.</summary>
    /// <param name="request">Nothing of its answer has been sent.</param>
    /// <param name="result">How the last attempt failed; null: there was no server for one.</param>
    /// <param name="body">Its body; null: none.</param>
    /// <param name="draw">Of the request.</param>
    private async Task AnswerItselfAsync(RequestInProgress request, AttemptResult? result, ReplayableBody? body, double draw)
    {
        if (result is not (AttemptResult.CallerLeft or AttemptResult.TotalTimeout)
            && request.Shed == Shed.No
            && await Queues.TryKeepAsync(request, body, MaySendTwice(request)))
            return;
        await (result is { } failure ? OwnAnswer.FailureAsync(request, failure, body) : OwnAnswer.NoServerAsync(request, draw));
    }

    private void Close(RequestInProgress request)
    {
        var outcome = request.Outcome();
        request.Decision.Ended(outcome.Result, outcome.Status, outcome.FirstByte, outcome.Total);
        _feed.Report(outcome);
        _sampler.Offer(outcome, Decisions);
        request.Exchange.NoteEnd(outcome);
    }

    [AsyncMethodBuilder(typeof(PooledBuilder<>))]
    private async ValueTask<TriedPlace> TryAsync(
        RequestInProgress request, LiveServer.Place place, ReplayableBody? body, long total, CancellationToken givenUp = default)
    {
        request.Begin(place);
        try
        {
            var service = request.Service;
            var trust = service.Trust?.Current ?? ServerTrust.OfMachine;
            var (result, answer, why) = service.Spec.Protocol == ServerProtocol.Http2
                ? await _upstream.Http2.SendAsync(request.Exchange, service.Spec, trust, place.Server, body, total, givenUp)
                : await _upstream.SendAsync(request.Exchange, service.Spec, trust, place.Server, body, MaySendTwice(request), total, givenUp);
            place.Why = why;
            if (answer is not null)
                result = Judge(place.Server, answer);
            request.NoteFirstByte(place, result, refused: answer is { Status: 429 or 503 });
            return new(place, result, answer);
        }
        catch (Exception e)
        {
            // A bug must cost one request, not a place on the server for ever.
            place.Leave(failed: null);
            LogBug(e, request.Exchange.Id);
            throw;
        }
    }

    /// <summary>When a second attempt begins beside this one; null: never. Only the first attempt gets company, of what may be
    /// sent twice, needs no talk with the caller meanwhile, and is waited for.</summary>
    private static TimeSpan? HedgesAfter(RequestInProgress request) =>
        request.Service.Spec.Hedge is not null && request.Tried.IsEmpty
        && request.Exchange is { Upgrade.Length: 0, ExpectsContinue: false, IsReplay: false } && MaySendTwice(request)
            ? Hedging.After(request.Service)
            : null;

    private ValueTask<TriedPlace> HedgeAsync(
        RequestInProgress request, LiveServer.Place place, ReplayableBody? body, long total, TimeSpan after, double draw)
    {
        // Made now by one thread, what both attempts will only read.
        var exchange = request.Exchange;
        _ = (exchange.Method, exchange.Target, exchange.Host, exchange.CallerName, exchange.CallerLeft);
        if (!exchange.IsTraced)
            _upstream.BeginTrace(exchange);
        return new(_hedging.SendAsync(
            request, place, body, after, draw, (onPlace, copy, givenUp) => TryAsync(request, onPlace, copy, total, givenUp).AsTask()));
    }

    private bool TriesAgain(RequestInProgress request, AttemptResult result, ReplayableBody? body, double draw)
    {
        var (retry, budget) = (request.Service.Spec.Retry, request.Service.Retries);
        if (result is AttemptResult.Answered or AttemptResult.CallerLeft or AttemptResult.TotalTimeout)
            return false;
        if (!MayTryAgain(request, result, body))
        {
            var isLast = request.Attempt >= retry.Attempts;
            request.Decision.Acted(
                isLast ? Reflex.LastAttempt : body is { CanReplay: false } ? Reflex.BodyTooLong : Reflex.NotRepeatable,
                isLast ? request.Attempt : retry.ReplayLimit);
            return false;
        }
        // While requests wait, another attempt is another request's place: only what broke, or matters most, gets one.
        var isBroken = result.SurelyNotReached() || result == AttemptResult.Broken;
        if (!isBroken && request.Service.Admission.IsOverloaded && request.Priority != Priority.Critical)
        {
            request.Decision.Acted(Reflex.Overload, request.Service.Admission.Waiting);
            return false;
        }
        if (_picker.Pick(request.Service, request.Tried, draw) is not { } other || !IsWorthTrying(other, result))
        {
            request.Decision.Acted(result == AttemptResult.Overloaded ? Reflex.OthersWorse : Reflex.NoOtherServer);
            return false;
        }
        var isAllowed = budget.TrySpend(retry.Budget);
        var (used, allowed) = budget.Standing(retry.Budget);
        request.Decision.Acted(isAllowed ? Reflex.Retried : Reflex.RetryRefused, used, allowed);
        return isAllowed;
    }

    /// <summary>What an answer says of its server; one that asks to be spared is spared.</summary>
    private AttemptResult Judge(LiveServer server, UpstreamAnswer answer)
    {
        if (answer.Status is 429 or 503 && RetryAfter.Read(answer.Fields, _clock.GetUtcNow()) is { } time)
            server.Breaker.Rest(time);
        return answer.Status switch
        {
            429 => AttemptResult.Overloaded,
            501 or 505 or < 500 => AttemptResult.Answered,
            _ => AttemptResult.ServerError,
        };
    }

    /// <summary>A caller who was asked to come later is not sent to a server that may be worse off.</summary>
    private static bool IsWorthTrying(LiveServer other, AttemptResult result) =>
        result != AttemptResult.Overloaded || (other.IsWell && other.Breaker is { Standing: Hold.None, IsResting: false });

    private static bool MayTryAgain(RequestInProgress request, AttemptResult result, ReplayableBody? body)
    {
        if (result is AttemptResult.Answered or AttemptResult.CallerLeft or AttemptResult.TotalTimeout)
            return false;
        if (request.Attempt >= request.Service.Spec.Retry.Attempts || body is { CanReplay: false })
            return false;
        return result.SurelyNotReached() || MaySendTwice(request);
    }

    /// <summary>"Sent twice?": what may have reached a server is sent again only if that does no harm.</summary>
    private static bool MaySendTwice(RequestInProgress request) =>
        request.Service.Spec.Retry.ReplaySafe
        || HttpMethods.IsIdempotent(request.Exchange.Method)
        || request.Exchange.HasField("Idempotency-Key");

    private static async ValueTask DiscardAsync(RequestInProgress request, LiveServer.Place place, AttemptResult result, UpstreamAnswer? answer)
    {
        var status = answer?.Status ?? 0;
        if (answer is not null)
            await answer.DisposeAsync();
        request.End(place, result, status);
    }

    /// <summary>True if the last answer says no more than that nobody could serve the request, and the service has a better one.</summary>
    private bool IsReplacedWhenDown(RequestInProgress request, UpstreamAnswer answer) =>
        answer.Status is 502 or 503 or 504 && !request.Exchange.IsReplay
        && (request.Service.Spec.AnswerWhenDown is not null || (Queues.Of(request.Service.Spec) is not null && MaySendTwice(request)));

    private static ReadOnlySpan<char> HostOnly(string host)
    {
        var colon = host.LastIndexOf(':');
        return colon < 0 || host.EndsWith(']') ? host : host.AsSpan(0, colon);
    }

    private double Draw()
    {
        lock (_random)
            return _random.NextDouble();
    }

    [LoggerMessage(LogLevel.Error, "A bug failed request {RequestId}; others go on.")]
    private partial void LogBug(Exception exception, string requestId);
}
