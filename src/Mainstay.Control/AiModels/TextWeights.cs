namespace Mainstay.Control.AiModels;

/// <summary>
/// What a text classifier has learned, as it stands in the model file. <c>Weights[feature * Outputs + output]</c>; one
/// output for two labels (its sigmoid is the first label's probability), else one for each label (one against the rest).
/// </summary>
internal sealed class TextWeights
{
    public const int MaxLabels = 100;
    public const int MaxFeatures = 4_000_000;

    public TextWeights(string name, string[] labels, int documents, uint[] keys, int[] counts, float[] bias, float[] weights)
    {
        Name = name;
        Labels = labels;
        Documents = documents;
        Keys = keys;
        Counts = counts;
        Bias = bias;
        Weights = weights;
        Idf = Array.ConvertAll(counts, count => InverseDocumentFrequency(documents, count));
    }

    public string Name { get; }
    public string[] Labels { get; }

    /// <summary>How many texts it was trained on.</summary>
    public int Documents { get; }

    /// <summary>The features' keys, ascending.</summary>
    public uint[] Keys { get; }

    /// <summary>In how many texts each feature occurred.</summary>
    public int[] Counts { get; }

    /// <summary>One number for each output, each rounded to 16 bits, as the file holds it.</summary>
    public float[] Bias { get; }

    /// <summary>The learned weights, each rounded to 16 bits, as the file holds it.</summary>
    public float[] Weights { get; }

    /// <summary>How much each feature counts: the rarer, the more.</summary>
    public float[] Idf { get; }
    public int Outputs => OutputsFor(Labels.Length);

    public static int OutputsFor(int labels) => labels == 2 ? 1 : labels;

    /// <summary>ln((1 + documents) / (1 + count)) + 1: as if one more text held all features (smooth idf).</summary>
    public static float InverseDocumentFrequency(int documents, int count) => MathF.Log((1f + documents) / (1f + count)) + 1;
}
