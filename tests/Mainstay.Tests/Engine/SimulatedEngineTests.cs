using Mainstay.Engine;
using Xunit;

namespace Mainstay.Tests.Engine;

public sealed class SimulatedEngineTests
{
    private static readonly EngineOptions Options = new() { Prefill = 100_000, Decode = 1_000, Step = TimeSpan.FromMilliseconds(10) };

    [Fact]
    public void A_long_prompt_is_read_in_parts_and_others_get_their_tokens_meanwhile()
    {
        var engine = new SimulatedEngine(Options, new ManualTime());
        var first = Add(engine, 100, 100);
        Step(engine);
        Assert.Equal(1, first.Produced);

        var second = Add(engine, 5_000, 1);
        // 2,000 tokens of the prompt (20 ms) and one token of the first answer (1 ms).
        Assert.Equal(21, Step(engine), 3);
        Assert.Equal((2_000, 0, 2), (second.Prefilled, second.Produced, first.Produced));
        Step(engine);
        Assert.Equal(11, Step(engine), 3);
        Assert.Equal((5_000, 1, 4), (second.Prefilled, second.Produced, first.Produced));
        Assert.Equal(1, engine.Running);
    }

    [Fact]
    public void The_decode_speed_is_shared_by_the_batch()
    {
        var engine = new SimulatedEngine(Options, new ManualTime());
        var all = Enumerable.Range(0, 50).Select(_ => Add(engine, 1, 10)).ToList();
        Step(engine);
        Assert.Equal(50, Step(engine), 3);
        Assert.All(all, g => Assert.Equal(2, g.Produced));
    }

    [Fact]
    public void Who_finds_no_place_waits_for_one_and_too_many_are_refused()
    {
        var engine = new SimulatedEngine(Options with { Batch = 2, Queue = 1 }, new ManualTime());
        var (first, second, third) = (Add(engine, 1, 1), Add(engine, 1, 5), Add(engine, 1, 1));
        Assert.False(engine.TryAdd(new Generation(1, 1)));
        Step(engine);
        Assert.Equal((true, 0), (first.IsFinished, third.Produced));
        Assert.Equal((1, 1), (engine.Running, engine.Waiting));
        Step(engine);
        Assert.True(third.IsFinished);
        Assert.Equal((0, 2), (engine.Waiting, second.Produced));
    }

    [Fact]
    public void Who_leaves_frees_the_place_and_the_memory()
    {
        var engine = new SimulatedEngine(Options with { Batch = 1, Cache = 1_000 }, new ManualTime());
        var (first, second) = (Add(engine, 400, 100), Add(engine, 400, 100));
        Step(engine);
        Assert.Equal(0.5, engine.CacheUsage, 3);
        first.Cancel();
        Step(engine);
        Assert.Equal((1, 1), (first.Produced, second.Produced));
        second.Cancel();
        Assert.Equal(0, Step(engine));
        Assert.Equal((0, 0.0), (engine.Running, engine.CacheUsage));
    }

    [Fact]
    public void What_does_not_fit_into_memory_waits()
    {
        var engine = new SimulatedEngine(Options with { Cache = 1_000 }, new ManualTime());
        var (first, second) = (Add(engine, 600, 2), Add(engine, 600, 2));
        Step(engine);
        Assert.Equal((1, 0), (first.Produced, second.Produced));
        Step(engine);
        Step(engine);
        Assert.Equal(1, second.Produced);
    }

    private static Generation Add(SimulatedEngine engine, int prompt, int answer)
    {
        var generation = new Generation(prompt, answer);
        Assert.True(engine.TryAdd(generation));
        return generation;
    }

    /// <returns>Milliseconds that the step takes.</returns>
    private static double Step(SimulatedEngine engine)
    {
        var took = engine.BeginStep();
        engine.EndStep();
        return took.TotalMilliseconds;
    }
}
