using static Mainstay.Scenarios.FaultCase;

namespace Mainstay.Scenarios;

/// <summary>Several faults that one request meets, one server after another, or the same server at another time.</summary>
internal static class FaultMixtures
{
    public static IEnumerable<FaultCase> All => Cuts().Concat(BeforeTheFirstToken()).Concat(Ends());

    private static IEnumerable<FaultCase> Cuts()
    {
        yield return new("cut twice", Does(FaultKind.CutByReset, 8), Does(FaultKind.CutCleanly, 8), Works);
        yield return new("cut, then a stall", Does(FaultKind.CutByReset), Does(FaultKind.Stall, 5), Works);
        yield return new("cut, then limited", Does(FaultKind.CutByReset), Says(ProviderError.Limited), Works);
        yield return new("cut, then dead", Does(FaultKind.CutByReset), p => p.StopAsync().Wait(), Works);
        yield return new("cut, then a key is refused", Does(FaultKind.CutByReset), Says(ProviderError.KeyRevoked), Works);
        yield return new("reset, then 503, then it works", Does(FaultKind.Reset), Says(ProviderError.Unavailable), Works);
        yield return new("cut, refused prefill, then it works", Does(FaultKind.CutByReset), p => (p.Prefill, p.Tokens) = (Prefill.Refuses, FakeText.Tokens(40, seed: 1)), Works)
        {
            Modes = CallerMode.Streams,
            ModelOptions = "continue: any",
        };
        yield return new("cut everywhere", Does(FaultKind.CutByReset, 4), Does(FaultKind.CutByReset, 4))
        {
            Modes = CallerMode.Streams,
            Wanted = Wanted.ErrorEvent,
        };
        yield return new("torn characters, then a cut", Does(new Fault(FaultKind.CutByReset) { After = 3 }), Does(FaultKind.SplitCharacters), Works);
        yield return new("an error event in the middle, then a silent server", Does(FaultKind.ErrorMiddle), Does(FaultKind.Silence), Works);
        yield return new("limited, then cut, then it works", Says(ProviderError.Limited.With("Retry-After: 9")), Does(FaultKind.CutByReset), Works) { MostAtFirst = 1 };
        yield return new("cut once at each of two servers", p => p.First(new Fault(FaultKind.CutByReset) { After = 5 }), p => p.First(new Fault(FaultKind.CutCleanly) { After = 9 }));
        yield return new("a stall, then an error event in the middle, then it works", Does(FaultKind.Stall, 6), Does(FaultKind.ErrorMiddle, 3), Works) { IsAbandoned = true };
        yield return new("a drip, then a cut, then it works", Does(new Fault(FaultKind.Drip) { After = 20, Wait = TimeSpan.FromMilliseconds(600) }), Does(FaultKind.CutByReset, 4), Works)
        {
            Modes = CallerMode.Streams,
            IsAbandoned = true,
        };
        yield return new("cut, then a proxy's page, then it works", Does(FaultKind.CutByClose), Does(FaultKind.Html), Works);
        yield return new("cut, then half a header, then nothing in a 200, then it works", Does(FaultKind.CutInChunk), Does(FaultKind.HalfHeader), Does(FaultKind.Empty), Works);
        yield return new("cut, then a slow first token", Does(FaultKind.CutByReset), Does(Fault.SlowFirstToken(0.5)));
        yield return new("cut, then CRLF", Does(FaultKind.CutCleanly, 11), Does(FaultKind.Crlf)) { Modes = CallerMode.Streams };
        yield return new("cut, then a fallback without its last mark", Does(FaultKind.CutByReset, 17), Does(FaultKind.NoDone)) { Modes = CallerMode.Streams };
        yield return new("cut, then a malformed chunk", Does(FaultKind.CutByReset, 3), Does(FaultKind.Malformed, 3)) { Modes = CallerMode.Streams };
        yield return new("cut after the last token, and the fallback refuses prefill", Does(FaultKind.CutCleanly, 39), p => p.Prefill = Prefill.Refuses) { Modes = CallerMode.Streams };
    }

    private static IEnumerable<FaultCase> BeforeTheFirstToken()
    {
        yield return new("error event first, then a slow first token", Does(FaultKind.ErrorFirst), Does(Fault.SlowFirstToken(0.5)));
        yield return new("error event first, then one that is too slow, then it works", Does(FaultKind.ErrorFirst), Does(Fault.SlowFirstToken(10)), Works);
        yield return new("comments only, then the role only, then it works", Does(FaultKind.CommentsOnly), Does(FaultKind.RoleOnly), Works) { IsAbandoned = true };
        yield return new("nothing in a 200, then cut before the first token, then it works", Does(FaultKind.Empty), Does(FaultKind.CutCleanly, 0), Works);
        yield return new("revoked key, then unknown model, then no quota, then it works", Says(ProviderError.KeyRevoked), Says(ProviderError.ModelUnknown), Says(ProviderError.Quota), Works) { MostAtFirst = 1 };
        yield return new("503 for a while, then 429, then 529, then it works",
            Says(ProviderError.Unavailable.With("Retry-After: 3")), Says(ProviderError.Limited), Says(ProviderError.Overloaded), Works);
        yield return new("Retry-After that says nothing", Says(ProviderError.Limited.With("Retry-After: soon")), Works);
        yield return new("stale keep-alive, and the other resets", Does(FaultKind.CloseAfter), Does(FaultKind.Reset));
        yield return new("tool call: error event first, then a reset, then it works", Does(FaultKind.ErrorFirst), Does(FaultKind.Reset), Works) { WithTools = true, Wanted = Wanted.Tool };
        yield return new("tool call: cut before it begins, then limited, then it works", Does(FaultKind.CutCleanly, 0), Says(ProviderError.Limited), Works)
        {
            WithTools = true,
            Wanted = Wanted.Tool,
        };
        yield return new("context length, then limited, then one with more", Says(ProviderError.TooLong), Says(ProviderError.Limited), Works)
        {
            Options = ["context: 8k", "context: 64k", "context: 128k"],
            MostAtFirst = 1,
        };
    }

    /// <summary>Nothing is left: one clear error.</summary>
    private static IEnumerable<FaultCase> Ends()
    {
        FaultCase None(string name, params Action<FakeProvider>[] servers) => new(name, servers) { Wanted = Wanted.Error, Error = (503, "") };
        yield return None("silence everywhere", Does(FaultKind.Silence), Does(FaultKind.Silence));
        yield return None("error event first everywhere", Does(FaultKind.ErrorFirst), Does(FaultKind.ErrorFirst));
        yield return None("cut before the first token everywhere", Does(FaultKind.CutByReset, 0), Does(FaultKind.CutCleanly, 0));
        yield return None("a proxy's page everywhere", Does(FaultKind.Html), Does(FaultKind.Html));
        yield return None("keys refused everywhere", Says(ProviderError.KeyRevoked), Says(ProviderError.KeyRevoked)) with { MostAtFirst = 1 };
        yield return new("cut, then stalls, then limited", Does(FaultKind.CutByReset, 4), Does(FaultKind.Stall, 4), Says(ProviderError.Limited)) { Modes = CallerMode.Streams, Wanted = Wanted.ErrorEvent };
        yield return new("tool call cut, whatever the others would do", Does(FaultKind.Stall, 3), Does(FaultKind.CutByReset), Works)
        {
            Modes = CallerMode.Streams,
            WithTools = true,
            Wanted = Wanted.ErrorEvent,
            IsAbandoned = true,
            NotAsked = [1, 2],
        };
    }
}
