using System.Threading.Channels;

namespace Mainstay.Engine;

/// <summary>
/// An inference engine without a model: continuous batching (Yu et al., Orca, OSDI 2022) with chunked prefill (Agrawal et al.,
/// Sarathi-Serve, OSDI 2024), as vLLM does it. One loop makes one step after another; in a step every running request that has read its
/// prompt gets one token, and a bounded part of the prompts that are still to be read is read, first come first served. A step
/// takes as long as the given speeds say. One timer serves thousands of streams.
/// </summary>
internal sealed class SimulatedEngine(EngineOptions options, TimeProvider clock)
{
    /// <summary>What it falls behind by more, such as while the process stood still, it does not make good.</summary>
    private static readonly TimeSpan MostLate = TimeSpan.FromMilliseconds(100);

    private readonly Channel<Generation> _arrivals = Channel.CreateUnbounded<Generation>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Queue<Generation> _waiting = new();
    private readonly List<Generation> _running = [];
    private readonly List<(Generation Generation, int Tokens)> _prompts = [];
    private long _held;
    private volatile int _runningNow;
    private int _waitingNow;
    private long _heldNow;

    public EngineOptions Options => options;

    /// <summary>Requests that run.</summary>
    public int Running => _runningNow;

    /// <summary>Requests that wait for a place.</summary>
    public int Waiting => Math.Max(0, Volatile.Read(ref _waitingNow));

    /// <summary>Share of its memory in use, 0 to 1.</summary>
    public double CacheUsage => Math.Min(1, (double)Interlocked.Read(ref _heldNow) / options.Cache);

    /// <summary>Takes a request in.</summary>
    /// <returns>False if too many wait already.</returns>
    public bool TryAdd(Generation generation)
    {
        if (Interlocked.Increment(ref _waitingNow) > options.Queue + options.Batch)
        {
            Interlocked.Decrement(ref _waitingNow);
            return false;
        }
        return _arrivals.Writer.TryWrite(generation);
    }

    /// <summary>Runs until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var due = clock.GetTimestamp();
        while (await ArrivedAsync(stop))
        {
            // Idle time is lost, not saved up; a late timer is made good by the next steps.
            if (clock.GetElapsedTime(due) > MostLate || _running.Count == 0)
                due = clock.GetTimestamp();
            due += (long)(BeginStep().TotalSeconds * clock.TimestampFrequency);
            var wait = TimeSpan.FromSeconds((double)(due - clock.GetTimestamp()) / clock.TimestampFrequency);
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, clock, stop);
            EndStep();
        }
    }

    /// <summary>Takes in what arrived, drops what nobody waits for, and plans a step.</summary>
    /// <returns>How long the step takes.</returns>
    public TimeSpan BeginStep()
    {
        while (_arrivals.Reader.TryRead(out var arrived))
            _waiting.Enqueue(arrived);
        for (var i = _running.Count - 1; i >= 0; i--)
            if (_running[i].IsCancelled)
                Leave(i);
        while (_waiting.TryPeek(out var next) && (next.IsCancelled || HasRoom(next)))
        {
            _waiting.Dequeue();
            Interlocked.Decrement(ref _waitingNow);
            if (next.IsCancelled)
                continue;
            _running.Add(next);
            _held += next.PromptTokens + next.AnswerTokens;
        }
        var decoding = 0;
        var prefilling = 0;
        _prompts.Clear();
        foreach (var generation in _running)
        {
            if (generation.IsPrefilled)
            {
                decoding++;
                continue;
            }
            var tokens = Math.Min(generation.PromptTokens - generation.Prefilled, options.PrefillChunk - prefilling);
            if (tokens <= 0)
                continue;
            _prompts.Add((generation, tokens));
            prefilling += tokens;
        }
        Publish();
        if (_running.Count == 0)
            return TimeSpan.Zero;
        var seconds = (prefilling / options.Prefill) + (decoding / options.Decode);
        return TimeSpan.FromSeconds(Math.Max(seconds, options.Step.TotalSeconds));
    }

    /// <summary>The planned step is over: its tokens are there.</summary>
    public void EndStep()
    {
        foreach (var generation in _running)
            if (generation.IsPrefilled)
                generation.Produce();
        // Whoever has read its prompt's end in this step has its first token with it.
        foreach (var (generation, tokens) in _prompts)
        {
            generation.Prefilled += tokens;
            if (generation.IsPrefilled)
                generation.Produce();
        }
        _prompts.Clear();
        for (var i = _running.Count - 1; i >= 0; i--)
            if (_running[i] is { IsPrefilled: true, IsFinished: true })
                Leave(i);
        Publish();
    }

    private ValueTask<bool> ArrivedAsync(CancellationToken stop) =>
        _running.Count > 0 || _waiting.Count > 0 ? ValueTask.FromResult(!stop.IsCancellationRequested) : _arrivals.Reader.WaitToReadAsync(stop);

    /// <summary>One that is larger than the whole memory runs alone.</summary>
    private bool HasRoom(Generation next) =>
        _running.Count < options.Batch && (_running.Count == 0 || _held + next.PromptTokens + next.AnswerTokens <= options.Cache);

    private void Leave(int at)
    {
        _held -= _running[at].PromptTokens + _running[at].AnswerTokens;
        _running.RemoveAt(at);
    }

    private void Publish()
    {
        _runningNow = _running.Count;
        Interlocked.Exchange(ref _heldNow, _held);
    }
}
