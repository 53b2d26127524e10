using System.Globalization;
using static Mainstay.Scenarios.FaultCase;

namespace Mainstay.Scenarios;

/// <summary>The catalogue: every fault of a provider that a caller must not suffer from.</summary>
internal static class FaultCases
{
    private static readonly TimeSpan DripGap = TimeSpan.FromMilliseconds(600);

    public static IReadOnlyList<FaultCase> All { get; } = [.. Refusals(), .. Connections(), .. BeforeTheFirstToken(), .. Cuts(), .. Forms(), .. FaultMixtures.All, .. Responses()];

    /// <summary>Errors that a server answers with, and another server does not.</summary>
    private static IEnumerable<FaultCase> Refusals()
    {
        yield return new("nothing wrong", Works, Works) { MostAtFirst = 1, NotAsked = [1] };
        yield return new("429 with Retry-After in seconds", Says(ProviderError.Limited.With("Retry-After: 20")), Works) { MostAtFirst = 1 };
        yield return new("429 with Retry-After as a date", p => p.Script = _ => Fault.Of(ProviderError.Limited.With("Retry-After: " + Soon(20))), Works)
        {
            MostAtFirst = 1,
        };
        yield return new("429 without Retry-After", Says(ProviderError.Limited), Works);
        yield return new("429 with rate-limit headers",
            Says(ProviderError.Limited.With("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 20s")), Works);
        yield return new("quota exhausted", Says(ProviderError.Quota), Works) { MostAtFirst = 1 };
        yield return new("500 once", p => p.First(Fault.Of(ProviderError.Failed)), Works);
        yield return new("500 for ever", Says(ProviderError.Failed), Works);
        yield return new("503 for ever", Says(ProviderError.Unavailable), Works);
        yield return new("503 with Retry-After", Says(ProviderError.Unavailable.With("Retry-After: 30")), Works) { MostAtFirst = 1 };
        yield return new("529 for ever", Says(ProviderError.Overloaded), Works);
        yield return new("HTML 502", Does(FaultKind.Html), Works);
        yield return new("408", Says(new(408, "timeout", "The request timed out.")), Works);
        yield return new("409", Says(new(409, "conflict", "Conflict.")), Works);
        yield return new("425", Says(new(425, "too_early", "Too early.")), Works);
        yield return new("revoked key", Says(ProviderError.KeyRevoked), Works) { MostAtFirst = 1 };
        yield return new("forbidden", Says(new(403, "permission_error", "Your API key does not have permission to use the specified resource.")), Works)
        {
            MostAtFirst = 1,
        };
        yield return new("unknown model at one server", Says(ProviderError.ModelUnknown), Works) { MostAtFirst = 1 };
        yield return new("context length, and a server with more", Says(ProviderError.TooLong), Works)
        {
            Options = ["context: 8k", "context: 128k"],
            MostAtFirst = 1,
        };
        yield return new("context length, and no server with more", Says(ProviderError.TooLong), Works)
        {
            Options = ["context: 8k", "context: 4k"],
            Wanted = Wanted.Error,
            Error = (400, "maximum context length"),
            NotAsked = [1],
            MostAtFirst = 1,
        };
        yield return new("content filter", Says(ProviderError.Filtered), Works)
        {
            Wanted = Wanted.Error,
            Error = (400, "content management policy"),
            NotAsked = [1],
            MostAtFirst = 1,
        };
        yield return new("bad parameter", Says(ProviderError.BadParameter), Works)
        {
            Asks = ",\"temperature\":7",
            NotOn = ["anthropic", "bedrock"],
            Wanted = Wanted.Error,
            Error = (400, "Invalid 'temperature'"),
            NotAsked = [1],
            MostAtFirst = 1,
        };
        yield return new("all down", Says(ProviderError.Unavailable), Does(FaultKind.Reset)) { Wanted = Wanted.Error, Error = (503, "") };
        yield return new("all limited", Says(ProviderError.Limited.With("Retry-After: 20")), Says(ProviderError.Limited.With("Retry-After: 7")))
        {
            Wanted = Wanted.Error,
            Error = (429, ""),
            MostAtFirst = 1,
        };
    }

