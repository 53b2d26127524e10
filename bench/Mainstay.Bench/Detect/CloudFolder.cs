namespace Mainstay.Bench.Detect;

/// <summary>Labelled operations series as of Microsoft's cloud-monitoring-dataset: category/file.csv with TimeStamp, Value, Label.</summary>
internal static class CloudFolder
{
    public static IReadOnlyList<LabelledSeries> Read(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.csv", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)
            .Select(name => ReadSeries(Path.Combine(folder, name), name))];

    private static LabelledSeries ReadSeries(string path, string name)
    {
        var rows = File.ReadLines(path).Skip(1).Where(line => line.Length > 0).Select(LabelledSeries.Fields).ToList();
        var labels = new List<(int First, int Last)>();
        for (var i = 0; i < rows.Count; i++)
        {
            if (LabelledSeries.Value(rows[i][2]) is not > 0)
                continue;
            if (labels.Count > 0 && labels[^1].Last == i - 1)
                labels[^1] = (labels[^1].First, i);
            else
                labels.Add((i, i));
        }
        return new LabelledSeries(
            Path.GetDirectoryName(name)!.Replace('\\', '/'), Path.GetFileName(name), [.. rows.Select(row => row[0])],
            [.. rows.Select(row => LabelledSeries.Time(row[0]))], [.. rows.Select(row => LabelledSeries.Value(row[1]))], labels);
    }
}
