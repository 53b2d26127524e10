using System.Numerics;
using System.Runtime.InteropServices;

namespace Mainstay.Control.AiModels;

/// <summary>What a classifier says of a text: the likeliest label and its probability, 0 to 1.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct Prediction(string Label, double Score);

/// <summary>
/// A linear text classifier: weights over hashed n-grams, weighted by tf-idf. In: any text. Out: a probability for each
/// label; they sum to 1. It never changes after it was made, so any number of threads may ask it at once. It is made by
/// <see cref="TextTrainer"/> or read from a file by <see cref="Load"/>.
/// </summary>
public sealed class TextClassifier
{
    private const int KeysOnStack = 1024;
    private const int TabledCounts = 64;
    private static readonly float[] LogCounts = [.. Enumerable.Range(0, TabledCounts).Select(n => n == 0 ? 0 : 1 + MathF.Log(n))];

    private readonly TextWeights _weights;
    private readonly Slot[] _slots;
    private readonly string[] _labels;

    internal TextClassifier(TextWeights weights, string hash)
    {
        _weights = weights;
        _labels = weights.Labels;
        Id = $"{weights.Name}@{hash[..8]}";
        _slots = IndexKeys(weights.Keys);
    }

    /// <summary>The model's name and the first 8 hex digits of its file's SHA-256: <c>moderation@1a2b3c4d</c>.</summary>
    public string Id { get; }

    /// <summary>The labels, in ordinal order.</summary>
    public IReadOnlyList<string> Labels => _labels;

    /// <summary>How many distinct n-grams the model knows.</summary>
    public int Features => _weights.Keys.Length;

    /// <summary>The likeliest label of a text and its probability; the first in order if two are equal.</summary>
    public Prediction Predict(ReadOnlySpan<char> text)
    {
        Span<double> probabilities = stackalloc double[TextWeights.MaxLabels];
        probabilities = probabilities[.._labels.Length];
        Probabilities(text, probabilities);
        var best = 0;
        for (var i = 1; i < probabilities.Length; i++)
            if (probabilities[i] > probabilities[best])
                best = i;
        return new Prediction(_labels[best], probabilities[best]);
    }

    /// <summary>
    /// Writes the probability of each label (0 to 1, sum 1, in the order of <see cref="Labels"/>) to
    /// <paramref name="probabilities"/>, which must have exactly that length (else <see cref="ArgumentException"/>).
    /// </summary>
    public void Probabilities(ReadOnlySpan<char> text, Span<double> probabilities)
    {
        if (probabilities.Length != _labels.Length)
            throw new ArgumentException($"Give a span of {_labels.Length} numbers, one for each label.", nameof(probabilities));
        var keys = new KeyBuffer(stackalloc uint[KeysOnStack]);
        TextFeatures.Extract(text, ref keys);
        Margins(keys.Keys, probabilities[..Outputs]);
        keys.Dispose();
        ToProbabilities(probabilities);
    }

    /// <summary>
    /// Reads a model file. <see cref="ModelFileException"/> says what is wrong with the file and the cure, whatever its bytes.
    /// </summary>
    public static TextClassifier Load(string path) => TextModelFile.Load(path);

    /// <summary>
    /// Writes the model to a file, which appears complete or not at all. Equal models give equal bytes.
    /// <see cref="ModelFileException"/> if the file cannot be written. Returns the file's size in bytes.
    /// </summary>
    public long Save(string path) => TextModelFile.Save(_weights, path);

    /// <summary>1 + ln(count): the second occurrence of a word says less than the first.</summary>
    internal static float Sublinear(int count) => count < TabledCounts ? LogCounts[count] : 1 + MathF.Log(count);

    // Two labels need one output: its opposite is the other.
    private int Outputs => _weights.Outputs;

    private void Margins(ReadOnlySpan<uint> sorted, Span<double> margins)
    {
        var outputs = margins.Length;
        Span<double> sums = stackalloc double[TextFeatures.Blocks * outputs];
        Span<double> squares = stackalloc double[TextFeatures.Blocks];
        sums.Clear();
        squares.Clear();
        var weights = _weights.Weights;
        for (var i = 0; i < sorted.Length;)
        {
            var key = sorted[i];
            var from = i;
            while (++i < sorted.Length && sorted[i] == key) { }
            var feature = Find(key);
            if (feature < 0) continue;
            var value = Sublinear(i - from) * _weights.Idf[feature];
            var block = TextFeatures.BlockOf(key);
            squares[block] += value * value;
            for (var k = 0; k < outputs; k++) sums[(block * outputs) + k] += value * weights[(feature * outputs) + k];
        }
        for (var k = 0; k < outputs; k++) margins[k] = _weights.Bias[k];
        for (var block = 0; block < TextFeatures.Blocks; block++)
        {
            if (squares[block] == 0) continue;
            var length = Math.Sqrt(squares[block]);
            for (var k = 0; k < outputs; k++) margins[k] += sums[(block * outputs) + k] / length;
        }
    }

    private void ToProbabilities(Span<double> values)
    {
        if (Outputs == 1)
        {
            values[0] = Sigmoid(values[0]);
            values[1] = 1 - values[0];
            return;
        }
        var sum = 0.0;
        foreach (ref var value in values)
        {
            value = Sigmoid(value);
            sum += value;
        }
        foreach (ref var value in values) value /= sum;
    }

    // Bounded away from 0, so that the sum of several is never 0.
    private static double Sigmoid(double margin) => 1 / (1 + Math.Exp(-Math.Clamp(margin, -500, 500)));

    private int Find(uint key)
    {
        var mask = _slots.Length - 1;
        for (var at = (int)(key >> 1) & mask; ; at = (at + 1) & mask)
        {
            var slot = _slots[at];
            if (slot.Feature == 0 || slot.Key == key) return slot.Feature - 1;
        }
    }

    // Open addressing, at most half full.
    private static Slot[] IndexKeys(uint[] keys)
    {
        var slots = new Slot[(int)BitOperations.RoundUpToPowerOf2((uint)(keys.Length * 2) + 2)];
        var mask = slots.Length - 1;
        for (var i = 0; i < keys.Length; i++)
        {
            var at = (int)(keys[i] >> 1) & mask;
            while (slots[at].Feature != 0) at = (at + 1) & mask;
            slots[at] = new Slot(keys[i], i + 1);
        }
        return slots;
    }

    // Feature: its number + 1, so that 0 is free.
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Slot(uint Key, int Feature);
}
