namespace Mainstay.Engine;

/// <summary>What a simulated engine can do.</summary>
internal sealed record EngineOptions
{
    /// <summary>Longest part of a step that prompts may take, so that those who decode meanwhile wait no longer (chunked prefill).</summary>
    private static readonly TimeSpan LongestPrefill = TimeSpan.FromMilliseconds(20);

    /// <summary>The name of the model.</summary>
    public string Model { get; init; } = "sim";

    /// <summary>The engine's own name: `system_fingerprint` of its answers, to tell which engine gave them.</summary>
    public string Name { get; init; } = "sim";

    /// <summary>Tokens of prompts a second, of all requests together.</summary>
    public double Prefill { get; init; } = 100_000;

    /// <summary>Tokens of answers a second, of all requests together.</summary>
    public double Decode { get; init; } = 3_000;

    /// <summary>Requests that run at a time; the others wait.</summary>
    public int Batch { get; init; } = 256;

    /// <summary>Requests that wait at most; beyond, they are refused with 503.</summary>
    public int Queue { get; init; } = 10_000;

    /// <summary>Tokens of prompts and answers that its memory (the KV cache) holds at a time.</summary>
    public long Cache { get; init; } = 1_000_000;

    /// <summary>The shortest time of a step: no answer gets its tokens faster than one each.</summary>
    public TimeSpan Step { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>False: a last message of the assistant is refused with 400.</summary>
    public bool AcceptsPrefill { get; init; } = true;

    /// <summary>True: each event of a stream carries the time of its writing as `sent_at`, in ticks of the monotonic clock
    /// that the processes of a machine share.</summary>
    public bool Stamps { get; init; }

    /// <summary>Tokens of prompts in one step.</summary>
    public int PrefillChunk => (int)Math.Max(1, Prefill * LongestPrefill.TotalSeconds);
}
