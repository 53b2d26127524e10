using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Mainstay.Routing;

namespace Mainstay.Telemetry;

/// <summary>
/// What is counted, and measured, of what the data plane saw. Requests to models after the GenAI conventions of OpenTelemetry
/// (semantic conventions 1.37, gen-ai-metrics), what is ours as <c>mainstay.*</c>. Attributes hold names of the configuration only:
/// what callers write makes no series. One thread notes; any may read.
/// </summary>
internal sealed class Instruments : IDisposable
{
    /// <summary>What stands for a name that the configuration does not have.</summary>
    private const string Other = "_OTHER";

    /// <summary>Reports come each second; a server without one for so long is gone.</summary>
    private static readonly TimeSpan Stale = TimeSpan.FromSeconds(10);

    private static readonly double[] Durations = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    private static readonly double[] FirstTokens = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
    private static readonly double[] PerToken = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
    private static readonly long[] TokenCounts = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];
    private static readonly double[] RequestTimes = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private readonly Meter _meter;
    private readonly TimeProvider _clock;
    private readonly Histogram<double> _modelTime;
    private readonly Histogram<double> _firstToken;
    private readonly Histogram<double> _perToken;
    private readonly Histogram<long> _tokens;
    private readonly Histogram<double> _requestTime;
    private readonly Counter<long> _attempts;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _sheds;
    private readonly Counter<long> _continued;
    private readonly Counter<long> _malformed;
    private readonly Counter<long> _probes;
    private readonly Counter<long> _usageRequests;
    private readonly Counter<long> _usageTokens;
    private readonly Counter<double> _usageCost;
    private readonly ConcurrentDictionary<(string, string), ServerReport> _servers = new();
    private readonly ConcurrentDictionary<string, ServiceReport> _services = new();
    private readonly ConcurrentDictionary<string, QueueReport> _queues = new();

    /// <param name="name">Of the meter; an exporter asks for it by name.</param>
    /// <param name="dropped">Observations that were lost since the start.</param>
    /// <param name="clock">Tells which reports are stale.</param>
    public Instruments(string name, Func<long> dropped, TimeProvider clock)
    {
        (_meter, _clock) = (new Meter(name), clock);
        _modelTime = Times("gen_ai.client.operation.duration", "How long requests to models took.", Durations);
        _firstToken = Times("gen_ai.server.time_to_first_token", "From a request's arrival to the first token of its streamed answer, failed attempts included.", FirstTokens);
        _perToken = Times("gen_ai.server.time_per_output_token", "Time of each token of a streamed answer after the first.", PerToken);
        _tokens = _meter.CreateHistogram("gen_ai.client.token.usage", "{token}", "Tokens of prompts and answers.", advice: new InstrumentAdvice<long> { HistogramBucketBoundaries = TokenCounts });
        _requestTime = Times("mainstay.request.duration", "How long requests took; their number by result.", RequestTimes);
        _attempts = Count("mainstay.attempts", "{attempt}", "Tries of requests on servers.");
        _retries = Count("mainstay.retries", "{attempt}", "Tries after a request's first.");
        _sheds = Count("mainstay.shed", "{request}", "Requests that were not let in, since the servers were overloaded.");
        _continued = Count("mainstay.streams.continued", "{stream}", "Answers that were cut and went on elsewhere; each time counts.");
        _malformed = Count("mainstay.events.malformed", "{event}", "Events of servers that were none of their API, and were dropped.");
        _probes = Count("mainstay.probes", "{probe}", "Active health checks.");
        _usageRequests = Count("mainstay.usage.requests", "{request}", "Requests to models by key, model and region of the last attempt.");
        _usageTokens = Count("mainstay.usage.tokens", "{token}", "Tokens that models used, by key, model and region, cut attempts included.");
        _usageCost = _meter.CreateCounter<double>("mainstay.usage.cost", null, "What that cost, in the currency of the servers' prices; without a price nothing.");
        _meter.CreateObservableCounter("mainstay.feed.dropped", dropped, "{observation}", "What the data plane saw and nobody read in time: missing in all of these.");
        OfServers("mainstay.breaker.open", "1", "1 while the breaker holds requests back.", static s => s.BreakerOpen ? 1 : 0);
        OfServers("mainstay.server.well", "1", "0 after failed health checks, else 1.", static s => s.Well ? 1 : 0);
        OfServers("mainstay.server.locked_out", "1", "1 while its provider refuses its key or does not know its model.", static s => s.LockedOut is null ? 0 : 1);
        OfServers("mainstay.server.outstanding", "{attempt}", "Attempts under way.", static s => s.Outstanding);
        OfServers("mainstay.server.waiting", "{attempt}", "Attempts that wait for their first byte.", static s => s.Waiting);
        OfServers("mainstay.server.tokens", "{token}", "Tokens of a model still to be read or written, estimated.", static s => s.Tokens);
        OfServers("mainstay.server.limit", "{attempt}", "Attempts that may be under way or, if that is learned, wait; absent without a limit.", static s => s.Limit);
        OfServers("mainstay.engine.running", "{request}", "Requests in the batch of its engine, as that says; absent when stale.", static s => s.Engine?.Running);
        OfServers("mainstay.engine.waiting", "{request}", "Requests that wait in its engine.", static s => s.Engine?.Waiting);
        OfServers("mainstay.engine.others", "{request}", "Of both, those that this gateway did not send.", static s => s.Engine?.Others);
        OfServices("mainstay.admission.waiting", "{request}", "Requests that wait for a place on a server.", static s => s.Waiting);
        OfServices("mainstay.service.panic", "1", "1 while so few servers are left that breakers are not heeded.", static s => s.IsInPanic ? 1 : 0);
        OfQueues("mainstay.queue.waiting", "Requests on disk that wait for a server.", static q => q.Waiting);
        OfQueues("mainstay.queue.unknown", "Stored requests of which nobody knows whether a server did them.", static q => q.Unknown);
    }

    /// <summary>Takes one observation in. Never waits.</summary>
    public void Note(Observation observation)
    {
        switch (observation)
        {
            case Outcome outcome:
                NoteOutcome(outcome);
                break;
            case Probe probe:
                _probes.Add(1, [new("mainstay.service", probe.Service), new("mainstay.region", probe.Region), new("mainstay.server", probe.Server), new("mainstay.result", probe.Well ? "well" : "failed")]);
                break;
            case ServerReport report:
                _servers[(report.Service, report.Server)] = report;
                break;
            case ServiceReport report:
                _services[report.Service] = report;
                break;
            case QueueReport report:
                _queues[report.Service] = report;
                break;
        }
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>The words of a result, for attributes.</summary>
    public static string Word(OutcomeResult result) => result switch
    {
        OutcomeResult.Succeeded => "succeeded",
        OutcomeResult.CallerError => "caller_error",
        OutcomeResult.CallerLeft => "caller_left",
        OutcomeResult.Queued => "queued",
        _ => "failed",
    };

    /// <inheritdoc cref="Word(OutcomeResult)"/>
    public static string Word(AttemptResult result) => result switch
    {
        AttemptResult.Answered => "answered",
        AttemptResult.Overloaded => "overloaded",
        AttemptResult.ServerError => "server_error",
        AttemptResult.NotReached => "not_reached",
        AttemptResult.OutOfSockets => "out_of_sockets",
        AttemptResult.Broken => "broken",
        AttemptResult.FirstByteTimeout => "first_byte_timeout",
        AttemptResult.Stalled => "stalled",
        AttemptResult.Truncated => "truncated",
        AttemptResult.TotalTimeout => "total_timeout",
        AttemptResult.Outrun => "outrun",
        _ => "caller_left",
    };

    /// <summary>What went wrong with a request, as <c>error.type</c>: its status, or how it ended; null: nothing.</summary>
    public static string? ErrorType(Outcome outcome) => outcome switch
    {
        { Result: OutcomeResult.Succeeded or OutcomeResult.Queued } => null,
        { Result: OutcomeResult.CallerLeft } => "caller_left",
        { Status: >= 400 } => outcome.Status.ToString(System.Globalization.CultureInfo.InvariantCulture),
        { Attempts.IsEmpty: false } => Word(outcome.Attempts[^1].Result),
        _ => Other,
    };

    /// <summary>What made an answer, as <c>gen_ai.provider.name</c>.</summary>
    public static string Provider(ModelApi api) => api switch
    {
        ModelApi.OpenAi => "openai",
        ModelApi.Anthropic => "anthropic",
        ModelApi.Bedrock => "aws.bedrock",
        ModelApi.SageMaker => "aws.sagemaker",
        ModelApi.Lambda => "aws.lambda",
        _ => Other,
    };

    private void NoteOutcome(Outcome outcome)
    {
        var service = new KeyValuePair<string, object?>("mainstay.service", outcome.Service);
        _requestTime.Record(outcome.Total.TotalSeconds, service, new("mainstay.result", Word(outcome.Result)));
        foreach (var attempt in outcome.Attempts)
            _attempts.Add(1, [service, new("mainstay.region", attempt.Region), new("mainstay.server", attempt.Server), new("mainstay.result", Word(attempt.Result))]);
        // Zero is said as well: a series that begins at its first failure hides it from rate().
        _retries.Add(Math.Max(0, outcome.Attempts.Length - 1), service);
        _sheds.Add(outcome.Shed ? 1 : 0, service);
        if (outcome.Trail is not { } trail)
            return;
        _continued.Add(trail.Continued, service);
        _malformed.Add(trail.Malformed, service);
        NoteModel(outcome, trail);
        NoteUsage(outcome, trail);
    }

    private void NoteUsage(Outcome outcome, ModelTrail trail)
    {
        var key = new KeyValuePair<string, object?>("mainstay.key", outcome.Key ?? "");
        var model = new KeyValuePair<string, object?>("gen_ai.request.model", trail.IsNamed ? outcome.Model : Other);
        _usageRequests.Add(1, key, model, new("mainstay.region", outcome.Attempts.IsEmpty ? "" : outcome.Attempts[^1].Region));
        if (outcome.Charges.IsDefaultOrEmpty)
            return;
        foreach (var charge in outcome.Charges)
        {
            var region = new KeyValuePair<string, object?>("mainstay.region", charge.Region);
            _usageTokens.Add(charge.PromptTokens, [key, model, region, new("gen_ai.token.type", "input")]);
            _usageTokens.Add(charge.AnswerTokens, [key, model, region, new("gen_ai.token.type", "output")]);
            _usageCost.Add(charge.Cost, key, model, region);
        }
    }

    private void NoteModel(Outcome outcome, ModelTrail trail)
    {
        var tags = new TagList
        {
            { "gen_ai.operation.name", trail.Operation },
            { "gen_ai.provider.name", Provider(trail.Api) },
            { "gen_ai.request.model", trail.IsNamed ? trail.Asked : Other },
        };
        if (trail.Answered is not null)
            tags.Add("gen_ai.response.model", trail.Answered);
        if (trail.Host.Length > 0)
        {
            tags.Add("server.address", trail.Host);
            tags.Add("server.port", trail.Port);
        }
        if (outcome.Use is { } use)
        {
            _tokens.Record(use.PromptTokens, [.. tags, new("gen_ai.token.type", "input")]);
            _tokens.Record(use.AnswerTokens, [.. tags, new("gen_ai.token.type", "output")]);
        }
        if (trail.IsStream && outcome.Result == OutcomeResult.Succeeded)
        {
            _firstToken.Record(outcome.FirstByte.TotalSeconds, tags);
            if (outcome.Use is { AnswerTokens: > 1 } answer)
                _perToken.Record((outcome.Total - outcome.FirstByte).TotalSeconds / (answer.AnswerTokens - 1), tags);
        }
        if (ErrorType(outcome) is { } error)
            tags.Add("error.type", error);
        _modelTime.Record(outcome.Total.TotalSeconds, tags);
    }

    private Histogram<double> Times(string name, string meaning, double[] bounds) =>
        _meter.CreateHistogram(name, "s", meaning, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });

    private Counter<long> Count(string name, string unit, string meaning) => _meter.CreateCounter<long>(name, unit, meaning);

    private void OfServers(string name, string unit, string meaning, Func<ServerReport, long?> value) => _meter.CreateObservableGauge(
        name,
        () => Fresh(_servers)
            .Select(s => (Report: s, Value: value(s)))
            .Where(s => s.Value is not null)
            .Select(s => new Measurement<long>(s.Value!.Value, new("mainstay.service", s.Report.Service), new("mainstay.region", s.Report.Region), new("mainstay.server", s.Report.Server))),
        unit, meaning);

    private void OfServices(string name, string unit, string meaning, Func<ServiceReport, long> value) => _meter.CreateObservableGauge(
        name, () => Fresh(_services).Select(s => new Measurement<long>(value(s), new KeyValuePair<string, object?>("mainstay.service", s.Service))), unit, meaning);

    private void OfQueues(string name, string meaning, Func<QueueReport, long> value) => _meter.CreateObservableGauge(
        name, () => Fresh(_queues).Select(q => new Measurement<long>(value(q), new KeyValuePair<string, object?>("mainstay.service", q.Service))), "{request}", meaning);

    /// <summary>Those that still come; the others are forgotten.</summary>
    private List<T> Fresh<TKey, T>(ConcurrentDictionary<TKey, T> reports)
        where TKey : notnull
        where T : Observation
    {
        var oldest = _clock.GetUtcNow() - Stale;
        foreach (var (key, _) in reports.Where(r => r.Value.At < oldest))
            reports.TryRemove(key, out _);
        return [.. reports.Values];
    }
}
