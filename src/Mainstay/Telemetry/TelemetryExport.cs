using System.Reflection;
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

    private readonly PrometheusText _text = new();
    private readonly Instruments _instruments;
    private readonly ModelSpans _spans;
    private readonly MeterProvider _meters;
    private readonly TracerProvider? _tracer;

    /// <param name="config">Where it goes.</param>
    /// <param name="dropped">Observations that were lost since the start.</param>
    /// <param name="clock">Tells which reports are stale.</param>
    /// <param name="name">Of meter and spans' source; two in one process need two names.</param>
    public TelemetryExport(TelemetryConfig config, Func<long> dropped, TimeProvider clock, string name = "mainstay")
    {
        _instruments = new Instruments(name, dropped, clock);
        _spans = new ModelSpans(name);
        var version = typeof(TelemetryExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes last and wins.
        var resource = ResourceBuilder.CreateEmpty().AddService("mainstay", serviceVersion: version).AddTelemetrySdk().AddEnvironmentVariableDetector();
        var meters = Sdk.CreateMeterProviderBuilder().AddMeter(name).SetResourceBuilder(resource).AddReader(new BaseExportingMetricReader(_text));
        if (Collector(config) is { } collector)
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
