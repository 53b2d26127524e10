using System.Diagnostics;
using Mainstay.Control.Config;
using Mainstay.Routing;
using Mainstay.Telemetry;

namespace Mainstay.Tests.Telemetry;

/// <summary>What is told of requests, as text for Prometheus and as spans.</summary>
public sealed class InstrumentsTests
{
    private static readonly ManualTime Clock = new();

    private static Outcome Streamed => new(
        Clock.GetUtcNow(), "r-1", 118, "chat/fast", null, OutcomeResult.Succeeded, 200, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(2.5),
        [
            new Attempt("a:1", "r1", AttemptResult.ServerError, 503, TimeSpan.FromSeconds(0.1)) { Ended = TimeSpan.FromSeconds(0.1) },
            new Attempt("b:2", "r2", AttemptResult.Answered, 200, TimeSpan.FromSeconds(0.4)) { Began = TimeSpan.FromSeconds(0.1), Ended = TimeSpan.FromSeconds(2.5) },
        ])
    {
        Use = new ModelUse("llama", 100, 41),
        Trail = new ModelTrail
        {
            Operation = "chat",
            Api = ModelApi.OpenAi,
            Asked = "fast",
            IsNamed = true,
            Answered = "llama",
            Host = "b",
            Port = 2,
            IsStream = true,
            Finish = "stop",
            Continued = 1,
            Malformed = 2,
            TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        },
    };

