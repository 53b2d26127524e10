using System.Globalization;
using System.Text.Json;

namespace Mainstay.Bench.Detect;

/// <summary>A folder laid out as the Numenta Anomaly Benchmark: data/category/file.csv and labels/combined_windows.json.</summary>
internal static class NabFolder
{
    /// <summary>All series, by name, and whether there are labels for them. A file that the labels do not name has none.</summary>
    public static (IReadOnlyList<LabelledSeries> Series, bool Labelled) Read(string folder)
    {
        var data = Path.Combine(folder, "data");
        var labels = Path.Combine(folder, "labels", "combined_windows.json");
        var labelled = File.Exists(labels);
        var windows = labelled
            ? JsonSerializer.Deserialize<Dictionary<string, string[][]>>(File.ReadAllText(labels))!
            : [];
        var series = Directory.EnumerateFiles(data, "*.csv", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(data, path).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)
            .Select(name => ReadSeries(Path.Combine(data, name), name, windows.GetValueOrDefault(name) ?? []))
            .ToList();
        return (series, labelled);
    }

    /// <summary>Writes timestamp, value and score of every row, below the category's folder.</summary>
    public static void Write(string folder, LabelledSeries series, double[] scores)
    {
        Directory.CreateDirectory(Path.Combine(folder, series.Category));
        using var file = new StreamWriter(Path.Combine(folder, series.Category, series.File));
        file.WriteLine("timestamp,value,anomaly_score");
        for (var i = 0; i < scores.Length; i++)
            file.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{series.Stamps[i]},{series.Values[i]:R},{scores[i]:R}"));
    }

    private static LabelledSeries ReadSeries(string path, string name, string[][] windows)
    {
        var rows = File.ReadLines(path).Skip(1).Where(line => line.Length > 0).Select(LabelledSeries.Fields).ToList();
        var times = rows.Select(row => LabelledSeries.Time(row[0])).ToArray();
        var labels = windows
            .Select(w => (LabelledSeries.Time(w[0]), LabelledSeries.Time(w[1])))
            .Select(w => (First: Array.IndexOf(times, w.Item1), Last: Array.IndexOf(times, w.Item2)))
            .Order()
            .ToList();
        if (labels.Exists(w => w.First < 0 || w.Last < w.First))
            throw new InvalidDataException($"{name}: a labelled window begins or ends at a time that no row has.");
        return new LabelledSeries(
            Path.GetDirectoryName(name)!.Replace('\\', '/'), Path.GetFileName(name), [.. rows.Select(row => row[0])], times,
            [.. rows.Select(row => LabelledSeries.Value(row[1]))], labels);
    }
}
