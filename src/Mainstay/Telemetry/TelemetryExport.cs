using System.Reflection;
using System.Threading.Channels;
using Mainstay.Control.Config;
using Mainstay.Routing;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Mainstay.Telemetry;

/// <summary>
/// Metrics and spans on their way out: as text for Prometheus, and by OTLP to a collector if one is named. A collector that is dead or slow
/// costs nothing but what it does not get: queues are bounded, and the sending has threads of its own.
/// </summary>
internal sealed class TelemetryExport : IDisposable
{
    private const int ExportEveryMilliseconds = 10_000;
    private const int ExportWithinMilliseconds = 5_000;

    /// <summary>The ended requests of one second come at once.</summary>
    private const int SpansKept = 16_384;

    /// <summary>How long is waited at the end for the collector to take the rest.</summary>
    private const int LastExportWithin = 1_000;

    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(20);

    private readonly TimeProvider _clock;
    private readonly PrometheusText _text = new();
    private readonly Instruments _instruments;
    private readonly ModelSpans _spans;
    private readonly MeterProvider _meters;
    private readonly TracerProvider? _tracer;

    /// <param name="config">Where it goes.</param>
    /// <param name="dropped">Observations that were lost since the start.</param>
    /// <param name="clock">Tells which reports are stale.</param>
    /// <param name="name">Of meter and spans' source; two in one process need two names.</param>
    /// <param name="sends">False: what is seen is told as text alone, since the process that has the traffic sends it.</param>
    public TelemetryExport(TelemetryConfig config, Func<long> dropped, TimeProvider clock, string name = "mainstay", bool sends = true)
    {
        _clock = clock;
        _instruments = new Instruments(name, dropped, clock);
        _spans = new ModelSpans(name);
        var version = typeof(TelemetryExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes last and wins.
        var resource = ResourceBuilder.CreateEmpty().AddService("mainstay", serviceVersion: version).AddTelemetrySdk().AddEnvironmentVariableDetector();
        var meters = Sdk.CreateMeterProviderBuilder().AddMeter(name).SetResourceBuilder(resource).AddReader(new BaseExportingMetricReader(_text));
        if (sends && Collector(config) is { } collector)
        {
            meters.AddOtlpExporter((options, reader) =>
            {
                Set(options, collector, config, "/v1/metrics");
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = ExportEveryMilliseconds;
            });
            _tracer = Sdk.CreateTracerProviderBuilder().AddSource(name).SetResourceBuilder(resource).AddOtlpExporter(options =>
            {
                Set(options, collector, config, "/v1/traces");
                options.BatchExportProcessorOptions.MaxQueueSize = SpansKept;
            }).Build();
        }
        _meters = meters.Build();
    }

    /// <summary>Takes one observation in. One thread at a time; never waits.</summary>
    public void Note(Observation observation)
    {
        _instruments.Note(observation);
        if (observation is Outcome outcome)
            _spans.Note(outcome);
    }

    /// <summary>All metrics as they are now, for Prometheus.</summary>
    /// <param name="isOpen">True: as OpenMetrics.</param>
    public string Read(bool isOpen) => _text.Read(isOpen);

    public void Dispose()
    {
        _tracer?.Shutdown(LastExportWithin);
        _meters.Shutdown(LastExportWithin);
        _tracer?.Dispose();
        _meters.Dispose();
        _spans.Dispose();
        _instruments.Dispose();
    }

    /// <summary>True if a collector is named.</summary>
    public static bool IsSent(TelemetryConfig config) => Collector(config) is not null;

    /// <summary>Notes what comes, many at a time, and passes it on; until cancelled, and then to the last of what is there.</summary>
    /// <param name="from">What the data plane sees.</param>
    /// <param name="to">Whoever else wants to read it; what it cannot hold it drops and counts.</param>
    public async Task PassOnAsync(ChannelReader<Observation> from, OutcomeFeed to, CancellationToken cancel)
    {
        try
        {
            while (await from.WaitToReadAsync(cancel))
            {
                PassOn();
                // Not woken for each observation.
                await Task.Delay(Gather, _clock, cancel);
            }
        }
        finally
        {
            PassOn();
        }

        void PassOn()
        {
            while (from.TryRead(out var observation))
            {
                Note(observation);
                to.Report(observation);
            }
        }
    }

    /// <summary>The collector that is named, in the file or, as OpenTelemetry has it, in the environment; null: none.</summary>
    private static Uri? Collector(TelemetryConfig config) =>
        string.Equals(Environment.GetEnvironmentVariable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase) ? null
        : config.Otlp ?? (Uri.TryCreate(Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT"), UriKind.Absolute, out var named) ? named : null);

    private static void Set(OtlpExporterOptions options, Uri collector, TelemetryConfig config, string path)
    {
        var isGrpc = Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc";
        options.Protocol = isGrpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        options.Endpoint = isGrpc ? collector : new Uri(collector.AbsoluteUri.TrimEnd('/') + path);
        options.TimeoutMilliseconds = ExportWithinMilliseconds;
        if (config.HeadersEnvironment is { } variable && Environment.GetEnvironmentVariable(variable) is { Length: > 0 } headers)
            options.Headers = headers;
    }
}
