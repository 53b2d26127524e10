using Mainstay.Routing.Upstream;

namespace Mainstay.Routing;

/// <summary>Passes a server's answer on to the caller as it comes, and cuts it where the server cut it.</summary>
internal static class Relay
{
    public static async Task SendAsync(RequestInProgress request, LiveServer.Place place, UpstreamAnswer answer, AttemptResult result)
    {
        var exchange = request.Exchange;
        await using var _ = answer;
        try
        {
            exchange.TakeHead(answer.Status, answer.Fields);
            request.NoteAnswerStarted();
            await exchange.StartAnswerAsync(exchange.CallerLeft);
            if (answer.IsOnlyHead)
            {
                await exchange.AnswerBody.FlushAsync(exchange.CallerLeft);
                await answer.ReadNextAsync(request.Service.Spec.Timeouts.Idle);
            }
            while (!answer.Part.IsEmpty)
            {
                await exchange.AnswerBody.WriteAsync(answer.Part, exchange.CallerLeft);
                await answer.ReadNextAsync(request.Service.Spec.Timeouts.Idle);
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
            exchange.AnswerHeaders.Clear();
            exchange.AnswerHeaders["X-Request-Id"] = exchange.Id;
            await OwnAnswer.WriteAsync(exchange, 502, $"The answer of server {place.Server.Spec.Name} cannot be sent on: {e.Message}");
        }
        finally
        {
            // A bug must cost one request, not a place on the server for ever.
            place.Leave(failed: null);
        }
    }
}
