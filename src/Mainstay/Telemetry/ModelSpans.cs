using System.Diagnostics;
using Mainstay.Routing;

namespace Mainstay.Telemetry;

/// <summary>
/// Spans of requests to models, made when they have ended, with the times that they had: one for the request, one for each attempt
/// below it, in the trace of the caller. After the GenAI conventions of OpenTelemetry; no prompt and no answer. One thread at a time.
/// </summary>
internal sealed class ModelSpans : IDisposable
{
    private readonly ActivitySource _source;

    /// <param name="name">Of the source; an exporter asks for it by name.</param>
    public ModelSpans(string name) => _source = new ActivitySource(name);

    /// <summary>Makes the spans of a request, if anybody listens.</summary>
    public void Note(Outcome outcome)
    {
        if (outcome.Trail is not { } trail || !_source.HasListeners())
            return;
        // Nothing of the thread that notes it belongs to the request.
        Activity.Current = null;
        var start = outcome.At - outcome.Total;
        var own = ActivityContext.TryParse(trail.TraceParent, null, isRemote: true, out var parent) ? null : trail.TraceId;
        using var span = Start(trail, start, parent, own);
        if (span is null)
            return;
        Describe(span, outcome, trail);
        foreach (var attempt in outcome.Attempts)
            NoteAttempt(attempt, start, span.Context, trail);
        span.SetEndTime(outcome.At.UtcDateTime);
    }

    public void Dispose() => _source.Dispose();

    private Activity? Start(ModelTrail trail, DateTimeOffset start, ActivityContext parent, string? traceId)
    {
        // A trace that began in the gateway has told its servers its id already.
        var before = Activity.TraceIdGenerator;
        if (traceId is not null)
            Activity.TraceIdGenerator = () => ActivityTraceId.CreateFromString(traceId);
        try
        {
            return _source.StartActivity(
                $"{trail.Operation} {trail.Asked}", ActivityKind.Client, parent,
                [new("gen_ai.operation.name", trail.Operation), new("gen_ai.provider.name", Instruments.Provider(trail.Api)), new("gen_ai.request.model", trail.Asked)],
                startTime: start);
        }
        finally
        {
            Activity.TraceIdGenerator = before;
        }
    }

    private static void Describe(Activity span, Outcome outcome, ModelTrail trail)
    {
        span.SetTag("mainstay.service", outcome.Service);
        span.SetTag("mainstay.request.id", outcome.RequestId);
        span.SetTag("mainstay.attempts", outcome.Attempts.Length);
        if (trail.Host.Length > 0)
        {
            span.SetTag("server.address", trail.Host);
            span.SetTag("server.port", trail.Port);
        }
        if (trail.Finish is not null)
            span.SetTag("gen_ai.response.finish_reasons", new[] { trail.Finish });
        if (outcome.Use is { } use)
        {
            span.SetTag("gen_ai.response.model", use.Model);
            span.SetTag("gen_ai.usage.input_tokens", use.PromptTokens);
            span.SetTag("gen_ai.usage.output_tokens", use.AnswerTokens);
        }
        if (trail.IsStream && outcome.FirstByte > TimeSpan.Zero)
            span.SetTag("mainstay.first_token", outcome.FirstByte.TotalSeconds);
        if (trail.Continued > 0)
            span.SetTag("mainstay.streams.continued", trail.Continued);
        if (Instruments.ErrorType(outcome) is not { } error)
            return;
        span.SetTag("error.type", error);
        span.SetStatus(ActivityStatusCode.Error);
    }

    private void NoteAttempt(Attempt attempt, DateTimeOffset start, ActivityContext parent, ModelTrail trail)
    {
        using var span = _source.StartActivity("attempt " + attempt.Server, ActivityKind.Client, parent, startTime: start + attempt.Began);
        if (span is null)
            return;
        span.SetTag("gen_ai.operation.name", trail.Operation);
        span.SetTag("mainstay.server", attempt.Server);
        span.SetTag("mainstay.region", attempt.Region);
        span.SetTag("mainstay.result", Instruments.Word(attempt.Result));
        if (attempt.Status > 0)
            span.SetTag("http.response.status_code", attempt.Status);
        if (attempt.Failed)
        {
            span.SetTag("error.type", attempt.Status >= 400 ? attempt.Status.ToString(System.Globalization.CultureInfo.InvariantCulture) : Instruments.Word(attempt.Result));
            span.SetStatus(ActivityStatusCode.Error);
        }
        span.SetEndTime((start + attempt.Ended).UtcDateTime);
    }
}
