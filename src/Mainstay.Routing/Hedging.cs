using Mainstay.Routing.Upstream;

namespace Mainstay.Routing;

/// <summary>
/// A second attempt beside the first, when the first is slower than 95 of 100 (or than a given time) and a budget allows it;
/// the first to answer wins, the other is given up without blame (Dean and Barroso, "The Tail at Scale", CACM 2013). The
/// exchange has one thread: while attempts run it is only read, and the loser has ended before the answer is relayed.
/// </summary>
internal sealed class Hedging(Picker picker, TimeProvider clock)
{
    /// <summary>One attempt, up to the first bytes of the answer; cancelled, it ends at once.</summary>
    public delegate Task<(AttemptResult Result, UpstreamAnswer? Answer)> Attempt(
        LiveServer.Place place, ReplayableBody? body, CancellationToken givenUp);

    /// <summary>Whose answer counts: its place is still to be left. Whoever lost has ended and left.</summary>
    public readonly record struct Winner(LiveServer.Place Place, AttemptResult Result, UpstreamAnswer? Answer);

    /// <summary>How long to wait for the first byte before a second attempt; null: none will be made.</summary>
    public static TimeSpan? After(LiveService service) =>
        service.Spec.Hedge is not { } hedge ? null : hedge.After ?? service.State.UsualFirstByte;

    /// <summary>Attempts on the first server, and if that takes too long on a second one as well.</summary>
    /// <param name="request">May be sent twice.</param>
    /// <param name="first">Begun by this call.</param>
    /// <param name="body">Of the request; a second attempt is made only once all of it is kept.</param>
    /// <param name="after">As <see cref="After"/> said.</param>
    /// <param name="draw">Of the request.</param>
    /// <param name="attempt">Makes one.</param>
    public async Task<Winner> SendAsync(
        RequestInProgress request, LiveServer.Place first, ReplayableBody? body, TimeSpan after, double draw, Attempt attempt)
    {
        // Made now by one thread, what both attempts will only read.
        var exchange = request.Exchange;
        _ = (exchange.Method, exchange.Target, exchange.Host, exchange.IsTraced);
        request.Service.State.Hedges.NoteRequest();
        using var giveUpFirst = new CancellationTokenSource();
        using var giveUpSecond = new CancellationTokenSource();
        var one = attempt(first, body, giveUpFirst.Token);
        if (await EndsWithinAsync(one, after) || SecondPlace(request, body, draw) is not { } second)
            return Of(first, await one);

        request.Begin(second);
        request.Decision.Chose([first.Server], draw, second.Server);
        request.Decision.Acted(Reflex.Hedged, (long)after.TotalMilliseconds);
        var copy = body?.Copy();
        try
        {
            var two = attempt(second, copy, giveUpSecond.Token);
            if (await Task.WhenAny(one, two) == one)
                return await SettleAsync(request, Of(first, await one), second, two, giveUpSecond);
            return await SettleAsync(request, Of(second, await two), first, one, giveUpFirst);
        }
        catch
        {
            // A bug must cost one request, not a place on a server for ever.
            await Task.WhenAll(giveUpFirst.CancelAsync(), giveUpSecond.CancelAsync());
            first.Leave(failed: null);
            second.Leave(failed: null);
            throw;
        }
    }

    private async Task<bool> EndsWithinAsync(Task attempt, TimeSpan time)
    {
        using var enough = new CancellationTokenSource();
        var delay = Task.Delay(time, clock, enough.Token);
        var ended = await Task.WhenAny(attempt, delay) == attempt;
        await enough.CancelAsync();
        return ended;
    }

    private LiveServer.Place? SecondPlace(RequestInProgress request, ReplayableBody? body, double draw)
    {
        var service = request.Service;
        if (body is { IsWholeAndKept: false } || service.Admission.IsOverloaded || request.Exchange.CallerLeft.IsCancellationRequested)
            return null;
        // Only on a server with nothing against it: a hedge is a favour, not a rescue.
        if (picker.Pick(service, request.Tried, draw) is not { IsWell: true, IsFull: false, Breaker: { IsResting: false } breaker } server
            || breaker.Standing != Hold.None || !service.State.Hedges.TrySpend(service.Spec.Hedge!.Budget))
            return null;
        return server.TryEnter(force: false);
    }

    /// <summary>The first of two has ended. If it answered, the other is given up; if not, the other's end counts.</summary>
    private static async Task<Winner> SettleAsync(
        RequestInProgress request, Winner ended, LiveServer.Place otherPlace, Task<(AttemptResult, UpstreamAnswer?)> otherTask, CancellationTokenSource giveUp)
    {
        var hasAnswered = ended.Result == AttemptResult.Answered;
        if (hasAnswered)
            await giveUp.CancelAsync();
        var other = Of(otherPlace, await otherTask);
        if (!hasAnswered)
        {
            await LoseAsync(request, ended, ended.Result);
            return other;
        }
        if (otherPlace.Server == request.Tried[^2])
            // It would have taken at least so long; what the second one waited says nothing.
            otherPlace.Server.FirstBytes.Add(otherPlace.FirstByte);
        await LoseAsync(request, other, other.Result == AttemptResult.CallerLeft ? AttemptResult.Outrun : other.Result);
        return ended;
    }

    private static async Task LoseAsync(RequestInProgress request, Winner loser, AttemptResult result)
    {
        var status = loser.Answer?.Status ?? 0;
        if (loser.Answer is not null)
            await loser.Answer.DisposeAsync();
        request.End(loser.Place, result, status);
    }

    private static Winner Of(LiveServer.Place place, (AttemptResult Result, UpstreamAnswer? Answer) ended) => new(place, ended.Result, ended.Answer);
}
