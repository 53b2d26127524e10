using System.Collections.Immutable;
using System.Globalization;

namespace Mainstay.Control.Signals;

/// <summary>What of a server's metrics means that it is full.</summary>
/// <param name="Metric">Name of the series.</param>
/// <param name="Most">From here on it is full; with <paramref name="IsBelow"/> from here down.</param>
/// <param name="Meaning">In a few words.</param>
public sealed record SaturationRule(string Metric, double Most, string Meaning)
{
    /// <summary>The metric is divided by this one with the same labels; null: it is not.</summary>
    public string? Per { get; init; }

    /// <summary>True: small values mean full.</summary>
    public bool IsBelow { get; init; }
}

/// <summary>Ready knowledge of what servers expose. Sources: the metrics' documents of vLLM 0.10, text-generation-inference 3, Triton 25, SGLang 0.5, DCGM exporter 4,
/// the Neuron monitor's Prometheus exporter and node_exporter 1.9.</summary>
public static class Profile
{
    private static readonly ImmutableDictionary<string, ImmutableArray<SaturationRule>> Rules = new Dictionary<string, ImmutableArray<SaturationRule>>
    {
        ["vllm"] =
        [
            new("vllm:kv_cache_usage_perc", 0.97, "the cache of keys and values is full: requests are preempted"),
            new("vllm:gpu_cache_usage_perc", 0.97, "the cache of keys and values is full: requests are preempted"),
            new("vllm:num_requests_waiting", 5, "requests wait for a place in the batch"),
        ],
        ["tgi"] = [new("tgi_queue_size", 5, "requests wait for a place in the batch")],
        ["triton"] =
        [
            new("nv_inference_pending_request_count", 20, "requests wait for an instance of the model"),
            new("nv_gpu_memory_used_bytes", 0.98, "the memory of the GPU is full") { Per = "nv_gpu_memory_total_bytes" },
        ],
        ["sglang"] =
        [
            new("sglang:token_usage", 0.97, "the pool of tokens is full: requests are retracted"),
            new("sglang:num_queue_reqs", 5, "requests wait for a place in the batch"),
        ],
        ["dcgm"] =
        [
            new("DCGM_FI_DEV_FB_FREE", 256, "less than 256 MiB of the GPU's memory are free") { IsBelow = true },
            new("DCGM_FI_DEV_GPU_TEMP", 88, "the GPU is so hot that it slows down"),
            new("DCGM_FI_DEV_XID_ERRORS", 1, "the driver reports an error of the GPU (XID)"),
        ],
        ["neuron"] =
        [
            new("neuroncore_utilization_ratio", 0.98, "the Neuron core has no time left"),
            new("system_memory_used_bytes", 0.95, "the memory of the machine is full") { Per = "system_memory_total_bytes" },
        ],
        ["node"] =
        [
            new("node_filesystem_avail_bytes", 0.05, "less than 5 % of the file system are free") { Per = "node_filesystem_size_bytes", IsBelow = true },
            new("node_filesystem_files_free", 0.05, "less than 5 % of the file system's inodes are free") { Per = "node_filesystem_files", IsBelow = true },
            new("node_memory_MemAvailable_bytes", 0.05, "less than 5 % of the memory are available") { Per = "node_memory_MemTotal_bytes", IsBelow = true },
            new("node_nf_conntrack_entries", 0.9, "the table of connections is full") { Per = "node_nf_conntrack_entries_limit" },
            new("node_filefd_allocated", 0.9, "the file descriptors are used up") { Per = "node_filefd_maximum" },
        ],
    }.ToImmutableDictionary();

    /// <summary>What a profile says of points that were read together; empty for a name that is none.</summary>
    public static IEnumerable<(SeriesId Series, string Text, string Observed)> Saturated(string name, IReadOnlyList<SignalPoint> points)
    {
        if (!Rules.TryGetValue(name, out var rules))
            yield break;
        var byText = new Dictionary<string, double>();
        foreach (var point in points)
            byText[point.Series.Text] = point.Value;
        foreach (var rule in rules)
        {
            foreach (var point in points.Where(p => p.Series.Name == rule.Metric))
            {
                var value = point.Value;
                if (rule.Per is { } per)
                {
                    if (SeriesId.TryMake(per, point.Series.Labels, out _) is not { } whole || !(byText.GetValueOrDefault(whole.Text) is > 0 and var all))
                        continue;
                    value /= all;
                }
                if (rule.IsBelow ? value <= rule.Most : value >= rule.Most)
                    yield return (point.Series, rule.Meaning, string.Create(CultureInfo.InvariantCulture, $"{rule.Metric}{(rule.Per is null ? "" : $" / {rule.Per}")} = {value:G4}"));
            }
        }
    }
}
