namespace Mainstay.Control.AiModels;

/// <summary>How well a classifier does on texts it has not seen: all 0 to 1 but the log loss (in nats, 0 is best).</summary>
/// <param name="Accuracy">The share of right labels.</param>
/// <param name="MacroF1">The labels' mean F1 (harmonic mean of precision and recall): a rare label counts as much.</param>
/// <param name="LogLoss">The mean of −ln(probability of the true label).</param>
/// <param name="CalibrationError">
/// Expected calibration error, 10 bins of equal width (Guo et al. 2017): how far confidence lies from the share of right labels.
/// </param>
public sealed record ClassificationScore(double Accuracy, double MacroF1, double LogLoss, double CalibrationError)
{
    private const int Bins = 10;

    /// <summary>Asks the classifier for each example. A label it does not know counts as wrong. No examples: all 0.</summary>
    public static ClassificationScore Of(TextClassifier classifier, IReadOnlyList<TextExample> examples)
    {
        if (examples.Count == 0) return new ClassificationScore(0, 0, 0, 0);
        var labels = classifier.Labels.ToList();
        foreach (var example in examples)
            if (!labels.Contains(example.Label))
                labels.Add(example.Label);
        var confusion = new int[labels.Count, labels.Count];
        var confidence = new double[Bins];
        var right = new int[Bins];
        var probabilities = new double[classifier.Labels.Count];
        var loss = 0.0;
        foreach (var example in examples)
        {
            classifier.Probabilities(example.Text, probabilities);
            var truth = labels.IndexOf(example.Label);
            var best = Array.IndexOf(probabilities, probabilities.Max());
            confusion[truth, best]++;
            loss -= Math.Log(truth < probabilities.Length ? Math.Max(probabilities[truth], 1e-15) : 1e-15);
            var bin = Math.Min(Bins - 1, (int)(probabilities[best] * Bins));
            confidence[bin] += probabilities[best];
            if (best == truth) right[bin]++;
        }
        var apart = Enumerable.Range(0, Bins).Sum(bin => Math.Abs(confidence[bin] - right[bin]));
        return new ClassificationScore(
            right.Sum() / (double)examples.Count, MeanF1(confusion), loss / examples.Count, apart / examples.Count);
    }

    private static double MeanF1(int[,] confusion)
    {
        var labels = confusion.GetLength(0);
        var sum = 0.0;
        var seen = 0;
        for (var label = 0; label < labels; label++)
        {
            var truths = Enumerable.Range(0, labels).Sum(other => confusion[label, other]);
            var guesses = Enumerable.Range(0, labels).Sum(other => confusion[other, label]);
            if (truths + guesses == 0) continue;
            seen++;
            sum += 2.0 * confusion[label, label] / (truths + guesses);
        }
        return sum / seen;
    }
}
