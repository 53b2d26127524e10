using Mainstay.Routing.Upstream;

namespace Mainstay.Routing;

/// <summary>
/// A second attempt beside the first, when the first is slower than 95 of 100 (or than a given time) and a budget allows it;
/// the first to answer wins, the other is given up without blame (Dean and Barroso, "The Tail at Scale", CACM 2013). The
/// exchange has one thread: while attempts run it is only read, and the loser has ended before the answer is relayed.
/// </summary>
internal sealed class Hedging(Picker picker, TimeProvider clock)
{
    /// <summary>Begins one attempt and ends with the first bytes of the answer; cancelled, it ends at once.</summary>
    public delegate Task<TriedPlace> Attempt(LiveServer.Place place, ReplayableBody? body, CancellationToken givenUp);

    /// <summary>How long to wait for the first byte before a second attempt; null: none will be made.</summary>
    public static TimeSpan? After(LiveService service) =>
        service.Spec.Hedge is not { } hedge ? null : hedge.After ?? service.State.UsualFirstByte;

    /// <summary>Attempts on the first server, and if that takes too long on a second one as well.</summary>
    /// <param name="request">May be sent twice; what its exchange finds out only when asked has been asked for.</param>
    /// <param name="first">Where the first attempt is made.</param>
    /// <param name="body">Of the request; a second attempt is made only once all of it is kept.</param>
    /// <param name="after">As <see cref="After"/> said.</param>
    /// <param name="draw">Of the request.</param>
    /// <param name="attempt">Makes one.</param>
    /// <returns>The attempt whose end counts; the other, if there was one, has ended and left its place.</returns>
    public async Task<TriedPlace> SendAsync(
        RequestInProgress request, LiveServer.Place first, ReplayableBody? body, TimeSpan after, double draw, Attempt attempt)
    {
        request.Service.State.Hedges.NoteRequest();
        using var giveUpFirst = new CancellationTokenSource();
        using var giveUpSecond = new CancellationTokenSource();
        var one = attempt(first, body, giveUpFirst.Token);
        if (await EndsWithinAsync(one, after) || SecondPlace(request, body, draw) is not { } second)
            return await one;

        request.Decision.Acted(Reflex.Hedged, (long)after.TotalMilliseconds);
        Task<TriedPlace>? two = null;
        try
        {
            two = attempt(second, body?.Copy(), giveUpSecond.Token);
            return await Task.WhenAny(one, two) == one
                ? await SettleAsync(request, await one, two, giveUpSecond)
                : await SettleAsync(request, await two, one, giveUpFirst);
        }
        catch
        {
            // A bug must cost one request, not a place on a server for ever; nor may what it sent be freed while it is being sent.
            await Task.WhenAll(giveUpFirst.CancelAsync(), giveUpSecond.CancelAsync());
            await ((Task)Task.WhenAll(one, two ?? one)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
        request.Decision.Chose(request.Tried, draw, server);
        return server.TryEnter(force: false);
    }

    /// <summary>The first of two has ended. If it answered, the other is given up; if not, the other's end counts.</summary>
    private static async Task<TriedPlace> SettleAsync(RequestInProgress request, TriedPlace ended, Task<TriedPlace> running, CancellationTokenSource giveUp)
    {
        var hasAnswered = ended.Result == AttemptResult.Answered;
        if (hasAnswered)
            await giveUp.CancelAsync();
        var other = await running;
        if (!hasAnswered)
        {
            await LoseAsync(request, ended, ended.Result);
            return other;
        }
        var isOutrun = other.Result == AttemptResult.CallerLeft;
        if (isOutrun && other.Place.Server == request.Tried[^2])
            // It would have taken at least so long; what the second one waited says nothing.
            other.Place.Server.FirstBytes.Add(other.Place.FirstByte);
        await LoseAsync(request, other, isOutrun ? AttemptResult.Outrun : other.Result);
        return ended;
    }

    private static async Task LoseAsync(RequestInProgress request, TriedPlace loser, AttemptResult result)
    {
        var status = loser.Answer?.Status ?? 0;
        if (loser.Answer is not null)
            await loser.Answer.DisposeAsync();
        request.End(loser.Place, result, status);
    }
}

/// <summary>An attempt that ended, or began to be answered; its place is still to be left.</summary>
/// <param name="Place">Where it was made.</param>
/// <param name="Result">How it ended, or Answered.</param>
/// <param name="Answer">To be disposed of; null if there is none.</param>
internal readonly record struct TriedPlace(LiveServer.Place Place, AttemptResult Result, UpstreamAnswer? Answer);
