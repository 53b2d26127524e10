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

    /// <summary>Two processes: what has the traffic sends, and goes on when the other is gone; what has the control listener is read.</summary>
    [Fact]
    public async Task A_data_plane_of_its_own_sends_what_it_sees_once()
    {
        await using var collector = new OtlpCollector();
        using var folder = new ScenarioFolder();
        await using var provider = new FakeProvider();
        await File.WriteAllTextAsync(folder.Config, $$"""
            version: 1
            traffic: { listen: "{{folder.Traffic.GetLeftPart(UriPartial.Authority)}}" }
            control: { listen: "{{folder.Control.GetLeftPart(UriPartial.Authority)}}" }
            state: ./state
            telemetry: { otlp: "{{collector.Url.GetLeftPart(UriPartial.Authority)}}" }
            services:
              - name: openai-models
                match: { path: {{ModelCaller.OpenAiPrefix}}, strip: true }
                api: openai
                models:
                  fast: { servers: [ { url: "{{provider.Url.GetLeftPart(UriPartial.Authority)}}/v1", region: r1, model: fake-8b } ] }

            """);
        await using var control = await MainstayProcess.StartAsync(folder.Root, "dashboard on ", "control", "-c", folder.Config);
        await using var route = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "route", "-c", folder.Config);
        using var caller = new ModelCaller(folder.Traffic);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        Assert.Equal(200, (await caller.AskAsync(CallerMode.OpenAiWhole, "fast")).Status);
        await Patience.UntilAsync(
            "the request in the metrics of the control plane",
            async () => (await http.GetStringAsync(new Uri(folder.Control, "/metrics"))).Contains("gen_ai_client_operation_duration_seconds_count", StringComparison.Ordinal));
        await Patience.UntilAsync("the span", () => collector.At("/v1/traces").Contains("chat fast", StringComparison.Ordinal));

        control.Signal(SignalNumber.Kill);
        await control.EndAsync(TimeSpan.FromSeconds(40));
        Assert.Equal(200, (await caller.AskAsync(CallerMode.OpenAiWhole, "fast")).Status);
        route.Signal(SignalNumber.Terminate);
        await route.EndAsync(TimeSpan.FromSeconds(40));
        Assert.Equal(2, collector.At("/v1/traces").Split("chat fast").Length - 1);
        Assert.Contains("gen_ai.client.operation.duration", collector.At("/v1/metrics"), StringComparison.Ordinal);
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