    private static IEnumerable<FaultCase> Connections()
    {
        yield return new("refused connection", p => p.StopAsync().Wait(), Works);
        yield return new("reset", Does(FaultKind.Reset), Works);
        yield return new("half a header", Does(FaultKind.HalfHeader), Works);
        yield return new("silence", Does(FaultKind.Silence), Works) { IsAbandoned = true };
        yield return new("short body", Does(FaultKind.ShortBody), Works) { Modes = [CallerMode.OpenAiWhole, CallerMode.AnthropicWhole] };
        yield return new("stale keep-alive", Does(FaultKind.CloseAfter), Works);
        yield return new("silence at all servers but the last", Does(FaultKind.Silence), Does(FaultKind.Silence), Works) { IsAbandoned = true };
    }

    private static IEnumerable<FaultCase> BeforeTheFirstToken()
    {
        yield return new("slow first token", Does(Fault.SlowFirstToken(10)), Works) { IsAbandoned = true };
        yield return new("role, and no token", Does(FaultKind.RoleOnly), Works) { IsAbandoned = true };
        yield return new("comments only", Does(FaultKind.CommentsOnly), Works) { IsAbandoned = true };
        yield return new("cut by reset before the first token", Does(FaultKind.CutByReset, 0), Works);
        yield return new("cut cleanly before the first token", Does(FaultKind.CutCleanly, 0), Works);
        yield return new("error event first", Does(FaultKind.ErrorFirst), Works);
        yield return new("error event first: overloaded", Does(new Fault(FaultKind.ErrorFirst) { Error = ProviderError.Overloaded }), Works);
        yield return new("error event first: limited", Does(new Fault(FaultKind.ErrorFirst) { Error = ProviderError.Limited }), Works);
        yield return new("stall before the first token", Does(FaultKind.Stall, 0), Works) { IsAbandoned = true };
        yield return new("nothing in a 200", Does(FaultKind.Empty), Works);
    }

    private static IEnumerable<FaultCase> Cuts()
    {
        yield return new("cut by reset", Does(FaultKind.CutByReset), Works);
        yield return new("cut cleanly", Does(FaultKind.CutCleanly), Works);
        yield return new("cut by the end of the connection", Does(FaultKind.CutByClose), Works);
        yield return new("cut in the middle of a chunk", Does(FaultKind.CutInChunk), Works);
        yield return new("cut after one token", Does(FaultKind.CutByReset, 1), Works);
        yield return new("cut after the last token", Does(FaultKind.CutByReset, 39), Works);
        yield return new("cut, and the fallback refuses prefill", Does(FaultKind.CutByReset), p => p.Prefill = Prefill.Refuses)
        {
            Modes = CallerMode.Streams,
        };
        yield return new("cut, and the fallback is known to refuse prefill", Does(FaultKind.CutByReset), p => p.Prefill = Prefill.Refuses)
        {
            Modes = CallerMode.Streams,
            Options = ["", "prefill: false"],
        };
        yield return new("cut, and the fallback begins again", Does(FaultKind.CutByReset), p => p.Prefill = Prefill.Repeats)
        {
            Modes = CallerMode.Streams,
            Options = ["", "prefill: false"],
        };
        yield return new("cut behind a space", p => SaysSpacesLast(p).Always(new Fault(FaultKind.CutByReset)), p => SaysSpacesLast(p)) { Text = string.Concat(SpacesLast()) };
        yield return new("cut, and the fallback says something else",
            Does(FaultKind.CutByReset), p => (p.Tokens, p.Prefill) = (FakeText.Tokens(40, seed: 1), Prefill.Refuses))
        {
            Modes = CallerMode.Streams,
            Wanted = Wanted.ErrorEvent,
        };
        yield return new("cut, and the fallback is another model", Does(FaultKind.CutByReset), Works)
        {
            Modes = CallerMode.Streams,
            Options = ["", "model: other-8b"],
            Wanted = Wanted.ErrorEvent,
            NotAsked = [1],
        };
        yield return new("cut, and another model may go on", Does(FaultKind.CutByReset), Works)
        {
            Modes = CallerMode.Streams,
            Options = ["", "model: other-8b"],
            ModelOptions = "continue: any",
        };
        yield return new("cut, and nobody may go on", Does(FaultKind.CutByReset), Works)
        {
            Modes = CallerMode.Streams,
            ModelOptions = "continue: never",
            Wanted = Wanted.ErrorEvent,
            NotAsked = [1],
        };
        yield return new("cut tool call", Does(FaultKind.CutByReset, 2), Works) { Modes = CallerMode.Streams, WithTools = true, Wanted = Wanted.ErrorEvent };
        yield return new("cleanly cut tool call", Does(FaultKind.CutCleanly, 2), Works) { Modes = CallerMode.Streams, WithTools = true, Wanted = Wanted.ErrorEvent };
        yield return new("tool call cut before it begins", Does(FaultKind.CutByReset, 0), Works) { WithTools = true, Wanted = Wanted.Tool };
        yield return new("cut of structured output", Does(FaultKind.CutByReset), Works)
        {
            Modes = [CallerMode.OpenAiStream],
            Asks = """,  "response_format":{"type":"json_object"}""",
            NotOn = ["anthropic", "bedrock"],
            Wanted = Wanted.ErrorEvent,
        };
        yield return new("stall", Does(FaultKind.Stall), Works) { IsAbandoned = true };
        yield return new("comments in place of tokens", Does(FaultKind.CommentsLater), Works) { IsAbandoned = true };
        yield return new("error event in the middle", Does(FaultKind.ErrorMiddle), Works);
        yield return new("overloaded in the middle", Does(new Fault(FaultKind.ErrorMiddle) { Error = ProviderError.Overloaded }), Works);
        yield return new("drip", Does(new Fault(FaultKind.Drip) { After = 20, Wait = DripGap }), Works)
        {
            Modes = CallerMode.Streams,
            IsAbandoned = true,
        };
    }

