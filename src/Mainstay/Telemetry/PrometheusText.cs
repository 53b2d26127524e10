using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Mainstay.Telemetry;

/// <summary>
/// Writes metrics as Prometheus reads them: the text format 0.0.4, or OpenMetrics 1.0.0 for who asks for it. Names as OpenTelemetry's
/// compatibility rules have it: dots become underscores, seconds are said, counters end in <c>_total</c>.
/// </summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusText : BaseExporter<Metric>, IPullMetricExporter
{
    /// <summary>Collecting takes milliseconds; nobody waits longer for it.</summary>
    private const int CollectWithin = 1000;

    private readonly Lock _collecting = new();
    private readonly StringBuilder _text = new();
    private bool _isOpen;

    /// <summary>Set by the reader that this exporter is given to.</summary>
    public Func<int, bool>? Collect { get; set; }

    /// <summary>All metrics as they are now. Any thread; one at a time.</summary>
    /// <param name="isOpen">True: OpenMetrics.</param>
    public string Read(bool isOpen)
    {
        lock (_collecting)
        {
            _text.Clear();
            _isOpen = isOpen;
            Collect?.Invoke(CollectWithin);
            if (isOpen)
                _text.Append("# EOF\n");
            return _text.ToString();
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        foreach (var metric in batch)
            Write(metric);
        return ExportResult.Success;
    }

    private void Write(Metric metric)
    {
        var isCounter = metric.MetricType is MetricType.LongSum or MetricType.DoubleSum;
        var name = NameOf(metric);
        var sample = isCounter ? name + "_total" : name;
        // OpenMetrics names a counter's family without the suffix of its samples.
        var family = _isOpen ? name : sample;
        _text.Append(CultureInfo.InvariantCulture, $"# HELP {family} {metric.Description.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\n");
        _text.Append(CultureInfo.InvariantCulture, $"# TYPE {family} {(isCounter ? "counter" : metric.MetricType == MetricType.Histogram ? "histogram" : "gauge")}\n");
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            var labels = Labels(point.Tags);
            switch (metric.MetricType)
            {
                case MetricType.Histogram:
                    WriteHistogram(name, labels, point);
                    break;
                case MetricType.LongSum or MetricType.LongSumNonMonotonic:
                    Sample(sample, labels, point.GetSumLong());
                    break;
                case MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic:
                    Sample(sample, labels, point.GetSumDouble());
                    break;
                case MetricType.LongGauge:
                    Sample(sample, labels, point.GetGaugeLastValueLong());
                    break;
                case MetricType.DoubleGauge:
                    Sample(sample, labels, point.GetGaugeLastValueDouble());
                    break;
            }
        }
    }

    private void WriteHistogram(string name, string labels, in MetricPoint point)
    {
        var sum = 0L;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            sum += bucket.BucketCount;
            var le = double.IsPositiveInfinity(bucket.ExplicitBound) ? "+Inf" : Number(bucket.ExplicitBound);
            Sample(name + "_bucket", $"{labels}{(labels.Length == 0 ? "" : ",")}le=\"{le}\"", sum);
        }
        Sample(name + "_sum", labels, point.GetHistogramSum());
        Sample(name + "_count", labels, point.GetHistogramCount());
    }

    private void Sample(string name, string labels, double value)
    {
        _text.Append(name);
        if (labels.Length > 0)
            _text.Append('{').Append(labels).Append('}');
        _text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    /// <summary>OpenMetrics wants bounds written as floating-point numbers.</summary>
    private string Number(double value) =>
        _isOpen && value == Math.Floor(value) ? value.ToString("F1", CultureInfo.InvariantCulture) : value.ToString("R", CultureInfo.InvariantCulture);

    private static string NameOf(Metric metric)
    {
        var name = metric.Name.Replace('.', '_');
        return metric.Unit == "s" ? name + "_seconds" : name;
    }

    private static string Labels(ReadOnlyTagCollection tags)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in tags)
        {
            if (text.Length > 0)
                text.Append(',');
            text.Append(name.Replace('.', '_')).Append("=\"").Append(Escaped(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")).Append('"');
        }
        return text.ToString();
    }

    private static string Escaped(string text) => text
        .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
