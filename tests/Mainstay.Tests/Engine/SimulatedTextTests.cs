using FsCheck.Fluent;
using Mainstay.Engine;
using Xunit;

namespace Mainstay.Tests.Engine;

public sealed class SimulatedTextTests
{
    [Fact]
    public void It_goes_on_exactly_wherever_it_was_cut() => Property.Holds(
        from prompt in Gen.Choose(0, 100_000)
        from tokens in Gen.Choose(1, 120)
        from cut in Gen.Choose(0, 10_000)
        select (Prompt: $"prompt {prompt}", Tokens: tokens, Cut: cut),
        x =>
        {
            var whole = SimulatedText.Whole(x.Prompt, x.Tokens);
            var begun = whole[..(x.Cut % (whole.Length + 1))];
            var rest = new SimulatedText(SimulatedText.SeedOf(x.Prompt));
            var taken = rest.GoOnAfter(begun, x.Tokens);
            return begun + string.Concat(Enumerable.Range(0, x.Tokens - taken).Select(_ => rest.Next())) == whole;
        });

    [Fact]
    public void Prompts_have_answers_of_their_own() =>
        Assert.Equal(500, Enumerable.Range(0, 500).Select(i => SimulatedText.Whole($"prompt {i}", 20)).Distinct().Count());

    [Fact]
    public void A_strange_beginning_is_gone_on_from_as_well()
    {
        var text = new SimulatedText(SimulatedText.SeedOf("a"));
        Assert.Equal(0, text.GoOnAfter("Something else", 50));
        Assert.StartsWith(" The", text.Next(), StringComparison.Ordinal);
    }

    /// <summary>Another build, another machine, the same answer: what replays are checked against.</summary>
    [Fact]
    public void The_text_of_a_prompt_stays_what_it_is() => Assert.Equal(
        "The barefoot gardener carries the spare rudder in October, because the light must not go out.", SimulatedText.Whole("user: Hello\n", 22));
}
