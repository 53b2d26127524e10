using Mainstay.Bench.Load;
using Mainstay.Replay;

namespace Mainstay.Bench.Streams;

/// <summary>What a token took, straight from the engine and through Mainstay. Medians of the rounds.</summary>
/// <param name="AddedP50Ms">Median of what each round's p50 through Mainstay had above that round's p50 straight.</param>
internal sealed record TokenCostRow(int Streams, int Rounds, long Tokens, double DirectP50Ms, double ThroughP50Ms, double AddedP50Ms, double AddedP99Ms);

/// <summary>
/// How old a token is when the caller has read it: the engine writes the time of sending into each, on the monotonic clock that all processes of the
/// machine share. Rounds are paired, straight and through Mainstay in changing order, so that what disturbs the machine for longer disturbs both.
/// All streams of the engine get their tokens at the same moment, as batched decoding has it: of twenty, the last waits for nineteen others on both ways.
/// </summary>
internal sealed class TokenCost(StreamsPlan plan, TimeProvider clock)
{
    private const int PromptTokens = 50;
    private static readonly int[] AtOnce = [1, 20];

    /// <summary>First tokens of an answer are left out: they carry the cost of the request.</summary>
    private const int LeftOut = 5;

    private int Rounds => plan.IsQuick ? 4 : 12;

    /// <summary>At ten milliseconds each.</summary>
    private int Tokens => plan.IsQuick ? 60 : 300;

    public async Task<IReadOnlyList<TokenCostRow>> RunAsync(CancellationToken cancel)
    {
        await using var world = await ReplayWorld.StartAsync(new WorldPlan(1, 1, ["--stamp", "--step", "10ms", "--decode", "1000000"]), cancel);
        using var through = new ChatCaller(world.Chats, ReplayWorld.Model, clock);
        using var direct = new ChatCaller(new Uri(world.Engines[0].Url, "/v1/chat/completions"), ReplayWorld.Model, clock);
        // What has not been compiled yet is no cost of a token.
        for (var i = 0; i < (plan.IsQuick ? 2 : 5); i++)
        {
            await AgesAsync(direct, 20, 100, cancel);
            await AgesAsync(through, 20, 100, cancel);
        }
        var rows = new List<TokenCostRow>();
        foreach (var streams in AtOnce)
            rows.Add(await RowAsync(direct, through, streams, cancel));
        return rows;
    }

    private async Task<TokenCostRow> RowAsync(ChatCaller direct, ChatCaller through, int streams, CancellationToken cancel)
    {
        var (straight, gateway) = (new List<double[]>(), new List<double[]>());
        for (var round = 0; round < Rounds; round++)
            foreach (var isThrough in round % 2 == 0 ? [false, true] : (bool[])[true, false])
                (isThrough ? gateway : straight).Add(await AgesAsync(isThrough ? through : direct, streams, Tokens, cancel));
        double Added(double share) => Numbers.Median(gateway.Zip(straight, (a, b) => Numbers.Quantile(a, share) - Numbers.Quantile(b, share)));
        return new(
            streams, Rounds, gateway.Sum(ages => (long)ages.Length),
            Numbers.Median(straight.Select(ages => Numbers.Quantile(ages, 0.5))), Numbers.Median(gateway.Select(ages => Numbers.Quantile(ages, 0.5))),
            Added(0.5), Added(0.99));
    }

    private async Task<double[]> AgesAsync(ChatCaller caller, int streams, int tokens, CancellationToken cancel)
    {
        var all = await Task.WhenAll(Enumerable.Range(0, streams).Select(async stream =>
        {
            var ages = new List<double>(tokens);
            var prompt = ReplayTrace.Prompt(stream, PromptTokens);
            var seen = await caller.AskAsync(prompt, tokens, heard => ages.Add(clock.GetElapsedTime(heard.SentAt, heard.At).TotalMilliseconds), cancel);
            return seen.Fault(ReplayTrace.Answer(prompt, tokens)) is { Length: > 0 } fault
                ? throw new InvalidOperationException($"A stream failed, so that the figures say nothing: {fault}")
                : ages;
        }));
        return [.. all.SelectMany(ages => ages.Skip(LeftOut))];
    }
}
