using System.Collections.Immutable;
using Mainstay.Routing.Upstream;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Mainstay.Routing;

/// <summary>The data plane: one request, from the caller to the first server that answers it.</summary>
public sealed partial class Gateway(
    LiveRoutes routes, Picker picker, OutcomeFeed feed, TimeProvider clock, Random random, ILogger<Gateway> log) : IDisposable
{
    private readonly HttpUpstream _upstream = new(clock, random.NextInt64());
    private readonly Hedging _hedging = new(picker, clock);

    public void Dispose() => _upstream.Dispose();

    /// <summary>Serves one request. Never throws for what a caller or a server does.</summary>
    public async Task HandleAsync(Exchange exchange)
    {
        // 1. One table for the whole request.
        var table = routes.Current;

        // 2. The service that the caller means.
        var service = table.Match(HostOnly(exchange.Host), exchange.Target);
        if (service is null)
        {
            await OwnAnswer.WriteAsync(exchange, 404, $"No service matches {exchange.Target}. Compare match.path and match.host in mainstay.yaml.");
            return;
        }

        var request = new RequestInProgress(exchange, service, table.Table.Version, clock);
        using var body = exchange.RequestBody is { } reader ? new ReplayableBody(reader, service.Spec.Retry.ReplayLimit) : null;
        var total = _upstream.Deadline(service.Spec.Timeouts.Total);
        service.Retries.NoteRequest();
        var draw = Draw();
        try
        {
            while (true)
            {
                // 3. A server, and a place on it; while every place is taken, a turn in the queue.
                var place = IsQueueing(request) ? null : Enter(service, request.Tried, draw);
                if (place is null && request.Tried.IsEmpty && service.IsWorthWaiting([]))
                    place = await WaitAsync(request, draw, total);
                if (place is null)
                {
                    await OwnAnswer.NoServerAsync(request, draw);
                    break;
                }

                // 4. One attempt, up to the first bytes of the answer; if it is slow and the service hedges, one more beside it.
                request.Begin(place);
                AttemptResult result;
                UpstreamAnswer? answer;
                if (MayHedge(request) && Hedging.After(service) is { } after)
                    (place, result, answer) = await HedgeAsync(request, place, body, total, after, draw);
                else
                    (result, answer) = await TryAsync(request, place, body, total);

                // 5. Failed, and allowed to try elsewhere: nothing has been sent to the caller yet.
                if (MayTryAgain(request, result, body) && picker.Pick(service, request.Tried, draw) is { } other && IsWorthTrying(other, result)
                    && service.Retries.TrySpend(service.Spec.Retry.Budget))
                {
                    await DiscardAsync(request, place, result, answer);
                    continue;
                }

                // 6. The answer, as it comes; or the reason why there is none.
                if (answer is null || IsReplacedWhenDown(service.Spec, answer))
                {
                    await DiscardAsync(request, place, result, answer);
                    await OwnAnswer.FailureAsync(request, result, body);
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
        feed.Report(request.Outcome());
    }

    private LiveServer.Place? Enter(LiveService service, ImmutableArray<LiveServer> tried, double draw)
    {
        // Another request may take the one place of a half-open breaker between choice and entry: choose again then.
        for (var i = 0; i < 3; i++)
        {
            if (picker.Pick(service, tried, draw) is not { } server)
                return null;
            if (server.TryEnter(force: false) is { } place)
                return place;
        }
        return picker.Pick(service, tried, draw)?.TryEnter(force: true);
    }

    /// <summary>While others wait, whoever comes waits behind those that matter more. A second attempt never waits.</summary>
    private static bool IsQueueing(RequestInProgress request) =>
        request.Service.Admission.Waiting > 0 && request.Tried.IsEmpty && request.Service.IsWorthWaiting([]);

    private async Task<LiveServer.Place?> WaitAsync(RequestInProgress request, double draw, long total)
    {
        var service = request.Service;
        // A place so late that no answer could come in time is of no use.
        var latest = total - (long)(service.UsualWait.TotalSeconds * clock.TimestampFrequency);
        (var place, request.Shed) = await service.Admission.WaitAsync(
            request.Priority, service.Spec.Admission, () => Enter(service, [], draw), latest, request.Exchange.CallerLeft);
        return place;
    }

    private async Task<(AttemptResult, UpstreamAnswer?)> TryAsync(
        RequestInProgress request, LiveServer.Place place, ReplayableBody? body, long total, CancellationToken givenUp = default)
    {
        try
        {
            var (result, answer) = await _upstream.SendAsync(
                request.Exchange, request.Service.Spec, place.Server, body, MaySendTwice(request), total, givenUp);
            if (answer is not null)
                result = Judge(place.Server, answer);
            request.NoteFirstByte(place, result, refused: answer is { Status: 429 or 503 });
            return (result, answer);
        }
        catch (Exception e)
        {
            // A bug must cost one request, not a place on the server for ever.
            place.Leave(failed: null);
            LogBug(e, request.Exchange.Id);
            throw;
        }
    }

    /// <summary>Only the first attempt of what may be sent twice, and of what needs no talk with the caller meanwhile.</summary>
    private static bool MayHedge(RequestInProgress request) =>
        request.Service.Spec.Hedge is not null && request.Attempt == 1 && request.Exchange is { Upgrade.Length: 0, ExpectsContinue: false }
        && MaySendTwice(request);

    private Task<Hedging.Winner> HedgeAsync(
        RequestInProgress request, LiveServer.Place place, ReplayableBody? body, long total, TimeSpan after, double draw) =>
        _hedging.SendAsync(
            request, place, body, after, draw, (onPlace, copy, givenUp) => TryAsync(request, onPlace, copy, total, givenUp));

    /// <summary>What an answer says of its server; one that asks to be spared is spared.</summary>
    private AttemptResult Judge(LiveServer server, UpstreamAnswer answer)
    {
        if (answer.Status is 429 or 503 && RetryAfter.Read(answer.Fields, clock.GetUtcNow()) is { } time)
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
        // While requests wait, another attempt is another request's place: only what broke, or matters most, gets one.
        var isBroken = result is AttemptResult.NotReached or AttemptResult.Broken;
        if (!isBroken && request.Service.Admission.IsOverloaded && request.Priority != Priority.Critical)
            return false;
        return result == AttemptResult.NotReached || MaySendTwice(request);
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
    private static bool IsReplacedWhenDown(Service service, UpstreamAnswer answer) =>
        service.AnswerWhenDown is not null && (answer.Status is 502 or 503 or 504);

    private static ReadOnlySpan<char> HostOnly(string host)
    {
        var colon = host.LastIndexOf(':');
        return colon < 0 || host.EndsWith(']') ? host : host.AsSpan(0, colon);
    }

    private double Draw()
    {
        lock (random)
            return random.NextDouble();
    }

    [LoggerMessage(LogLevel.Error, "A bug failed request {RequestId}; others go on.")]
    private partial void LogBug(Exception exception, string requestId);
}
