namespace Mainstay.Bench.Detect;

/// <summary>What a profile gives for a window found (at its very start), takes for one missed and for a false alarm.</summary>
internal sealed record NabProfile(double Found, double Missed, double False)
{
    public static NabProfile Standard { get; } = new(1, 1, 0.11);

    public static NabProfile LowFalse { get; } = new(1, 1, 0.22);

    public static NabProfile LowMissed { get; } = new(1, 2, 0.11);
}

/// <summary>Normalised score, 0 for a detector that is always silent and 100 for a perfect one, at one threshold.</summary>
internal readonly record struct NabScore(double Value, double Threshold);

/// <summary>
/// The rules of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015; scoring of its release 1.1): one threshold for all
/// files; of the detections in a window the one worth most counts, by a sigmoid of its place in it; each detection outside
/// costs, less shortly behind a window; the first 15 % of a file, 750 rows at most, do not count.
/// </summary>
internal sealed class NabScorer
{
    private readonly NabProfile _profile;
    private readonly List<(double Score, double Worth, int Window)> _points = [];
    private int _windows;

    private NabScorer(NabProfile profile) => _profile = profile;

    /// <summary>The best score that any threshold gives, and that threshold.</summary>
    public static NabScore Best(NabProfile profile, IReadOnlyList<LabelledSeries> series, IReadOnlyList<double[]> scores)
    {
        var scorer = Collect(profile, series, scores);
        var best = (Value: scorer.Silent, Threshold: 1.1);
        foreach (var step in scorer.Sweep())
            if (step.Raw > best.Value)
                best = step;
        return new NabScore(scorer.Normalised(best.Value), best.Threshold);
    }

    /// <summary>The score at a given threshold: rows at or above it are detections.</summary>
    public static NabScore At(double threshold, NabProfile profile, IReadOnlyList<LabelledSeries> series, IReadOnlyList<double[]> scores)
    {
        var scorer = Collect(profile, series, scores);
        return new NabScore(scorer.Normalised(scorer.RawAt(threshold)), threshold);
    }

    /// <summary>The score if each category were judged with the threshold that is best for all the others.</summary>
    public static double CrossValidated(NabProfile profile, IReadOnlyList<LabelledSeries> series, IReadOnlyList<double[]> scores)
    {
        var (raw, silent, windows) = (0.0, 0.0, 0);
        foreach (var category in series.Select(s => s.Category).Distinct())
        {
            var held = Enumerable.Range(0, series.Count).ToLookup(i => series[i].Category == category);
            var threshold = Best(profile, [.. held[false].Select(i => series[i])], [.. held[false].Select(i => scores[i])]).Threshold;
            var scorer = Collect(profile, [.. held[true].Select(i => series[i])], [.. held[true].Select(i => scores[i])]);
            (raw, silent, windows) = (raw + scorer.RawAt(threshold), silent + scorer.Silent, windows + scorer._windows);
        }
        return 100 * (raw - silent) / ((profile.Found * windows) - silent);
    }

    /// <summary>Rows at the begin of a file that are not scored.</summary>
    public static int Probation(int rows) => (int)Math.Min(Math.Floor(0.15 * rows), 0.15 * 5000);

    private double Silent => -_profile.Missed * _windows;

    private double Normalised(double raw) => 100 * (raw - Silent) / ((_profile.Found * _windows) - Silent);

    private double RawAt(double threshold)
    {
        var raw = Silent;
        foreach (var step in Sweep().TakeWhile(step => step.Threshold >= threshold))
            raw = step.Raw;
        return raw;
    }

    private static NabScorer Collect(NabProfile profile, IReadOnlyList<LabelledSeries> series, IReadOnlyList<double[]> scores)
    {
        var scorer = new NabScorer(profile);
        for (var i = 0; i < series.Count; i++)
            scorer.Add(series[i], scores[i]);
        return scorer;
    }

    private void Add(LabelledSeries series, double[] scores)
    {
        var next = 0;
        (int First, int Last)? before = null;
        for (var i = 0; i < scores.Length; i++)
        {
            if (next < series.Labels.Count && i > series.Labels[next].Last)
                before = series.Labels[next++];
            var inside = next < series.Labels.Count && i >= series.Labels[next].First;
            if (i < Probation(series.Length))
                continue;
            if (inside)
            {
                var (first, last) = series.Labels[next];
                var position = -(last - i + 1.0) / (last - first + 1.0);
                _points.Add((scores[i], Sigmoid(position) * _profile.Found / Sigmoid(-1), _windows + next));
            }
            else
            {
                var worth = before is { } window ? Sigmoid((i - window.Last) / (double)(window.Last - window.First)) : -1;
                _points.Add((scores[i], worth * _profile.False, -1));
            }
        }
        _windows += series.Labels.Count;
    }

    /// <summary>The sum of all worths with each threshold that makes a difference, from the highest down.</summary>
    private IEnumerable<(double Raw, double Threshold)> Sweep()
    {
        _points.Sort((a, b) => b.Score.CompareTo(a.Score));
        var found = new double[_windows];
        Array.Fill(found, -_profile.Missed);
        var raw = Silent;
        for (var i = 0; i < _points.Count; i++)
        {
            var (score, worth, window) = _points[i];
            if (window < 0)
            {
                raw += worth;
            }
            else if (worth > found[window])
            {
                raw += worth - found[window];
                found[window] = worth;
            }
            if (i + 1 == _points.Count || _points[i + 1].Score != score)
                yield return (raw, score);
        }
    }

    private static double Sigmoid(double position) => position > 3 ? -1 : (2 / (1 + Math.Exp(5 * position))) - 1;
}
