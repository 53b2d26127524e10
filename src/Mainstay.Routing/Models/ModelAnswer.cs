using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Upstream;
using Mainstay.Routing.Upstream.Protocols;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Models;

/// <summary>Answers of models that are sent at once: whole ones, the provider's errors, and what the gateway says itself, in the shape
/// that the caller's clients read.</summary>
internal static class ModelAnswer
{
    /// <summary>Sends a whole answer, as it came if the caller speaks the server's API.</summary>
    public static async Task WholeAsync(ModelCall call, ModelAttempt attempt)
    {
        var (exchange, whole) = (call.Exchange, attempt.Whole!);
        if (whole.Usage is { } usage)
            call.Request.NoteUsage(attempt.Model, usage);
        call.Charge(attempt.Place.Server, whole.Usage ?? new TokenUsage(call.Asked.PromptTokens, 0));
        call.Finish = whole.Finish;
        var isSame = attempt.Protocol.AnswersIn(call.Asked) == call.Asked.Api;
        if (isSame)
            TakeHead(exchange, attempt.Status, attempt.Fields!);
        else
            (exchange.AnswerStatus, exchange.AnswerHeaders.ContentType) = (200, "application/json");
        call.Request.NoteAnswerStarted();
        var body = isSame ? attempt.Body : call.Protocol.WriteAnswer(Named(call, attempt, whole), call.Asked);
        exchange.AnswerHeaders.ContentLength = body.Length;
        try
        {
            await exchange.AnswerBody.WriteAsync(body, exchange.CallerLeft);
            call.Request.End(attempt.Place, AttemptResult.Answered, attempt.Status, wholeAnswer: true);
        }
        finally
        {
            // The server did its work, whether or not its caller waited for it.
            call.Request.EndIfOpen(attempt.Place, AttemptResult.CallerLeft, attempt.Status);
        }
    }

    /// <summary>An answer with the names that clients want, where its server gave none.</summary>
    private static WholeAnswer Named(ModelCall call, ModelAttempt attempt, WholeAnswer whole) => whole with
    {
        Id = whole.Id.Length > 0 ? whole.Id : "chatcmpl-" + call.Exchange.Id,
        Model = whole.Model.Length > 0 ? whole.Model : attempt.Model,
        Created = whole.Created != 0 ? whole.Created : call.Clock.GetUtcNow().ToUnixTimeSeconds(),
    };

    /// <summary>No server answered: the provider's own words where they concern the caller, else what happened and what would help.</summary>
    /// <param name="last">The attempt that ended last; null: there was none, or none again.</param>
    /// <param name="draw">Of the request.</param>
    public static async Task NoServerAsync(ModelCall call, ModelAttempt? last, double draw)
    {
        var exchange = call.Exchange;
        if (last is { Result: AttemptResult.CallerLeft } || call.Request.Shed == Shed.CallerLeft)
        {
            exchange.Abort();
            return;
        }
        if (last is { Verdict: { Signal: ProviderSignal.CallerError or ProviderSignal.Filtered or ProviderSignal.PrefillRefused or ProviderSignal.TooLong or ProviderSignal.ModelUnknown } verdict }
            && (verdict.Signal != ProviderSignal.ModelUnknown || call.Service.Spec.Model is null))
        {
            await CallersErrorAsync(call, last, verdict);
            return;
        }
        if (last?.Unfit is { } unfit)
        {
            call.Request.NoteCallerError();
            await FaultAsync(exchange, call.Protocol, unfit);
            return;
        }
        if (call.HasDear && call.Request.Shed == Shed.No && last is null)
        {
            call.Request.NoteCallerError();
            await FaultAsync(exchange, call.Protocol, KeyGate.TooDear(call.Request.Key!.Name));
            return;
        }
        await FaultAsync(exchange, call.Protocol, Nobody(call, last, draw));
    }