    /// <summary>Streams that are odd but whole: the first server's answer is good, or becomes good.</summary>
    private static IEnumerable<FaultCase> Forms()
    {
        FaultCase Streamed(string name, FaultKind kind) => new(name, Does(kind), Works) { Modes = CallerMode.Streams, NotAsked = [1], MostAtFirst = 1 };
        yield return Streamed("malformed chunk", FaultKind.Malformed);
        yield return Streamed("split characters", FaultKind.SplitCharacters);
        yield return Streamed("CRLF", FaultKind.Crlf);
        yield return Streamed("comments, fields and escapes", FaultKind.Odd);
        yield return Streamed("no [DONE]", FaultKind.NoDone);
        yield return Streamed("no [DONE], and the connection stays", FaultKind.NoDoneOpen) with { Within = TimeSpan.FromSeconds(4) };
        yield return new("no usage", Does(FaultKind.NoUsage), Works) { NotAsked = [1], MostAtFirst = 1 };
        yield return new("body in small pieces", Does(FaultKind.SplitCharacters), Works)
        {
            Modes = [CallerMode.OpenAiWhole, CallerMode.AnthropicWhole],
            NotAsked = [1],
            MostAtFirst = 1,
        };
        yield return new("half a document in a 200", Does(FaultKind.Malformed), Works) { Modes = [CallerMode.OpenAiWhole, CallerMode.AnthropicWhole] };
        yield return new("tool call", Works, Works) { WithTools = true, Wanted = Wanted.Tool, NotAsked = [1] };
    }

    /// <summary>openai's responses: all that happens before the first token is not seen; a cut answer says so, for nothing can go on with it.</summary>
    private static IEnumerable<FaultCase> Responses()
    {
        foreach (var fault in Refusals().Concat(Connections()).Concat(BeforeTheFirstToken()).Where(c => c.Modes.Contains(CallerMode.OpenAiStream)))
            yield return fault with { Name = fault.Name + " (responses)", Modes = CallerMode.Responses, MappedModes = [] };
        foreach (var kind in new[] { FaultKind.CutByReset, FaultKind.CutCleanly, FaultKind.Stall, FaultKind.ErrorMiddle })
            yield return new($"{kind} (responses)", Does(kind), Works)
            {
                Modes = [CallerMode.Responses[0]],
                MappedModes = [],
                Wanted = Wanted.ErrorEvent,
                NotAsked = [1],
            };
    }

    private static string[] SpacesLast() => [.. FakeText.Tokens(40).Select(t => t.TrimStart(' ') + " ")];

    private static FakeProvider SaysSpacesLast(FakeProvider provider)
    {
        provider.Tokens = SpacesLast();
        return provider;
    }

    private static string Soon(int seconds) => Patience.Clock.GetUtcNow().AddSeconds(seconds).ToString("R", CultureInfo.InvariantCulture);
}