    [Fact]
    public void A_stream_is_measured_by_the_conventions()
    {
        using var export = Export("conventions");
        export.Note(Streamed);
        var lines = export.Read(isOpen: false).Split('\n');
        const string Model = "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\",gen_ai_request_model=\"fast\",gen_ai_response_model=\"llama\",server_address=\"b\",server_port=\"2\"";
        Assert.Contains($"gen_ai_client_operation_duration_seconds_sum{{{Model}}} 2.5", lines);
        Assert.Contains($"gen_ai_client_operation_duration_seconds_bucket{{{Model},le=\"2.56\"}} 1", lines);
        Assert.Contains($"gen_ai_client_operation_duration_seconds_bucket{{{Model},le=\"1.28\"}} 0", lines);
        Assert.Contains($"gen_ai_server_time_to_first_token_seconds_sum{{{Model}}} 0.5", lines);
        Assert.Contains($"gen_ai_server_time_per_output_token_seconds_sum{{{Model}}} 0.05", lines);
        Assert.Contains(lines, l => l.StartsWith("gen_ai_client_token_usage_sum{", StringComparison.Ordinal) && l.Contains("gen_ai_token_type=\"input\"", StringComparison.Ordinal) && l.EndsWith(" 100", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("gen_ai_client_token_usage_sum{", StringComparison.Ordinal) && l.Contains("gen_ai_token_type=\"output\"", StringComparison.Ordinal) && l.EndsWith(" 41", StringComparison.Ordinal));
        Assert.Contains("mainstay_retries_total{mainstay_service=\"chat/fast\"} 1", lines);
        Assert.Contains("mainstay_streams_continued_total{mainstay_service=\"chat/fast\"} 1", lines);
        Assert.Contains("mainstay_events_malformed_total{mainstay_service=\"chat/fast\"} 2", lines);
        Assert.Contains("mainstay_attempts_total{mainstay_region=\"r1\",mainstay_result=\"server_error\",mainstay_server=\"a:1\",mainstay_service=\"chat/fast\"} 1", lines);
    }

    [Fact]
    public void Usage_is_told_by_key_model_and_region()
    {
        using var export = Export("usage");
        export.Note(Streamed with { Key = "team-a", Model = "fast", Charges = [new Charge("r1", 100, 1, 0.25), new Charge("r2", 100, 40, 1.5)] });
        export.Note(Streamed with { Key = null, Model = "made up", Trail = Streamed.Trail! with { IsNamed = false } });
        var lines = export.Read(isOpen: false).Split('\n');
        Assert.Contains("mainstay_usage_requests_total{gen_ai_request_model=\"fast\",mainstay_key=\"team-a\",mainstay_region=\"r2\"} 1", lines);
        Assert.Contains("mainstay_usage_requests_total{gen_ai_request_model=\"_OTHER\",mainstay_key=\"\",mainstay_region=\"r2\"} 1", lines);
        Assert.Contains("mainstay_usage_tokens_total{gen_ai_request_model=\"fast\",gen_ai_token_type=\"output\",mainstay_key=\"team-a\",mainstay_region=\"r2\"} 40", lines);
        Assert.Contains("mainstay_usage_cost_total{gen_ai_request_model=\"fast\",mainstay_key=\"team-a\",mainstay_region=\"r1\"} 0.25", lines);
    }

    [Fact]
    public void A_failure_says_of_what_kind_it_was()
    {
        using var export = Export("failure");
        export.Note(Streamed with { Result = OutcomeResult.Failed, Status = 503, Use = null });
        export.Note(Streamed with { Result = OutcomeResult.Failed, Status = 200, Attempts = [Streamed.Attempts[1] with { Result = AttemptResult.Truncated }] });
        var text = export.Read(isOpen: false);
        Assert.Contains("error_type=\"503\"", text, StringComparison.Ordinal);
        Assert.Contains("error_type=\"truncated\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("time_to_first_token", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_callers_make_up_make_no_series()
    {
        using var export = Export("bounded");
        for (var i = 0; i < 5000; i++)
            export.Note(Streamed with { Trail = Streamed.Trail! with { Asked = $"made-up-{i}", IsNamed = false, Answered = null } });
        var text = export.Read(isOpen: false);
        Assert.DoesNotContain("made-up", text, StringComparison.Ordinal);
        Assert.Contains("gen_ai_request_model=\"_OTHER\"", text, StringComparison.Ordinal);
        Assert.True(text.Split('\n').Length < 200, text);
    }

    [Fact]
    public void A_server_that_is_gone_is_told_no_more()
    {
        var clock = new ManualTime();
        using var export = Export("gone", clock);
        export.Note(new ServerReport(clock.GetUtcNow(), "chat/fast", "a:1", "r1", Well: true, BreakerOpen: true, Outstanding: 3));
        const string Line = "mainstay_breaker_open{mainstay_region=\"r1\",mainstay_server=\"a:1\",mainstay_service=\"chat/fast\"} 1\n";
        Assert.Contains(Line, export.Read(isOpen: false), StringComparison.Ordinal);
        clock.Advance(TimeSpan.FromSeconds(11));
        Assert.DoesNotContain("a:1", export.Read(isOpen: false), StringComparison.Ordinal);
    }

    [Fact]
    public void OpenMetrics_names_families_without_the_suffix_and_says_where_it_ends()
    {
        using var export = Export("open");
        export.Note(Streamed);
        var text = export.Read(isOpen: true);
        Assert.Contains("# TYPE mainstay_retries counter\nmainstay_retries_total{", text, StringComparison.Ordinal);
        Assert.EndsWith("\n# EOF\n", text, StringComparison.Ordinal);
        Assert.Contains("# TYPE mainstay_retries_total counter\n", export.Read(isOpen: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Spans_go_on_with_the_callers_trace_and_have_the_times_that_were()
    {
        var spans = Spans("spans.caller", Streamed);
        var request = spans[^1];
        Assert.Equal("0af7651916cd43dd8448eb211c80319c", request.TraceId.ToHexString());
        Assert.Equal("b7ad6b7169203331", request.ParentSpanId.ToHexString());
        Assert.Equal(("chat fast", TimeSpan.FromSeconds(2.5)), (request.DisplayName, request.Duration));
        Assert.Equal(new[] { "stop" }, request.GetTagItem("gen_ai.response.finish_reasons"));
        Assert.Equal(41L, request.GetTagItem("gen_ai.usage.output_tokens"));
        Assert.Equal(["attempt a:1", "attempt b:2"], spans.Take(2).Select(s => s.DisplayName));
        Assert.All(spans.Take(2), s => Assert.Equal((request.TraceId, request.SpanId), (s.TraceId, s.ParentSpanId)));
        Assert.Equal((ActivityStatusCode.Error, "503"), (spans[0].Status, spans[0].GetTagItem("error.type")));
        Assert.Equal(TimeSpan.FromSeconds(2.4), spans[1].Duration);
    }

    [Fact]
    public void A_trace_that_began_here_keeps_the_id_that_servers_were_told()
    {
        var spans = Spans("spans.own", Streamed with { Trail = Streamed.Trail! with { TraceParent = null, TraceId = "0123456789abcdef0123456789abcdef" } });
        Assert.All(spans, s => Assert.Equal("0123456789abcdef0123456789abcdef", s.TraceId.ToHexString()));
        Assert.Equal(default, spans[^1].ParentSpanId);
    }

    [Fact]
    public void A_dead_collector_holds_nothing_up()
    {
        var clock = TimeProvider.System;
        var start = clock.GetTimestamp();
        // Nothing listens on port 9 of loopback (discard).
        using (var export = new TelemetryExport(new TelemetryConfig(new Uri("http://127.0.0.1:9"), null), () => 0, clock, "test.dead"))
        {
            for (var i = 0; i < 40_000; i++)
                export.Note(Streamed);
            Assert.Contains("mainstay_retries_total", export.Read(isOpen: false), StringComparison.Ordinal);
        }
        Assert.True(clock.GetElapsedTime(start) < Patience.Generous);
    }

    private static TelemetryExport Export(string name, TimeProvider? clock = null) => new(new TelemetryConfig(null, null), () => 0, clock ?? Clock, "test." + name);

    private static List<Activity> Spans(string name, Outcome outcome)
    {
        var ended = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "test." + name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var spans = new ModelSpans("test." + name);
        spans.Note(outcome);
        return ended;
    }
}
