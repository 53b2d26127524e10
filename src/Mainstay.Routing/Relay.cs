using Mainstay.Routing.Upstream;

namespace Mainstay.Routing;

/// <summary>Passes a server's answer on to the caller as it comes, and cuts it where the server cut it.</summary>
internal static class Relay
{
    /// <summary>A server and a caller that are both fast would otherwise keep the thread that polls other connections, too.</summary>
    private const int PartsInTurn = 16;

    public static async Task SendAsync(RequestInProgress request, LiveServer.Place place, UpstreamAnswer answer, AttemptResult result)
    {
        if (answer.Status == 101)
        {
            await SwitchAsync(request, place, answer);
            return;
        }
        var exchange = request.Exchange;
        await using var _ = answer;
        try
        {
            exchange.TakeHead(answer.Status, answer.Fields);
            request.NoteAnswerStarted();
            await exchange.StartAnswerAsync(exchange.CallerLeft);
            for (var parts = 1; !answer.Part.IsEmpty; parts++)
            {
                await exchange.AnswerBody.WriteAsync(answer.Part, exchange.CallerLeft);
                await answer.ReadNextAsync(request.Service.Spec.Timeouts.Idle);
                if (parts % PartsInTurn == 0)
                    await Task.Yield();
            }
            if (exchange.AnswerTrailers is { } trailers)
                answer.CopyTrailersTo(trailers);
            request.End(place, result, answer.Status, wholeAnswer: true);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            request.End(place, exchange.CallerLeft.IsCancellationRequested ? AttemptResult.CallerLeft : answer.Cut, answer.Status);
            exchange.Abort();
        }
        catch (InvalidOperationException e) when (!exchange.AnswerStarted)
        {
            // The front refuses a header field, such as one with control characters.
            request.End(place, AttemptResult.Broken, answer.Status);
            exchange.ForgetAnswer();
            await OwnAnswer.WriteAsync(exchange, 502, $"The answer of server {place.Server.Spec.Name} cannot be sent on: {e.Message}");
        }
        finally
        {
            // A bug must cost one request, not a place on the server for ever.
            place.Leave(failed: null);
        }
    }

    /// <summary>101: caller and server go on in another protocol. The attempt lasts as long as they do.</summary>
    private static async Task SwitchAsync(RequestInProgress request, LiveServer.Place place, UpstreamAnswer answer)
    {
        var exchange = request.Exchange;
        await using var _ = answer;
        try
        {
            request.NoteAnswerStarted();
            // The server did its work: its breaker must not wait for a tunnel that may last for hours.
            place.NoteAnswered();
            var caller = await exchange.SwitchAsync(answer.Fields);
            var result = await answer.TunnelAsync(caller, request.Service.Spec.Timeouts, exchange.Stopping);
            request.End(place, result, 101, wholeAnswer: result == AttemptResult.Answered);
            if (result != AttemptResult.Answered)
                exchange.Abort();
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            request.End(place, AttemptResult.CallerLeft, 101);
            exchange.Abort();
        }
        finally
        {
            place.Leave(failed: null);
        }
    }
}
