using System.Globalization;
using System.Text.Encodings.Web;
using Mainstay.Routing.Upstream;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing;

/// <summary>What the gateway answers itself, because no server did: each says what happened and what would help.</summary>
internal static class OwnAnswer
{
    public static Task NoServiceAsync(Exchange exchange) =>
        WriteAsync(exchange, 404, $"No service matches {exchange.Target}. Compare match.path and match.host in mainstay.yaml.");

    public static Task NoServerAsync(RequestInProgress request, double draw)
    {
        var service = request.Service;
        if (request.Shed != Shed.No)
            return request.Shed == Shed.CallerLeft ? Task.CompletedTask : ShedAsync(request, draw);
        if (service.Spec.AnswerWhenDown is { } fixedAnswer)
            return WriteAsync(request.Exchange, 200, fixedAnswer, isJson: true);
        // When the first of the breakers lets a try through: earlier nobody need ask.
        var tryIn = service.Servers.Select(s => s.Breaker.UntilTry()).DefaultIfEmpty().Min();
        request.Exchange.AnswerHeaders.RetryAfter = Math.Clamp((int)Math.Ceiling(tryIn.TotalSeconds), 1, 30).ToString(CultureInfo.InvariantCulture);
        var down = service.Servers.Count(s => s.Breaker.Standing == Hold.Down);
        return WriteAsync(
            request.Exchange, 503,
            $"Service {service.Spec.Name} has no server that this request has not tried"
            + (down == 0 ? ". See mainstay status." : $": {down} of {service.Servers.Length} failed everything lately and get one try at a time. See mainstay status."));
    }

    private static Task ShedAsync(RequestInProgress request, double draw)
    {
        var (service, exchange) = (request.Service, request.Exchange);
        // Spread, so that those who were shed together do not come back together.
        exchange.AnswerHeaders.RetryAfter = (1 + (int)(3 * draw)).ToString(CultureInfo.InvariantCulture);
        var why = request.Shed switch
        {
            Shed.QueueFull => $"{service.Spec.Admission.Queue} others wait that matter as much or more",
            Shed.TooLate => "its deadline would pass before an answer could come",
            _ => $"none became free within {service.Spec.Admission.Wait.TotalMilliseconds:0} ms",
        };
        return WriteAsync(
            exchange, 503,
            string.Create(CultureInfo.InvariantCulture, $"Service {service.Spec.Name} is overloaded: every place on its servers is taken, and {why}. Priority: {request.Priority.ToString().ToLowerInvariant()}."));
    }

    public static Task FailureAsync(RequestInProgress request, AttemptResult result, ReplayableBody? body)
    {
        var server = request.LastServer;
        if (result != AttemptResult.CallerLeft && request.Service.Spec.AnswerWhenDown is { } fixedAnswer)
            return WriteAsync(request.Exchange, 200, fixedAnswer, isJson: true);
        return result switch
        {
            AttemptResult.CallerLeft when body?.CallerFault is { } fault => WriteAsync(
                request.Exchange, (fault as BadHttpRequestException)?.StatusCode ?? 400, $"The body of the request broke off: {fault.Message}"),
            AttemptResult.CallerLeft => Task.CompletedTask,
            AttemptResult.TotalTimeout => WriteAsync(
                request.Exchange, 504, $"No answer within timeouts.total = {request.Service.Spec.Timeouts.Total}."),
            AttemptResult.FirstByteTimeout => WriteAsync(
                request.Exchange, 504, $"Server {server} sent nothing within timeouts.first_byte = {request.Service.Spec.Timeouts.FirstByte}."),
            AttemptResult.ServerError => WriteAsync(
                request.Exchange, 503, $"The servers of {request.Service.Spec.Name} failed it, and it could not be queued."),
            AttemptResult.OutOfSockets => WriteAsync(request.Exchange, 503, $"No server was asked: {NotReachedException.OutOfSockets}."),
            AttemptResult.NotReached => WriteAsync(
                request.Exchange, 502, $"Server {server} could not be reached{(request.Why is { } why ? $": {why}" : "")}."),
            _ => WriteAsync(
                request.Exchange, 502,
                $"Server {server} broke the connection{(request.Why is { } why ? $": {why}" : "")}. The request may have reached it, so it was not sent again: "
                + "an idempotent method, an Idempotency-Key or retry.replay: safe would allow that."),
        };
    }

    public static async Task WriteAsync(Exchange exchange, int status, string text, bool isJson = false)
    {
        exchange.AnswerStatus = status;
        exchange.AnswerHeaders.ContentType = "application/json";
        if (status == 503 && exchange.AnswerHeaders.RetryAfter.Count == 0)
            exchange.AnswerHeaders.RetryAfter = "1";
        var json = isJson
            ? text
            : $$$"""{"error":{"status":{{{status}}},"message":"{{{JavaScriptEncoder.Default.Encode(text)}}}","request_id":"{{{exchange.Id}}}"}}""";
        var bytes = System.Text.Encoding.UTF8.GetBytes(json);
        exchange.AnswerHeaders.ContentLength = bytes.Length;
        await exchange.AnswerBody.WriteAsync(bytes, exchange.CallerLeft);
    }
}
