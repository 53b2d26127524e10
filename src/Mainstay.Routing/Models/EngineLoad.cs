using System.Globalization;

namespace Mainstay.Routing.Models;

/// <summary>What an engine says of its load, in the words of whichever engine it is.</summary>
/// <param name="Running">Requests in its batch.</param>
/// <param name="Waiting">Requests that wait for a place there.</param>
/// <param name="Cache">Share of its KV cache in use, 0 to 1; null: it does not say.</param>
internal readonly record struct EngineSample(int Running, int Waiting, double? Cache)
{
    private const int MostRequests = 1_000_000;

    /// <summary>By engine: vLLM, SGLang, Text Generation Inference. The first that is named counts.</summary>
    private static readonly (string[] Running, string[] Waiting, string[] Cache)[] Engines =
    [
        (["vllm:num_requests_running"], ["vllm:num_requests_waiting"], ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]),
        (["sglang:num_running_reqs", "sglang_num_running_reqs"], ["sglang:num_queue_reqs", "sglang_num_queue_reqs"], ["sglang:token_usage", "sglang_token_usage"]),
        (["tgi_batch_current_size"], ["tgi_queue_size"], []),
    ];

    /// <summary>Reads the Prometheus text exposition format 0.0.4. Several series of one name (replicas, models) are added up; of the cache the fullest counts.</summary>
    /// <returns>Null: it names no engine that is known, or no number.</returns>
    public static EngineSample? Read(string text)
    {
        foreach (var engine in Engines)
        {
            var (running, waiting) = (Sum(text, engine.Running), Sum(text, engine.Waiting));
            if (running is null && waiting is null)
                continue;
            var cache = Values(text, engine.Cache).DefaultIfEmpty(-1).Max();
            return new((int)Math.Min(running ?? 0, MostRequests), (int)Math.Min(waiting ?? 0, MostRequests), cache < 0 ? null : Math.Min(1, cache));
        }
        return null;
    }

    private static double? Sum(string text, string[] names)
    {
        var values = Values(text, names).ToList();
        return values.Count == 0 ? null : values.Sum();
    }

    private static IEnumerable<double> Values(string text, string[] names)
    {
        foreach (var line in text.Split('\n'))
        {
            var name = names.FirstOrDefault(n => line.StartsWith(n, StringComparison.Ordinal));
            if (name is null || line.Length <= name.Length || line[name.Length] is not ('{' or ' ' or '\t'))
                continue;
            // What stands in quotes may hold braces; the last one ends the labels.
            var value = line[name.Length] == '{' ? line[(line.LastIndexOf('}') + 1)..] : line[name.Length..];
            var word = value.Trim().Split(' ', 2)[0];
            if (double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) && number >= 0)
                yield return number;
        }
    }
}

/// <summary>What the engine of a server said last, and what of that is not this gateway's own.</summary>
/// <param name="At">Timestamp of when it was asked.</param>
/// <param name="Said">What it said.</param>
/// <param name="Others">Requests there that this gateway did not send: those in the batch and in the queue, less what is under way from here.</param>
/// <param name="OthersTokens">Tokens that they are reckoned with: each as an answer of the model lately has.</param>
internal sealed record EngineLoad(long At, EngineSample Said, int Others, long OthersTokens)
{
    /// <summary>What is older says nothing of now.</summary>
    public static readonly TimeSpan GoodFor = TimeSpan.FromSeconds(5);
}
