namespace Mainstay.Control.AiModels;

/// <summary>Labelled texts in two parts: one to train on, one that training never sees.</summary>
public sealed record HeldOut(IReadOnlyList<TextExample> Train, IReadOnlyList<TextExample> Test)
{
    /// <summary>
    /// Holds out <paramref name="share"/> (0 to 1) of each label's texts, chosen by the seed; of each label at least one
    /// text stays for training. Equal texts fall on one side, so that none is tested which was learned by heart.
    /// </summary>
    public static HeldOut Split(IReadOnlyList<TextExample> examples, double share, int seed)
    {
        var random = new Random(seed);
        var train = new List<TextExample>();
        var test = new List<TextExample>();
        var testTexts = new HashSet<string>(StringComparer.Ordinal);
        var trainTexts = new HashSet<string>(StringComparer.Ordinal);
        var labels = examples.GroupBy(example => example.Label, StringComparer.Ordinal);
        foreach (var label in labels.OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var texts = label.Select(example => example.Text).Distinct(StringComparer.Ordinal).ToArray();
            random.Shuffle(texts);
            var held = Math.Min((int)Math.Round(texts.Length * share), texts.Length - 1);
            for (var i = 0; i < texts.Length; i++)
                if (!trainTexts.Contains(texts[i]) && (i < held || testTexts.Contains(texts[i])))
                    testTexts.Add(texts[i]);
                else
                    trainTexts.Add(texts[i]);
            if (trainTexts.Overlaps(texts)) continue;
            testTexts.Remove(texts[^1]);
            trainTexts.Add(texts[^1]);
        }
        foreach (var example in examples) (testTexts.Contains(example.Text) ? test : train).Add(example);
        return new HeldOut(train, test);
    }
}
