using Mainstay.Bench.Load;
using Mainstay.Replay;

namespace Mainstay.Bench.Streams;

/// <summary>What became of the streams.</summary>
/// <param name="Lost">Answers with an error, or with none of their end for another reason than the next one.</param>
/// <param name="Truncated">Answers that ended without their end.</param>
/// <param name="Different">Answers with other bytes than they must have.</param>
/// <param name="GapP50Ms">Of each answer's longest wait between two tokens.</param>
internal sealed record KilledServerResult(
    int Streams, int UnderWay, int OnTheDead, int WentOn, int Lost, int Truncated, int Different, long Tokens, double GapP50Ms, double GapP99Ms, IReadOnlyList<string> Faults);

/// <summary>Opens streams on two servers of one region and ends one of the two with SIGKILL when all have begun.</summary>
internal sealed class KilledServer(StreamsPlan plan, TimeProvider clock)
{
    private const int PromptTokens = 30;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    /// <summary>Streams opened in a second: a queue of connections that overflows would be a test of the kernel.</summary>
    private int Rate => plan.IsQuick ? 1000 : 500;

    /// <summary>A token of each stream every half second, for longer than it takes to open them all.</summary>
    private int Tokens => (plan.IsQuick ? 16 : 40) + (4 * plan.Streams / Rate);

    public async Task<KilledServerResult> RunAsync(CancellationToken cancel)
    {
        string[] options = ["--step", "500ms", "--batch", "5000", "--decode", "1000000", "--prefill", "1000000"];
        await using var world = await ReplayWorld.StartAsync(new WorldPlan(1, 2, options), cancel);
        using var caller = new ChatCaller(world.Chats, ReplayWorld.Model, clock);
        await new ReplayRun(caller, isExact: true, clock).WarmUpAsync(20, cancel);
        var streams = new OneStream[plan.Streams];
        var answers = new Task[plan.Streams];
        var start = clock.GetTimestamp();
        for (var i = 0; i < streams.Length; i++)
        {
            if (TimeSpan.FromSeconds((double)i / Rate) - clock.GetElapsedTime(start) is { Ticks: > 0 } wait)
                await Task.Delay(wait, clock, cancel);
            streams[i] = new OneStream(clock);
            answers[i] = streams[i].RunAsync(caller, ReplayTrace.Prompt(i, PromptTokens), Tokens, cancel);
        }
        var waited = clock.GetTimestamp();
        while (streams.Any(s => !s.HasBegun && !s.HasEnded) && clock.GetElapsedTime(waited) < Patience)
            await Task.Delay(Look, clock, cancel);

        var dies = world.Engines[0];
        var (underWay, onTheDead) = (streams.Count(s => s.HasBegun && !s.HasEnded), streams.Count(s => s.Engine == "region-1/1" && !s.HasEnded));
        dies.Kill();
        await Task.WhenAll(answers);
        var gaps = streams.Select(s => s.LongestGap.TotalMilliseconds).ToArray();
        return new(
            streams.Length, underWay, onTheDead, streams.Count(s => s.WentOn), Count(streams, Ending.Lost), Count(streams, Ending.Truncated), Count(streams, Ending.Different),
            streams.Sum(s => (long)s.Tokens), Numbers.Quantile(gaps, 0.5), Numbers.Quantile(gaps, 0.99),
            [.. streams.Where(s => s.Fault.Length > 0).GroupBy(s => s.Fault).OrderByDescending(g => g.Count()).Take(5).Select(g => $"{g.Count()} × {g.Key}")]);
    }

    private static int Count(OneStream[] streams, Ending ending) => streams.Count(s => s.Ending == ending);

    private enum Ending
    {
        Whole,
        Lost,
        Truncated,
        Different,
    }

    /// <summary>One answer and how it came.</summary>
    private sealed class OneStream(TimeProvider clock)
    {
        private volatile string _engine = "";
        private volatile bool _hasBegun;
        private volatile bool _hasEnded;
        private long _last;

        public bool HasBegun => _hasBegun;

        public bool HasEnded => _hasEnded;

        /// <summary>Which engine began it.</summary>
        public string Engine => _engine;

        /// <summary>True if another engine finished it.</summary>
        public bool WentOn { get; private set; }

        public int Tokens { get; private set; }

        public TimeSpan LongestGap { get; private set; }

        public string Fault { get; private set; } = "";

        public Ending Ending { get; private set; }

        public async Task RunAsync(ChatCaller caller, string prompt, int tokens, CancellationToken cancel)
        {
            await Task.Yield();
            var seen = await caller.AskAsync(prompt, tokens, Hear, cancel);
            (Tokens, Fault) = (seen.Tokens, seen.Fault(ReplayTrace.Answer(prompt, tokens)));
            Ending = Fault switch
            {
                "" => Ending.Whole,
                _ when Fault.StartsWith("truncated", StringComparison.Ordinal) => Ending.Truncated,
                _ when Fault.StartsWith("other text", StringComparison.Ordinal) => Ending.Different,
                _ => Ending.Lost,
            };
            _hasEnded = true;
        }

        private void Hear(ChatEvent heard)
        {
            if (_last != 0 && clock.GetElapsedTime(_last, heard.At) is var gap && gap > LongestGap)
                LongestGap = gap;
            _last = heard.At;
            // What another server says is written anew, without the name of the first.
            WentOn |= _hasBegun && heard.Engine != _engine;
            if (!_hasBegun)
                _engine = heard.Engine;
            _hasBegun = true;
        }
    }
}
