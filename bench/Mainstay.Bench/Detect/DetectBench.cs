using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Mainstay.Control.Detection;

namespace Mainstay.Bench.Detect;

/// <summary>The detectors of series on labelled data, and what they cost. One of its options says which.</summary>
internal static class DetectBench
{
    public static Command Build(TimeProvider clock)
    {
        var nab = new Option<DirectoryInfo>("--nab") { Description = "Folder with data/**.csv and, for scores, labels/combined_windows.json." };
        var output = new Option<DirectoryInfo>("--out") { Description = "With --nab: where to write timestamp,value,anomaly_score." };
        var cloud = new Option<DirectoryInfo>("--cloud") { Description = "Folder of labelled operations series, TimeStamp,Value,Label." };
        var threshold = new Option<double?>("--threshold") { Description = "Score from which a row counts as detected; without it the best with --nab, that of the product with --cloud." };
        var speed = new Option<bool>("--speed") { Description = "Points a second on one core, and bytes a series." };
        var storm = new Option<bool>("--storm") { Description = "Alerts in storms: of a dead region, flapping, and while the program is killed." };
        var alerts = new Option<int>("--alerts") { Description = "With --storm: alerts of each storm.", DefaultValueFactory = _ => 10_000 };
        var kills = new Option<int>("--kills") { Description = "With --storm: SIGKILLs.", DefaultValueFactory = _ => 20 };
        var seed = new Option<int>("--seed") { Description = "With --storm: of the times of the kills.", DefaultValueFactory = _ => 1 };
        var quick = new Option<bool>("--quick") { Description = "With --storm: 500 alerts and 2 kills." };
        var command = new Command("detect", "Detectors of series: NAB, labelled operations series, speed; storms of alerts.")
        {
            nab, output, cloud, threshold, speed, storm, alerts, kills, seed, quick,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            if (parsed.GetValue(storm))
            {
                var isQuick = parsed.GetValue(quick);
                return await StormBench.RunAsync(
                    isQuick ? 500 : parsed.GetValue(alerts), isQuick ? 2 : parsed.GetValue(kills), parsed.GetValue(seed), clock, cancel);
            }
            if (parsed.GetValue(nab) is { } nabFolder)
                return Nab(nabFolder.FullName, parsed.GetValue(output)?.FullName, parsed.GetValue(threshold));
            if (parsed.GetValue(cloud) is { } cloudFolder)
                return Cloud(cloudFolder.FullName, parsed.GetValue(threshold));
            if (parsed.GetValue(speed))
                return DetectSpeed.Run(clock);
            await Console.Error.WriteLineAsync("detect: give one of --nab DIR, --cloud DIR, --speed, --storm.");
            return 2;
        });
        return command;
    }

    /// <summary>The scores that a new detector gives the rows of a series.</summary>
    public static double[] Score(LabelledSeries series)
    {
        var detector = new SeriesDetector();
        var scores = new double[series.Length];
        for (var i = 0; i < scores.Length; i++)
            scores[i] = detector.Judge(series.Times[i], series.Values[i]).Score;
        return scores;
    }

    private static int Nab(string folder, string? output, double? threshold)
    {
        if (!Directory.Exists(Path.Combine(folder, "data")))
            return Missing(Path.Combine(folder, "data"));
        var (series, labelled) = NabFolder.Read(folder);
        var scores = series.Select(Score).ToList();
        if (output is not null)
            for (var i = 0; i < series.Count; i++)
                NabFolder.Write(output, series[i], scores[i]);
        if (!labelled)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { benchmark = "detect-nab", files = series.Count }, JsonSerializerOptions.Web));
            return 0;
        }
        NabScore Of(NabProfile profile) => threshold is { } t
            ? NabScorer.At(t, profile, series, scores)
            : NabScorer.Best(profile, series, scores);
        var (standard, lowFalse, lowMissed) = (Of(NabProfile.Standard), Of(NabProfile.LowFalse), Of(NabProfile.LowMissed));
        Console.WriteLine("profile    score   threshold");
        foreach (var (name, score) in new[] { ("standard", standard), ("low FP", lowFalse), ("low FN", lowMissed) })
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-9}{score.Value,7:F2}   {score.Threshold:R}"));
        Console.WriteLine(JsonSerializer.Serialize(
            new
            {
                benchmark = "detect-nab",
                standard = standard.Value,
                low_fp = lowFalse.Value,
                low_fn = lowMissed.Value,
                threshold = standard.Threshold,
                cross_validated = NabScorer.CrossValidated(NabProfile.Standard, series, scores),
                files = series.Count,
            },
            JsonSerializerOptions.Web));
        return 0;
    }

    private static int Cloud(string folder, double? threshold)
    {
        if (!Directory.Exists(folder))
            return Missing(folder);
        var series = CloudFolder.Read(folder);
        var scores = series.Select(Score).ToList();
        var score = CloudScorer.At(threshold ?? SeriesDetector.Alarm, series, scores);
        var best = CloudScorer.Best(CloudScorer.Thresholds(scores), CloudScorer.MostFalsePerDay, series, scores);
        var validated = CloudScorer.CrossValidated(series, scores);
        Console.WriteLine("threshold                 precision  recall     F1  false/series-day");
        foreach (var (name, row) in new[] { ("given", score), ("best for these", best), ("best for other categories", validated) })
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name,-26}{row.Precision,9:F3}{row.Recall,8:F3}{row.F1,7:F3}{row.FalsePerSeriesDay,18:F3}"));
        Console.WriteLine(JsonSerializer.Serialize(
            new
            {
                benchmark = "detect-cloud",
                f1 = score.F1,
                false_per_series_day = score.FalsePerSeriesDay,
                threshold = score.Threshold,
                cross_validated_f1 = validated.F1,
                files = series.Count,
            },
            JsonSerializerOptions.Web));
        return 0;
    }

    private static int Missing(string folder)
    {
        Console.Error.WriteLine($"{folder}: there is no such folder.");
        return 2;
    }
}
