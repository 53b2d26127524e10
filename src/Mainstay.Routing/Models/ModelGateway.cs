using System.Globalization;
using Mainstay.Routing.Keys;
using Mainstay.Routing.Sockets;
using Mainstay.Routing.Upstream;
using Mainstay.Routing.Upstream.Protocols;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Routing.Models;

/// <summary>
/// One request to a model, from the caller to the first server that answers it, and, where its answer is cut, to the ones that go on with it.
/// What is sent to a caller is a whole answer, or ends with one clear error.
/// </summary>
internal sealed class ModelGateway(
    HttpUpstream upstream, Entrance entrance, Picker picker, DecisionRing decisions, RequestSigner? sign, TimeProvider clock, Random random)
{
    /// <summary>Times that one server is asked for one request.</summary>
    private const int MostOfOne = 3;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);

    private readonly ServerKeys _keys = new(clock);

    /// <summary>Serves one request. Never throws for what a caller or a server does.</summary>
    /// <param name="entry">Any service of those that stand behind its path; they share its API.</param>
    /// <param name="close">Told what became of it; not called where no model was found.</param>
    public async Task HandleAsync(Exchange exchange, LiveTable table, LiveService entry, double draw, Action<RequestInProgress> close)
    {
        // 1. Who asks, and what for.
        var key = KeyGate.Know(exchange, table, entry, out var stranger);
        using var body = exchange.RequestBody is { } reader ? new ReplayableBody(reader, entry.Spec.LongestBody) : null;
        var asked = await ReadAsync(exchange, entry, body, stranger);

        // 2. The servers of the model that it names.
        if (asked is null || await FindAsync(exchange, table, entry, asked, key) is not { } service)
            return;

        var decision = decisions.Begin(exchange.Id, service, table.Table.Version, draw);
        var request = new RequestInProgress(exchange, service, table.Table.Version, decision, clock)
        {
            Key = key?.Spec,
            Model = service.Spec.Model ?? asked.Model,
        };
        var call = new ModelCall(exchange, asked, request, upstream, _keys, sign, upstream.Deadline(service.Spec.Timeouts.Total), clock);
        service.Retries.NoteRequest();
        // One trace for all attempts.
        if (!exchange.IsTraced)
            upstream.BeginTrace(exchange);
        Spare(request, asked);
        if (service.Spec.Affinity == AffinityPolicy.Prefix)
            request.Affinity = new Affinity(PromptPrefix.Of(asked), asked.PromptTokens + call.Expected);
        try
        {
            while (await AdmitAsync(call, key))
            {
                // 3. A server, and a place on it; while every place is taken, a turn in the queue.
                if ((request.Attempt == 0 && ModelAnswer.AllWantRest(service)) || await entrance.EnterAsync(request, draw) is not { } place)
                {
                    await ModelAnswer.NoServerAsync(call, null, draw);
                    break;
                }

                // 4. One attempt, up to the first token, or the whole answer.
                await using var attempt = new ModelAttempt(call, place);
                await TryAsync(call, attempt, begun: null, prefills: false);

                // 5. None: tried elsewhere, if that can help and may be done. Nothing has been sent to the caller yet.
                if (!attempt.HasAnswer)
                {
                    End(call, attempt);
                    if (await TriesAgainAsync(call, attempt, draw))
                        continue;
                    await ModelAnswer.NoServerAsync(call, attempt, draw);
                    break;
                }

                // 6. The answer, as it comes. One that is cut goes on elsewhere.
                if (asked.IsStream)
                    await new ModelStream(call).SendAsync(attempt, (begun, model) => ContinueAsync(call, begun, model, draw));
                else
                    await ModelAnswer.WholeAsync(call, attempt);
                break;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The caller left while it was being answered.
            exchange.Abort();
        }
        finally
        {
            call.Settle();
        }

        // 7. What became of it.
        request.Trail = call.Trail();
        close(request);
    }

    /// <summary>What the caller asks for; null: nothing that could be read, and the caller has been told so.</summary>
    /// <param name="stranger">Why the caller is not let in; null: it is.</param>
    private static async Task<ModelRequest?> ReadAsync(Exchange exchange, LiveService entry, ReplayableBody? body, ModelFault? stranger)
    {
        var protocol = Protocols.Of(entry.Spec.Api);
        if (stranger is not null)
        {
            await ModelAnswer.FaultAsync(exchange, protocol, stranger);
            return null;
        }
        ModelFault? fault;
        try
        {
            var bytes = body is null ? ReadOnlyMemory<byte>.Empty : await body.ReadAllAsync(exchange.CallerLeft);
            if (Poller.OfThisThread is not null && bytes is { Length: > ModelCall.Quick })
                await Task.Yield();
            if (exchange.FieldText("Content-Encoding") is { Length: > 0 } encoding and not "identity")
                fault = new ModelFault(415, $"The body is compressed ({encoding}), and is read here: send it as it is.");
            else if (bytes is not { } whole)
                fault = new ModelFault(413, $"The body is longer than {Size(entry.Spec.LongestBody)}: send less, such as links to images instead of the images.");
            else if (protocol.Read(exchange.Method, PathOf(exchange, entry), whole, out fault) is { } asked)
            {
                asked.Query = exchange.Target.IndexOf('?') is >= 0 and var mark ? exchange.Target[mark..] : "";
                asked.Fields = [.. protocol.FieldNames.Where(exchange.HasField).Select(name => (name, exchange.FieldText(name)))];
                return asked;
            }
        }
        catch (Exception) when (body is { CallerFault: { } wrong })
        {
            fault = new ModelFault((wrong as BadHttpRequestException)?.StatusCode ?? 400, $"The body of the request broke off: {wrong.Message}");
        }
        catch (OperationCanceledException)
        {
            exchange.Abort();
            return null;
        }
        await ModelAnswer.FaultAsync(exchange, protocol, fault ?? new ModelFault(400, "The request is none of this API."));
        return null;
    }

    /// <summary>The service of the model that is asked for; null: there is none, and the caller has been told.</summary>
    private static async Task<LiveService?> FindAsync(Exchange exchange, LiveTable table, LiveService entry, ModelRequest asked, LiveKey? key)
    {
        var (protocol, names) = (Protocols.Of(entry.Spec.Api), table.ModelsBeside(entry));
        if (key is { Spec.Models.IsEmpty: false })
            names = [.. names.Where(key.Spec.May)];
        if (asked.Operation == ModelOperation.Models && names.Count > 0)
        {
            await ModelAnswer.ModelsAsync(exchange, protocol, names, asked);
            return null;
        }
        var service = table.ModelOf(entry, asked.Model);
        if (service is null)
            await ModelAnswer.FaultAsync(exchange, protocol, ModelAnswer.Unknown(asked.Model, names));
        else if (KeyGate.Forbidden(key, service.Spec.Model ?? asked.Model) is { } forbidden)
        {
            await ModelAnswer.FaultAsync(exchange, protocol, forbidden);
            return null;
        }
        return service;
    }

    /// <summary>Lets a request in by the limits of its key, once; false: it is over them, and the caller has been told.</summary>
    private static async Task<bool> AdmitAsync(ModelCall call, LiveKey? key)
    {
        if (call.Ticket is null && KeyGate.Admit(call, key) is { } fault)
        {
            call.Request.NoteCallerError();
            await ModelAnswer.FaultAsync(call.Exchange, call.Protocol, fault);
            return false;
        }
        call.SpareBudget();
        return true;
    }

    /// <summary>The protocol's own path: what stands behind the service's prefix, and behind /v1 where that is no part of it.</summary>
    private static string PathOf(Exchange exchange, LiveService entry)
    {
        var path = entry.Spec.PathPrefix.Length > 1 ? exchange.Target[entry.Spec.PathPrefix.Length..] : exchange.Target;
        var query = path.IndexOf('?');
        path = query < 0 ? path : path[..query];
        if (entry.Spec.Api is ModelApi.OpenAi or ModelApi.Anthropic && (path.StartsWith("/v1/", StringComparison.Ordinal) || path == "/v1"))
            path = path[3..];
        return path.Length == 0 ? "/" : path;
    }

    /// <summary>Servers whose model cannot hold the request are not asked, if another's can.</summary>
    private static void Spare(RequestInProgress request, ModelRequest asked)
    {
        var tooSmall = request.Service.Servers.Where(s => s.Spec.Ai is { Context: { } context } && asked.PromptTokens > context).ToList();
        if (tooSmall.Count < request.Service.Servers.Length)
            request.Unfit = [.. tooSmall];
    }

    private static async Task TryAsync(ModelCall call, ModelAttempt attempt, string? begun, bool prefills)
    {
        var (request, place) = (call.Request, attempt.Place);
        request.Begin(place);
        // Whatever it is for: a retry, a beginning to go on from, the same asked anew.
        if (call.NoteAttempt(place.Server) >= MostOfOne)
            request.Unfit = request.Unfit.Add(place.Server);
        place.SetTokens(call.Asked.PromptTokens + call.Expected);
        try
        {
            await attempt.SendAsync(begun, prefills);
            if (attempt.Verdict is { } verdict)
                Heed(call, attempt, verdict);
            // The prompt has been read: what is left is the answer.
            place.SetTokens(call.Expected);
            request.NoteFirstByte(place, attempt.Result, refused: attempt.Status is 429 or 503 or 529);
        }
        catch
        {
            // A bug must cost one request, not a place on the server for ever.
            place.Leave(failed: null);
            throw;
        }
    }

    /// <summary>What a provider says of itself counts for the requests that come after this one, too.</summary>
    private static void Heed(ModelCall call, ModelAttempt attempt, ProviderVerdict verdict)
    {
        var server = attempt.Place.Server;
        switch (verdict.Signal)
        {
            case ProviderSignal.KeyRefused or ProviderSignal.QuotaSpent:
            case ProviderSignal.ModelUnknown when call.Service.Spec.Model is not null:
                server.LockOut(verdict.Signal == ProviderSignal.ModelUnknown ? $"does not know the model {attempt.Model}"
                    : verdict.Signal == ProviderSignal.QuotaSpent ? $"says that the quota of its key is spent: {verdict.Reason}"
                    : attempt.Result == AttemptResult.NotReached ? $"cannot be asked: {verdict.Reason}"
                    : $"refuses its key: {verdict.Reason}");
                break;
            case ProviderSignal.Limited or ProviderSignal.Busy:
                // Who does not say how long is spared for a moment.
                var time = attempt.RetryAfter ?? TimeSpan.FromSeconds(1);
                if (attempt.RetryAfter is not null || verdict.Signal == ProviderSignal.Limited)
                    server.Breaker.Rest(time);
                if (verdict.Signal == ProviderSignal.Limited)
                    call.ComeBack = call.ComeBack is { } soonest && soonest < time ? soonest : time;
                break;
        }
    }

    /// <summary>Ends an attempt that brought nothing to send on.</summary>
    private static void End(ModelCall call, ModelAttempt attempt)
    {
        // An error inside of an answer with status 200 is a failure of the server as well.
        var result = attempt.Verdict?.Signal switch
        {
            null => attempt.Result,
            ProviderSignal.Failed or ProviderSignal.Busy => attempt.Result == AttemptResult.Answered ? AttemptResult.ServerError : attempt.Result,
            ProviderSignal.Limited or ProviderSignal.QuotaSpent => AttemptResult.Overloaded,
            _ => AttemptResult.Answered,
        };
        if (attempt.Unfit is not null)
            result = AttemptResult.Outrun;
        call.Request.End(attempt.Place, result, attempt.Status);
    }

    /// <summary>Whether another attempt can help and may be made; waits a moment where the same servers are asked once more.</summary>
    private async Task<bool> TriesAgainAsync(ModelCall call, ModelAttempt attempt, double draw)
    {
        var request = call.Request;
        if (attempt.Result is AttemptResult.CallerLeft or AttemptResult.TotalTimeout)
            return false;
        if (attempt.Verdict is { RefusesUsage: true } && call.Asked.AsksUsage)
        {
            // The caller never asked for the usage: the same server is asked again without.
            call.Asked.AsksUsage = false;
            request.ForgetLast();
            return picker.Pick(call.Service, request.Tried, draw, request.Unfit) is not null;
        }
        if (attempt.Verdict is { Signal: ProviderSignal.CallerError or ProviderSignal.Filtered or ProviderSignal.PrefillRefused })
            return false;
        if (attempt.Verdict is { Signal: ProviderSignal.ModelUnknown } && call.Service.Spec.Model is null)
            return false;
        // What another attempt surely cannot change, or what did not reach a model, costs no one anything.
        var isFree = attempt.Unfit is not null
            || attempt.Verdict is { Signal: ProviderSignal.TooLong or ProviderSignal.KeyRefused or ProviderSignal.QuotaSpent or ProviderSignal.ModelUnknown };
        if (isFree)
            request.Unfit = request.Unfit.AddRange(LikeIt(call, attempt));
        if (attempt.Verdict?.Signal == ProviderSignal.TooLong || attempt.Unfit is not null)
            return picker.Pick(call.Service, request.Tried, draw, request.Unfit) is not null;
        return (call.MaySendTwice || attempt.Result.SurelyNotReached() || isFree)
            && await FindsAnotherAsync(call, draw, isFree, mayRepeat: attempt.Verdict is not { Signal: ProviderSignal.Limited }, isLost: IsLost(attempt));
    }

    /// <summary>True if the server went away with the request, rather than saying anything or keeping it waiting.</summary>
    private static bool IsLost(ModelAttempt attempt) =>
        attempt.Verdict is null && attempt.Result is AttemptResult.NotReached or AttemptResult.Broken or AttemptResult.Truncated;

    /// <summary>Whether there is a server for one more attempt, within bounds and budget.</summary>
    /// <param name="isLost">True: what was under way was lost with its server. Answers of models take long, so that far more may
    /// be lost at once than the budget of ten seconds' requests allows. It bounds storms; these are as many as were under way, and each is taken up without
    /// it once.</param>
    private async Task<bool> FindsAnotherAsync(ModelCall call, double draw, bool isFree, bool mayRepeat, bool isLost)
    {
        var (request, retry, budget) = (call.Request, call.Service.Spec.Retry, call.Service.Retries);
        if (request.Attempt - call.CutAt >= retry.Attempts && !isFree)
        {
            request.Decision.Acted(Reflex.LastAttempt, request.Attempt);
            return false;
        }
        if (picker.Pick(call.Service, request.Tried, draw, request.Unfit) is null)
        {
            // Each has been asked. What failed for a moment may be over the next: once more, a little later.
            if (!mayRepeat || request.Rounds + 1 >= MostOfOne || picker.Pick(call.Service, [], draw, request.Unfit) is null)
            {
                request.Decision.Acted(Reflex.NoOtherServer);
                return false;
            }
            await Task.Delay(FirstPause * (1 << request.Rounds) * (0.5 + Draw()), clock, call.Exchange.CallerLeft);
            request.ForgetTried();
        }
        var isRescue = isLost && !call.IsRescued;
        call.IsRescued |= isRescue;
        // What reached no model adds no load: each server is asked so but once.
        var isAllowed = isRescue || isFree || budget.TrySpend(retry.Budget);
        var (used, allowed) = budget.Standing(retry.Budget);
        request.Decision.Acted(isAllowed ? Reflex.Retried : Reflex.RetryRefused, used, allowed);
        return isAllowed;
    }

    /// <summary>Servers that would say the same as this one said.</summary>
    private static IEnumerable<LiveServer> LikeIt(ModelCall call, ModelAttempt attempt)
    {
        var server = attempt.Place.Server;
        if (attempt.Verdict?.Signal != ProviderSignal.TooLong || server.Spec.Ai?.Context is not { } context)
            return [server];
        return call.Service.Servers.Where(s => s == server || s.Spec.Ai?.Context <= context);
    }

    /// <summary>Goes on with an answer that was cut: first on servers that can go on from a beginning, else by asking again.</summary>
    /// <param name="begun">What the caller has of it.</param>
    /// <param name="model">The name that the server which was cut has of its model.</param>
    /// <returns>An attempt that has a token to send, to be disposed of; null: there is none.</returns>
    private async Task<ModelAttempt?> ContinueAsync(ModelCall call, string begun, string model, double draw)
    {
        var (request, policy) = (call.Request, call.Service.Spec.Continue);
        if (!call.MayGoOn)
            return null;
        if (policy == ContinuePolicy.Same)
            request.Unfit = [.. request.Unfit, .. call.Service.Servers.Where(s => (s.Spec.Ai?.Model ?? call.Asked.Model) != model)];
        call.SpareBudget();
        // Whoever went so far may be tried as often again to bring it to its end.
        call.CutAt = request.Attempt;
        while (await FindsAnotherAsync(call, draw, isFree: false, mayRepeat: true, isLost: true))
        {
            if (await entrance.EnterAsync(request, draw) is not { } place)
                return null;
            var prefills = place.Server.Spec.Ai is not { Prefill: false } && !call.RefusesPrefill.Contains(place.Server);
            var attempt = new ModelAttempt(call, place);
            await TryAsync(call, attempt, begun, prefills);
            if (attempt.HasAnswer)
                return attempt;
            End(call, attempt);
            await attempt.DisposeAsync();
            if (attempt.Result is AttemptResult.CallerLeft or AttemptResult.TotalTimeout)
                return null;
            // A server that cannot go on from a beginning is asked the question anew; that is no failure of it.
            if (prefills && (attempt.Unfit is not null || attempt.Verdict is { Signal: ProviderSignal.CallerError or ProviderSignal.PrefillRefused or ProviderSignal.TooLong }))
            {
                call.RefusesPrefill.Add(place.Server);
                call.IsRescued = false;
                request.ForgetLast();
            }
        }
        return null;
    }

    private static string Size(int bytes) => bytes % (1 << 20) == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes >> 20} MiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB");

    private double Draw()
    {
        lock (random)
            return random.NextDouble();
    }
}
