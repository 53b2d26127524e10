using FsCheck;
using FsCheck.Fluent;
using Mainstay.Routing.Models;

namespace Mainstay.Tests.Models;

public sealed class RepetitionTests
{
    private const string Sent = "The quick brown fox ";

    [Fact]
    public void An_answer_given_anew_is_passed_on_behind_what_was_sent()
    {
        var repetition = new Repetition(Sent, mayGoOn: false);
        Assert.Equal("", repetition.Take("The quick "));
        Assert.Equal("jumps", repetition.Take("brown fox jumps"));
        Assert.Equal(" over", repetition.Take(" over"));
        Assert.False(repetition.HasDiffered);
    }

    [Fact]
    public void An_answer_that_differs_is_not_used()
    {
        var repetition = new Repetition(Sent, mayGoOn: false);
        Assert.Equal("", repetition.Take("The quick red"));
        Assert.True(repetition.HasDiffered);
    }

    [Fact]
    public void An_answer_shorter_than_what_was_sent_is_not_used()
    {
        var repetition = new Repetition(Sent, mayGoOn: false);
        Assert.Equal("", repetition.Take("The quick"));
        Assert.Null(repetition.End());
        Assert.True(repetition.HasDiffered);
    }

    [Theory]
    [InlineData("jumps over")]
    [InlineData("The quiet dog")]
    [InlineData("Th")]
    public void A_prefilled_answer_goes_on(string more)
    {
        foreach (var size in new[] { 1, 2, 100 })
        {
            var repetition = new Repetition(Sent, mayGoOn: true);
            var got = string.Concat(more.Chunk(size).Select(part => repetition.Take(new string(part)))) + repetition.End();
            Assert.Equal(more, got);
        }
    }

    [Fact]
    public void A_prefilled_answer_that_begins_anew_is_passed_on_behind_what_was_sent()
    {
        var repetition = new Repetition(Sent, mayGoOn: true);
        Assert.Equal("", repetition.Take("The quick brown "));
        Assert.Equal("jumps", repetition.Take("fox jumps"));
    }

    [Fact]
    public void However_an_answer_is_cut_into_parts_the_caller_gets_the_same()
    {
        Property.Holds(Gen.Choose(0, int.MaxValue), seed =>
        {
            var random = new Random(seed);
            var whole = string.Concat(Enumerable.Range(0, 30).Select(_ => "aбc😀 d"[random.Next(6)]));
            var at = random.Next(1, whole.Length);
            var repetition = new Repetition(whole[..at], mayGoOn: false);
            var got = whole[..at];
            for (var i = 0; i < whole.Length;)
            {
                var length = Math.Min(random.Next(1, 7), whole.Length - i);
                got += repetition.Take(whole.Substring(i, length));
                i += length;
            }
            return got == whole;
        });
    }
}
