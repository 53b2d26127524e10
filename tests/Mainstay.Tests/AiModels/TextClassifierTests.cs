using FsCheck;
using FsCheck.Fluent;
using Mainstay.Control.AiModels;
using Xunit;

namespace Mainstay.Tests.AiModels;

public sealed class TextClassifierTests
{
    private static readonly TextClassifier Moderation = TextTrainer.Train(ModerationCorpus.Load(), new TrainingOptions());

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Learning_beats_chance_by_far_on_texts_it_has_not_seen(int seed)
    {
        var parts = HeldOut.Split(ModerationCorpus.Load(), 0.2, seed);
        var score = ClassificationScore.Of(TextTrainer.Train(parts.Train, new TrainingOptions { Seed = seed }), parts.Test);
        Assert.True(score.Accuracy > 0.8, $"accuracy {score.Accuracy}");
        Assert.True(score.MacroF1 > 0.8, $"macro-F1 {score.MacroF1}");
        Assert.True(score.LogLoss < 0.5, $"log loss {score.LogLoss} (chance: 0.69)");
    }

    [Fact]
    public void Three_labels_are_told_apart()
    {
        TextExample[] examples =
        [
            new("the cat purrs", "cat"), new("a cat meows", "cat"), new("the dog barks", "dog"), new("a dog growls", "dog"),
            new("the bird sings", "bird"), new("a bird flies", "bird"),
        ];
        var classifier = TextTrainer.Train(examples, new TrainingOptions());
        Assert.Equal(["bird", "cat", "dog"], classifier.Labels);
        Assert.Equal("cat", classifier.Predict("my cat").Label);
        Assert.Equal("dog", classifier.Predict("my dog").Label);
        Assert.Equal("bird", classifier.Predict("my bird").Label);
    }

    [Fact]
    public void Case_does_not_matter_but_words_do()
    {
        Assert.Equal(Moderation.Predict("you are a fool"), Moderation.Predict("YOU ARE A FOOL"));
        Assert.Equal("toxic", Moderation.Predict("you stupid fool, shut up").Label);
        Assert.Equal("ok", Moderation.Predict("thanks, see you at the library").Label);
    }

    [Fact]
    public void Any_text_gives_probabilities_that_sum_to_one()
    {
        // Any UTF-16 code unit, lone surrogates among them.
        var texts = Gen.Choose(0, char.MaxValue).Select(unit => (char)unit).ArrayOf().Select(units => new string(units));
        Prop.ForAll(texts.ToArbitrary(), HasProbabilities).Check(FsCheck.Config.QuickThrowOnFailure.WithReplay(1, 3).WithMaxTest(300));
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("\ud800", 1)]
    [InlineData(" \t\n", 1000)]
    [InlineData("ab \udfff\ud83d", 200_000)]
    [InlineData("x", 1_000_000)]
    public void Strange_and_huge_texts_too(string part, int times) =>
        Assert.True(HasProbabilities(string.Concat(Enumerable.Repeat(part, times))));

    [Fact]
    public void Threads_do_not_disturb_each_other()
    {
        var texts = ModerationCorpus.Load();
        var alone = texts.Select(example => Moderation.Predict(example.Text)).ToArray();
        var together = new Prediction[texts.Count];
        Parallel.For(0, texts.Count, i => together[i] = Moderation.Predict(texts[i].Text));
        Assert.Equal(alone, together);
    }

    [Fact]
    public void A_prediction_allocates_nothing()
    {
        const string Text = "a sentence of a plausible length, as people write it in a chat";
        Moderation.Predict(Text);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) Moderation.Predict(Text);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void One_label_is_an_error_with_its_cure()
    {
        var error = Assert.Throws<TextExamplesException>(() => TextTrainer.Train([new("a", "x"), new("b", "x")], new TrainingOptions()));
        Assert.Contains("two labels", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Held_out_texts_are_not_in_training_and_no_label_is_lost()
    {
        TextExample[] examples = [new("a", "x"), new("a", "x"), new("b", "x"), new("c", "x"), new("a", "y"), new("d", "z")];
        for (var seed = 0; seed < 50; seed++)
        {
            var parts = HeldOut.Split(examples, 0.5, seed);
            Assert.Equal(examples.Length, parts.Train.Count + parts.Test.Count);
            Assert.Empty(parts.Train.Select(e => e.Text).Intersect(parts.Test.Select(e => e.Text), StringComparer.Ordinal));
            Assert.Equal(3, parts.Train.Select(e => e.Label).Distinct(StringComparer.Ordinal).Count());
        }
    }

    [Fact]
    public void The_score_of_a_perfect_classifier_is_one()
    {
        var score = ClassificationScore.Of(Moderation, [new("thank you so much for your help", "ok"), new("shut up, you stupid idiot", "toxic")]);
        Assert.Equal(1, score.Accuracy);
        Assert.Equal(1, score.MacroF1);
        Assert.Equal(0.5, ClassificationScore.Of(Moderation, [new("thank you", "ok"), new("thank you", "unknown")]).Accuracy);
    }

    private static bool HasProbabilities(string text)
    {
        var probabilities = new double[2];
        Moderation.Probabilities(text, probabilities);
        var (label, score) = Moderation.Predict(text);
        return probabilities.All(p => p is >= 0 and <= 1) && Math.Abs(probabilities.Sum() - 1) < 1e-9
            && Moderation.Labels.Contains(label) && score is >= 0.5 and <= 1;
    }
}
