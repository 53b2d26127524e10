using System.Diagnostics;

namespace Mainstay.Scenarios;

/// <summary>What a real process tells of requests to models: metrics as Prometheus' own tool wants them, metrics and spans at a collector under the names
/// of the conventions, and not a word of prompt or answer.</summary>
public sealed class TelemetryTests
{
    private const string Word = "confidential-word-of-a-caller";

    private static readonly string[] Metrics =
    [
        "gen_ai.client.operation.duration", "gen_ai.server.time_to_first_token", "gen_ai.server.time_per_output_token", "gen_ai.client.token.usage",
        "mainstay.attempts", "mainstay.retries", "mainstay.streams.continued",
    ];

    private static readonly string[] Spans =
    [
        "chat fast", "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model", "fake-8b", "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "mainstay.region", "us-east-2", "error.type",
    ];

    [Fact]
    public async Task Metrics_and_spans_reach_a_collector_and_no_word_of_a_prompt_does()
    {
        await using var collector = new OtlpCollector();
        await using var house = await StartAsync($"telemetry: {{ otlp: \"{collector.Url.GetLeftPart(UriPartial.Authority)}\" }}");
        await AskAsync(house);
        await Patience.UntilAsync("the spans", () => collector.At("/v1/traces").Contains("chat fast", StringComparison.Ordinal));
        // What is left is sent at its end.
        house.Serve.Signal(SignalNumber.Terminate);
        await house.Serve.EndAsync(TimeSpan.FromSeconds(40));

        var (metrics, spans) = (collector.At("/v1/metrics"), collector.At("/v1/traces"));
        Assert.Empty(Metrics.Where(name => !metrics.Contains(name, StringComparison.Ordinal)));
        Assert.Empty(Spans.Where(name => !spans.Contains(name, StringComparison.Ordinal)));
        foreach (var secret in new[] { Word, "Tell me a story", "plain1", ModelHouse.ServerKey, ModelCaller.Key })
            Assert.DoesNotContain(secret, metrics + spans, StringComparison.Ordinal);
    }

    [PromtoolFact]
    public async Task Promtool_finds_nothing_wrong_with_the_metrics()
    {
        await using var house = await StartAsync("");
        await AskAsync(house);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var text = "";
        await Patience.UntilAsync(
            "the requests in the metrics",
            async () => (text = await http.GetStringAsync(new Uri(house.Folder.Control, "/metrics"))).Contains("mainstay_streams_continued_total", StringComparison.Ordinal)
                && text.Contains("gen_ai_server_time_to_first_token_seconds_bucket", StringComparison.Ordinal));

        var start = new ProcessStartInfo("promtool", ["check", "metrics"]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var promtool = Process.Start(start)!;
        await promtool.StandardInput.WriteAsync(text);
        promtool.StandardInput.Close();
        var said = await promtool.StandardOutput.ReadToEndAsync() + await promtool.StandardError.ReadToEndAsync();
        await promtool.WaitForExitAsync();
        Assert.Equal((0, ""), (promtool.ExitCode, said.Trim()));
        Assert.DoesNotContain(Word, text, StringComparison.Ordinal);
    }

    private static Task<ModelHouse> StartAsync(string root)
    {
        // The first server cuts its answers: attempts fail, and answers go on elsewhere.
        var primary = new FakeProvider().Always(new Fault(FaultKind.CutByReset));
        return ModelHouse.StartAsync([new HouseModel("fast", "openai", [(primary, ""), (new FakeProvider(), "")])], root: root);
    }

    private static async Task AskAsync(ModelHouse house)
    {
        foreach (var mode in new[] { CallerMode.OpenAiStream, CallerMode.OpenAiWhole })
            Assert.Equal(200, (await house.Caller.AskAsync(mode, "fast", $",\"user\":\"{Word}\"")).Status);
        Assert.Equal(404, (await house.Caller.AskAsync(CallerMode.OpenAiWhole, Word)).Status);
    }
}

/// <summary>A test with Prometheus' promtool; skipped, with the reason, where it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PromtoolFactAttribute : FactAttribute
{
    public PromtoolFactAttribute()
    {
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "promtool"))))
            Skip = "promtool is missing: it comes with Debian's package prometheus.";
    }
}
