using System.Globalization;
using System.Text;

namespace Mainstay.Models;

/// <summary>What one served model counts, for Prometheus. Any number of threads may count at once.</summary>
internal sealed class ModelMetrics
{
    private const int HighestCode = 599;

    // Seconds. A prediction takes tens of microseconds; the upper half shows a machine in trouble.
    private static readonly double[] Bounds = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

    private readonly long[] _codes = new long[HighestCode + 1];
    private readonly long[] _buckets = new long[Bounds.Length + 1];
    private long _ticks;
    private long _inFlight;

    public void Begin() => Interlocked.Increment(ref _inFlight);

    public void End(int code, TimeSpan took)
    {
        Interlocked.Decrement(ref _inFlight);
        Interlocked.Increment(ref _codes[Math.Clamp(code, 0, HighestCode)]);
        var bucket = 0;
        while (bucket < Bounds.Length && took.TotalSeconds > Bounds[bucket]) bucket++;
        Interlocked.Increment(ref _buckets[bucket]);
        Interlocked.Add(ref _ticks, took.Ticks);
    }

    /// <summary>The Prometheus text exposition format, version 0.0.4.</summary>
    public string ToPrometheus(string model)
    {
        var text = new StringBuilder();
        var invariant = CultureInfo.InvariantCulture;
        var name = model.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        text.Append("# HELP mainstay_model_info The model that is served.\n# TYPE mainstay_model_info gauge\n");
        text.Append(invariant, $"mainstay_model_info{{model=\"{name}\"}} 1\n");
        text.Append("# HELP mainstay_model_requests_total Answered requests.\n# TYPE mainstay_model_requests_total counter\n");
        for (var code = 0; code < _codes.Length; code++)
            if (Interlocked.Read(ref _codes[code]) is > 0 and var count)
                text.Append(invariant, $"mainstay_model_requests_total{{code=\"{code}\"}} {count}\n");
        text.Append("# HELP mainstay_model_request_seconds Time from request to answer.\n");
        text.Append("# TYPE mainstay_model_request_seconds histogram\n");
        var sum = 0L;
        for (var i = 0; i < _buckets.Length; i++)
        {
            sum += Interlocked.Read(ref _buckets[i]);
            var bound = i < Bounds.Length ? Bounds[i].ToString(invariant) : "+Inf";
            text.Append(invariant, $"mainstay_model_request_seconds_bucket{{le=\"{bound}\"}} {sum}\n");
        }
        var seconds = TimeSpan.FromTicks(Interlocked.Read(ref _ticks)).TotalSeconds;
        text.Append(invariant, $"mainstay_model_request_seconds_sum {seconds:F6}\n");
        text.Append(invariant, $"mainstay_model_request_seconds_count {sum}\n");
        text.Append("# HELP mainstay_model_requests_in_flight Requests being answered.\n");
        text.Append("# TYPE mainstay_model_requests_in_flight gauge\n");
        text.Append(invariant, $"mainstay_model_requests_in_flight {Interlocked.Read(ref _inFlight)}\n");
        return text.ToString();
    }
}
