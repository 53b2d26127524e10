namespace Mainstay.Bench.Detect;

/// <summary>What a threshold finds in labelled series, counted in points and in episodes.</summary>
internal readonly record struct CloudScore(double Threshold, long Found, long Missed, long False, long FalseEpisodes, double Days)
{
    public double Precision => Found == 0 ? 0 : (double)Found / (Found + False);

    public double Recall => Found == 0 ? 0 : (double)Found / (Found + Missed);

    public double F1 => Found == 0 ? 0 : 2.0 * Found / ((2.0 * Found) + False + Missed);

    public double FalsePerSeriesDay => Days == 0 ? 0 : FalseEpisodes / Days;
}

/// <summary>
/// Point-adjusted counts with bounded delay, as in the AIOps challenge of 2018: a labelled stretch counts as found, with all
/// its points, if there is a detection at one of its first eight points (at most seven late), else as missed with all of them.
/// Detections outside count one by one; a run of them that touches no labelled point is one false episode.
/// </summary>
internal static class CloudScorer
{
    /// <summary>More false episodes a day on every series than this would wear people out.</summary>
    public const double MostFalsePerDay = 0.25;

    private const int MostLate = 7;

    /// <summary>Sixty thresholds over the scores above 0, closer to each other the higher they are.</summary>
    public static IReadOnlyList<double> Thresholds(IReadOnlyList<double[]> scores)
    {
        var sorted = scores.SelectMany(s => s).Where(s => s > 0).Order().ToArray();
        return [.. Enumerable.Range(0, 60).Select(i => 1 - Math.Pow(10, -i / 15.0))
            .Select(q => sorted[Math.Min((int)(q * sorted.Length), sorted.Length - 1)]).Distinct()];
    }

    /// <summary>Counts over all series, at one threshold: rows at or above it are detections.</summary>
    public static CloudScore At(double threshold, IReadOnlyList<LabelledSeries> series, IReadOnlyList<double[]> scores)
    {
        var sum = new CloudScore(threshold, 0, 0, 0, 0, 0);
        for (var i = 0; i < series.Count; i++)
            sum = Add(sum, series[i], scores[i]);
        return sum;
    }

    /// <summary>The threshold among those given with the best F1 that keeps to a rate of false episodes.</summary>
    public static CloudScore Best(
        IEnumerable<double> thresholds, double mostFalsePerDay, IReadOnlyList<LabelledSeries> series, IReadOnlyList<double[]> scores) =>
        thresholds.Select(t => At(t, series, scores)).Where(s => s.FalsePerSeriesDay <= mostFalsePerDay).MaxBy(s => s.F1);

    /// <summary>The counts if each category were judged with the threshold that is best for all the others.</summary>
    public static CloudScore CrossValidated(IReadOnlyList<LabelledSeries> series, IReadOnlyList<double[]> scores)
    {
        var sum = new CloudScore(0, 0, 0, 0, 0, 0);
        foreach (var category in series.Select(s => s.Category).Distinct())
        {
            var held = Enumerable.Range(0, series.Count).ToLookup(i => series[i].Category == category);
            var others = held[false].Select(i => scores[i]).ToList();
            var threshold = Best(Thresholds(others), MostFalsePerDay, [.. held[false].Select(i => series[i])], others).Threshold;
            sum = held[true].Aggregate(sum with { Threshold = threshold }, (all, i) => Add(all, series[i], scores[i]));
        }
        return sum;
    }

    private static CloudScore Add(CloudScore sum, LabelledSeries series, double[] scores)
    {
        var labelled = new bool[scores.Length];
        foreach (var (first, last) in series.Labels)
        {
            Array.Fill(labelled, true, first, last - first + 1);
            var found = scores.AsSpan(first, Math.Min(last - first, MostLate) + 1).ContainsAnyInRange(sum.Threshold, double.MaxValue);
            sum = found
                ? sum with { Found = sum.Found + last - first + 1 }
                : sum with { Missed = sum.Missed + last - first + 1 };
        }
        for (var i = 0; i < scores.Length; i++)
        {
            if (scores[i] < sum.Threshold)
                continue;
            var start = i;
            var touches = false;
            for (; i < scores.Length && scores[i] >= sum.Threshold; i++)
                touches |= labelled[i];
            var outside = labelled.AsSpan(start, i - start).Count(false);
            sum = sum with { False = sum.False + outside, FalseEpisodes = sum.FalseEpisodes + (touches ? 0 : 1) };
        }
        return sum with { Days = sum.Days + series.Days };
    }
}
