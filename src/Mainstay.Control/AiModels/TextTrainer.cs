using System.Runtime.InteropServices;

namespace Mainstay.Control.AiModels;

/// <summary>How to train: the model's name, and the seed of the order in which the solver visits the texts.</summary>
public sealed record TrainingOptions
{
    /// <summary>The name in the model's id (<c>moderation@1a2b3c4d</c>), at most 100 characters.</summary>
    public string Name { get; init; } = "moderation";

    /// <summary>Equal texts, name and seed give an equal file, bit for bit.</summary>
    public int Seed { get; init; } = 1;
}

/// <summary>
/// Trains a <see cref="TextClassifier"/>: hashed n-grams, tf-idf (1 + ln tf, smooth idf, each block of features brought to
/// length 1), L2-regularised logistic regression, one class against the rest. The settings are one for all data: they were
/// chosen on six public sets together (<c>Mainstay.Bench text</c>), not for one of them.
/// </summary>
public static class TextTrainer
{
    // LIBLINEAR's C. From 8 to 32 accuracy stands still; smaller leaves the probabilities too timid, larger too bold.
    private const double Cost = 16;

    /// <summary>
    /// In: texts with at least two distinct labels (at most 100), in any order. Out: the classifier, equal to what
    /// <see cref="TextClassifier.Load"/> would read from its file. <see cref="TextExamplesException"/> if the labels do not do.
    /// </summary>
    public static TextClassifier Train(IReadOnlyList<TextExample> examples, TrainingOptions options)
    {
        var weights = Fit(examples, options);
        return new TextClassifier(weights, TextModelFile.HashOf(TextModelFile.ToBytes(weights)));
    }

    private static TextWeights Fit(IReadOnlyList<TextExample> examples, TrainingOptions options)
    {
        var labels = LabelsOf(examples);
        var features = new FeatureTable();
        var rows = features.Read(examples);
        features.Weigh(rows, examples.Count);

        var outputs = TextWeights.OutputsFor(labels.Length);
        var order = features.Ascending();
        var bias = new float[outputs];
        var weights = new float[order.Length * outputs];
        var regression = new LogisticRegression(rows, Cost, options.Seed);
        var positive = new bool[examples.Count];
        for (var k = 0; k < outputs; k++)
        {
            for (var row = 0; row < positive.Length; row++)
                positive[row] = string.Equals(examples[row].Label, labels[k], StringComparison.Ordinal);
            var fitted = regression.Fit(positive);
            for (var i = 0; i < order.Length; i++) weights[(i * outputs) + k] = Round(fitted[order[i]]);
            bias[k] = Round(fitted[^1]);
        }
        return new TextWeights(options.Name, labels, examples.Count,
            [.. order.Select(i => features.Keys[i])], [.. order.Select(i => features.Counts[i])], bias, weights);
    }

    // As the file will hold it, so that the trained and the loaded model answer alike.
    private static float Round(float weight) => (float)(Half)weight;

    private static string[] LabelsOf(IReadOnlyList<TextExample> examples)
    {
        var labels = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var example in examples) labels.Add(example.Label);
        return labels.Count switch
        {
            < 2 => throw new TextExamplesException(
                $"All {examples.Count} texts have the same label: nothing to tell apart. Give texts of two labels at least."),
            > TextWeights.MaxLabels => throw new TextExamplesException(
                $"{labels.Count} distinct labels are more than {TextWeights.MaxLabels}. Is the column `label` the right one?"),
            _ => [.. labels],
        };
    }
}

/// <summary>The features of a training set: key, number and in how many texts, numbered as they first occur.</summary>
internal sealed class FeatureTable
{
    private readonly Dictionary<uint, int> _numbers = [];

    public List<uint> Keys { get; } = [];
    public List<int> Counts { get; } = [];

    /// <summary>Reads all texts to rows of 1 + ln tf, and counts.</summary>
    public SparseRows Read(IReadOnlyList<TextExample> examples)
    {
        var starts = new int[examples.Count + 1];
        var columns = new List<int>();
        var values = new List<float>();
        var buffer = new KeyBuffer(new uint[4096]);
        for (var row = 0; row < examples.Count; row++)
        {
            buffer.Clear();
            TextFeatures.Extract(examples[row].Text, ref buffer);
            var keys = buffer.Keys;
            for (var i = 0; i < keys.Length;)
            {
                var from = i;
                while (++i < keys.Length && keys[i] == keys[from]) { }
                columns.Add(NumberOf(keys[from]));
                values.Add(TextClassifier.Sublinear(i - from));
            }
            starts[row + 1] = columns.Count;
        }
        buffer.Dispose();
        return new SparseRows(starts, [.. columns], [.. values], Keys.Count);
    }

    /// <summary>Multiplies the rows' values by idf and brings each block of each row to length 1.</summary>
    public void Weigh(SparseRows rows, int documents)
    {
        var idf = Counts.ConvertAll(count => TextWeights.InverseDocumentFrequency(documents, count));
        Span<double> squares = stackalloc double[TextFeatures.Blocks];
        for (var row = 0; row < rows.Count; row++)
        {
            squares.Clear();
            for (var i = rows.Starts[row]; i < rows.Starts[row + 1]; i++)
            {
                var value = rows.Values[i] *= idf[rows.Columns[i]];
                squares[TextFeatures.BlockOf(Keys[rows.Columns[i]])] += value * value;
            }
            for (var i = rows.Starts[row]; i < rows.Starts[row + 1]; i++)
                rows.Values[i] /= (float)Math.Sqrt(squares[TextFeatures.BlockOf(Keys[rows.Columns[i]])]);
        }
    }

    /// <summary>The features' numbers in ascending order of their keys.</summary>
    public int[] Ascending()
    {
        var numbers = new int[Keys.Count];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = i;
        Array.Sort(Keys.ToArray(), numbers);
        return numbers;
    }

    private int NumberOf(uint key)
    {
        ref var number = ref CollectionsMarshal.GetValueRefOrAddDefault(_numbers, key, out var known);
        if (!known)
        {
            number = Keys.Count;
            Keys.Add(key);
            Counts.Add(0);
        }
        Counts[number]++;
        return number;
    }
}