    /// <summary>Answers in the shape of the caller's API.</summary>
    public static async Task FaultAsync(Exchange exchange, Protocol protocol, ModelFault fault)
    {
        exchange.AnswerStatus = fault.Status;
        exchange.AnswerHeaders.ContentType = "application/json";
        foreach (var (name, value) in protocol.FaultFields(fault))
            exchange.AnswerHeaders[name] = value;
        var body = protocol.WriteFault(fault);
        exchange.AnswerHeaders.ContentLength = body.Length;
        await exchange.AnswerBody.WriteAsync(body, exchange.CallerLeft);
    }

    /// <summary>Takes over what a server's answer says of itself, but the length of its body, which this side knows better.</summary>
    public static void TakeHead(Exchange exchange, int status, HeaderFields fields)
    {
        exchange.AnswerStatus = status;
        for (var i = 0; i < fields.Count; i++)
        {
            var name = Encoding.ASCII.GetString(fields.NameAt(i));
            // What could not be sent is left out rather than failing an answer that is good.
            if (name.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase) && (exchange.AnswerHeaders.ContainsKey("x-ratelimit-limit-requests") || exchange.AnswerHeaders.ContainsKey("x-ratelimit-limit-tokens")))
                continue;
            if (fields.IsEndToEnd(i) && !name.Equals("X-Request-Id", StringComparison.OrdinalIgnoreCase) && !fields.ValueAt(i).ContainsAnyExceptInRange((byte)' ', (byte)'~'))
                exchange.AnswerHeaders.Append(name, Encoding.ASCII.GetString(fields.ValueAt(i)));
        }
    }

    /// <summary>The names that callers may ask for.</summary>
    public static async Task ModelsAsync(Exchange exchange, Protocol protocol, IReadOnlyList<string> models, ModelRequest asked)
    {
        if (asked.Model.Length > 0 && !models.Contains(asked.Model))
        {
            await FaultAsync(exchange, protocol, Unknown(asked.Model, models));
            return;
        }
        var list = new JsonArray();
        foreach (var name in models)
            if (asked.Model.Length == 0 || name == asked.Model)
                list.Add(new JsonObject { ["id"] = name, ["object"] = "model", ["created"] = 0, ["owned_by"] = "mainstay" });
        JsonNode answer = asked.Model.Length > 0 ? list[0]!.DeepClone() : new JsonObject { ["object"] = "list", ["data"] = list };
        var body = JsonSerializer.SerializeToUtf8Bytes(answer);
        (exchange.AnswerStatus, exchange.AnswerHeaders.ContentType, exchange.AnswerHeaders.ContentLength) = (200, "application/json", body.Length);
        await exchange.AnswerBody.WriteAsync(body, exchange.CallerLeft);
    }

    /// <summary>True if every server asked to be spared for a while, or has no key that counts: asking it would be hammering.</summary>
    public static bool AllWantRest(LiveService service) =>
        service.Servers.All(s => s.Breaker.IsResting || s.LockedOut is not null) && service.Servers.Any(s => s.Breaker.IsResting);

    public static ModelFault Unknown(string model, IReadOnlyList<string> models) => new(
        404, $"The model {Shown(model)} is not known here. {(models.Count == 0 ? "None is configured." : $"There {(models.Count == 1 ? "is" : "are")}: {string.Join(", ", models.Take(20))}.")}")
    {
        Code = "model_not_found",
        Param = "model",
    };

    private static async Task CallersErrorAsync(ModelCall call, ModelAttempt attempt, ProviderVerdict verdict)
    {
        call.Request.NoteCallerError();
        // 424 is SageMaker's frame around what its container said of the caller; other APIs do not know it.
        var isFramed = attempt.Status == 424 && attempt.Protocol.Api != call.Asked.Api;
        var status = attempt.Status is >= 400 and < 500 && !isFramed ? attempt.Status : 400;
        if (attempt.Protocol.Api != call.Asked.Api || attempt.Body.IsEmpty || attempt.Status is < 400 or >= 500)
        {
            await FaultAsync(call.Exchange, call.Protocol, new ModelFault(status, verdict.Reason) { Code = verdict.Code });
            return;
        }
        TakeHead(call.Exchange, status, attempt.Fields!);
        call.Exchange.AnswerHeaders.ContentLength = attempt.Body.Length;
        await call.Exchange.AnswerBody.WriteAsync(attempt.Body, call.Exchange.CallerLeft);
    }

    private static ModelFault Nobody(ModelCall call, ModelAttempt? last, double draw)
    {
        var (service, exchange) = (call.Service, call.Exchange);
        if (last is { Result: AttemptResult.TotalTimeout })
            return new(504, $"No answer within timeouts.total = {service.Spec.Timeouts.Total}.") { Code = "timeout" };
        if (AllWantRest(service) || last is { Verdict.Signal: ProviderSignal.Limited })
        {
            var rest = service.Servers.Where(s => s.Breaker.IsResting).Select(s => s.Breaker.UntilRested()).Append(call.ComeBack ?? TimeSpan.FromSeconds(30)).Min();
            SetRetryAfter(exchange, rest);
            return new(429, $"Every server of {service.Spec.Name} is at its limit. Come back in {Math.Ceiling(rest.TotalSeconds)} s.") { Code = "rate_limit_exceeded" };
        }
        if (call.Request.Shed != Shed.No)
        {
            SetRetryAfter(exchange, TimeSpan.FromSeconds(1 + (3 * draw)));
            return new(503, $"{service.Spec.Name} is overloaded: every place on its servers is taken. Priority: {call.Request.Priority.ToString().ToLowerInvariant()}.") { Code = "overloaded" };
        }
        SetRetryAfter(exchange, service.Servers.Select(s => s.Breaker.UntilTry()).DefaultIfEmpty().Min());
        var text = new StringBuilder($"No server of {service.Spec.Name} could answer.");
        if (last is not null)
            text.Append(CultureInfo.InvariantCulture, $" {last.Place.Server.Name} was the last: {Why(last)}.");
        if (service.Servers.Count(s => s.LockedOut is not null) is > 0 and var locked)
            text.Append(CultureInfo.InvariantCulture, $" {locked} of {service.Servers.Length} are out, such as {service.Servers.First(s => s.LockedOut is not null).Name}, which {service.Servers.First(s => s.LockedOut is not null).LockedOut}.");
        text.Append(CultureInfo.InvariantCulture, $" Request {exchange.Id}: mainstay explain tells more.");
        return new(last is { Result: AttemptResult.FirstByteTimeout or AttemptResult.Stalled } ? 504 : last is null ? 503 : 502, text.ToString()) { Code = "no_server" };
    }

    private static string Why(ModelAttempt attempt) =>
        attempt.Verdict is { Reason.Length: > 0 } verdict ? string.Create(CultureInfo.InvariantCulture, $"it answered {attempt.Status}, {verdict.Reason}")
        : attempt.Place.Why is { } why ? $"it {why}"
        : attempt.Result switch
        {
            AttemptResult.OutOfSockets => NotReachedException.OutOfSockets,
            AttemptResult.NotReached => "it could not be reached",
            AttemptResult.FirstByteTimeout => "it sent nothing in time",
            AttemptResult.Stalled => "it stopped sending",
            _ when attempt.Status >= 300 => string.Create(CultureInfo.InvariantCulture, $"it answered {attempt.Status}"),
            _ => "it broke the connection",
        };

    private static void SetRetryAfter(Exchange exchange, TimeSpan time) =>
        exchange.AnswerHeaders.RetryAfter = Math.Clamp((int)Math.Ceiling(time.TotalSeconds), 1, 3600).ToString(CultureInfo.InvariantCulture);

    /// <summary>As much of a caller's text as a message needs.</summary>
    private static string Shown(string text) => text.Length > 100 ? $"'{text[..100]}...'" : $"'{text}'";
}
