using System.Globalization;
using System.Text;

namespace Mainstay.Engine;

/// <summary>What the engine counts, under vLLM's names, so that what reads those reads it.</summary>
internal sealed class EngineMetrics
{
    private long _promptTokens;
    private long _answerTokens;

    public void Count(int promptTokens, int answerTokens)
    {
        Interlocked.Add(ref _promptTokens, promptTokens);
        Interlocked.Add(ref _answerTokens, answerTokens);
    }

    /// <summary>The Prometheus text exposition format, version 0.0.4. The gauge of memory has its present name and the one before.</summary>
    public string ToPrometheus(SimulatedEngine engine)
    {
        var text = new StringBuilder();
        Add("num_requests_running", "gauge", "Requests in the running batch.", engine.Running);
        Add("num_requests_waiting", "gauge", "Requests that wait for a place.", engine.Waiting);
        Add("kv_cache_usage_perc", "gauge", "Share of the KV cache in use, 0 to 1.", engine.CacheUsage);
        Add("gpu_cache_usage_perc", "gauge", "The same under its former name.", engine.CacheUsage);
        Add("prompt_tokens_total", "counter", "Tokens of prompts.", Interlocked.Read(ref _promptTokens));
        Add("generation_tokens_total", "counter", "Tokens of answers.", Interlocked.Read(ref _answerTokens));
        return text.ToString();

        void Add(string name, string type, string help, double value) => text.Append(CultureInfo.InvariantCulture,
            $"# HELP vllm:{name} {help}\n# TYPE vllm:{name} {type}\nvllm:{name}{{model_name=\"{Label(engine.Options.Model)}\"}} {value:0.######}\n");
    }

    private static string Label(string name) => name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
