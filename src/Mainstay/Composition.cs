using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Threading.Channels;
using Mainstay.Api;
using Mainstay.Commands;
using Mainstay.Control;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Notify;
using Mainstay.Control.Signals;
using Mainstay.Control.Storage;
using Mainstay.Control.Usage;
using Mainstay.Routing;
using Mainstay.Routing.Certificates;
using Mainstay.Routing.Http;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Keys;
using Mainstay.Routing.Sockets;
using Mainstay.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;

namespace Mainstay;

/// <summary>Builds the running program: everything with <c>new</c>, in the order in which it starts.</summary>
internal sealed class Composition(TimeProvider clock, int seed, ILoggerFactory logs) : IAsyncDisposable
{
    private static readonly TimeSpan TrafficStopsWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ControlStopsWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TelemetryStopsWithin = TimeSpan.FromSeconds(3);
    private readonly Lifecycle _parts = new(clock, logs.CreateLogger<Lifecycle>());
    private readonly OutcomeFeed _feed = new();
    private DecisionRing? _decisions;
    private TelemetryExport? _telemetry;
    private Dispatcher? _dispatcher;
    private UsageLedger? _usage;
    private SeriesStore? _series;
    private Func<string, string, string?>? _hear;

    public OutcomeFeed Feed => _feed;

    /// <summary>What people should know of Mainstay itself.</summary>
    public Troubles Troubles { get; } = new();

    /// <summary>Tells the requests of this process from others'.</summary>
    public string RequestIdPrefix { get; } = clock.GetUtcNow().ToUnixTimeSeconds().ToString("x", CultureInfo.InvariantCulture);

    public static ILoggerFactory MakeLogs(LogLevel level) => LoggerFactory.Create(logging => logging
        .SetMinimumLevel(level)
        .AddFilter("Microsoft", LogLevel.Warning)
        .AddConsole(console =>
        {
            console.FormatterName = LogLines.FormatName;
            // A log that nobody reads must not hold traffic up.
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
            // Standard output is for what a command answers.
            console.LogToStandardErrorThreshold = LogLevel.Trace;
        })
        .Services.AddSingleton<ConsoleFormatter>(new LogLines(TimeProvider.System)));

    /// <summary>The data plane: probes and traffic. It serves from the table that is in force when a request arrives.</summary>
    /// <param name="routes">The tables.</param>
    /// <param name="listen">Where to listen.</param>
    /// <param name="stateFolder">Keeps what the keys of callers used today; null: nothing does.</param>
    /// <param name="cancel">Ends the start.</param>
    /// <returns>Where callers connect.</returns>
    public async Task<string> StartDataPlaneAsync(LiveRoutes routes, Uri listen, string? stateFolder, CancellationToken cancel)
    {
        if (stateFolder is not null)
        {
            var spent = new SpentFile(Path.Combine(stateFolder, SpentFile.Name), routes.Keys, clock, logs.CreateLogger<SpentFile>());
            spent.Restore();
            _parts.Run("budgets", spent.RunAsync);
        }
        var gateway = new Gateway(routes, new Picker(seed), _feed, clock, new Random(seed), logs.CreateLogger<Gateway>(), AwsSigner.OfMachine(clock).SignAsync);
        _decisions = gateway.Decisions;
        _parts.Add("gateway", ControlStopsWithin, _ =>
        {
            gateway.Dispose();
            return Task.CompletedTask;
        });
        gateway.OpenQueues();
        _parts.Run("queues", gateway.RunQueuesAsync);
        var prober = new Prober(routes, _feed, clock, new Random(seed + 1));
        _parts.Run("prober", async token =>
        {
            using (prober)
                await prober.RunAsync(token);
        });

        ListenerCertificate? certificate = null;
        if (listen.Scheme == Uri.UriSchemeHttps)
            certificate = OpenCertificate(routes.Current.Table.Tls);
        WatchCertificates(routes, certificate);
        var front = new Http1Front(gateway.HandleAsync, RequestIdPrefix, clock, logs.CreateLogger<Http1Front>());
        var app = MakeListener(
            listen,
            kestrel =>
            {
                KestrelFront.Configure(kestrel);
                kestrel.Limits.MaxConcurrentConnections = 100_000;
            },
            port =>
            {
                certificate?.Use(port);
                front.Use(port, isTls: certificate is not null);
            },
            isTraffic: true);
        app.Run(KestrelFront.For(gateway, RequestIdPrefix));
        await StartAsync(app, "traffic.listen", listen, cancel);
        _parts.Add("traffic", TrafficStopsWithin, async token =>
        {
            using (front)
                await app.StopAsync(token);
        });
        return app.Urls.First();
    }

    /// <summary>The control plane: the loop, the database behind it, the news, the listener with API and dashboard.</summary>
    /// <param name="config">What to run.</param>
    /// <param name="state">Open; the caller disposes of it after this composition.</param>
    /// <param name="publish">Puts a table in force.</param>
    /// <param name="sends">False: the process that has the traffic sends its telemetry to the collector.</param>
    public ControlLoop BuildControlLoop(MainstayConfig config, StateFolder state, Action<RouteTable> publish, bool sends = true)
    {
        ControlLoop? loop = null;
        var alerting = new Alerting(state.Root, Troubles, clock, seed + 2, logs.CreateLogger<Alerting>());
        var dispatcher = _dispatcher = new Dispatcher(alerting.Outbox, () => (loop?.Config ?? config).Notify, Troubles, clock, logs.CreateLogger<Dispatcher>());
        _parts.Add("outbox", ControlStopsWithin, _ =>
        {
            dispatcher.Dispose();
            alerting.Dispose();
            return Task.CompletedTask;
        });
        var drain = new SpoolDrain(state.Spool, Store.OpenSqlite(state.Database), Troubles, clock, logs.CreateLogger<SpoolDrain>());
        var table = state.LastGood.TryRead(out _) ?? RouteTable.Empty;
        var telemetry = _telemetry = StartTelemetry(config.Telemetry, sends);
        var usage = _usage = UsageLedger.Open(state.Database, Troubles, clock, logs.CreateLogger<UsageLedger>());
        var series = BuildSeries(config, state, () => loop);
        var own = new OwnSeries(series);
        loop = new ControlLoop(config, _feed.Reader, state, table, publish, alerting, Troubles, clock, logs.CreateLogger<ControlLoop>())
        {
            Observed = observation =>
            {
                telemetry.Note(observation);
                usage.Note(observation);
            },
            Closed = own.Note,
        };
        _parts.Run("notifications", dispatcher.RunAsync);
        _parts.Run("heartbeat", new DeadMansSwitch(dispatcher, () => loop.Config.Alerts.Heartbeat, () => loop.Snapshot.At, Troubles, clock).RunAsync);
        // Stops after the traffic, whose last requests are counted as well.
        _parts.Run("usage", async token =>
        {
            using (usage)
                await usage.RunAsync(_feed.Reader, token);
        });
        _parts.Run("database", drain.RunAsync);
        return loop;
    }

    /// <summary>Sends metrics and spans of this process's traffic to the collector, if one is named. To be called before the traffic starts, so that its last
    /// requests are told as well.</summary>
    /// <returns>Where a control plane in another process reads what the data plane sees.</returns>
    public ChannelReader<Observation> SendTelemetry(TelemetryConfig config)
    {
        if (!TelemetryExport.IsSent(config))
            return _feed.Reader;
        var (telemetry, rest) = (StartTelemetry(config, sends: true), new OutcomeFeed());
        _parts.Run("telemetry feed", token => telemetry.PassOnAsync(_feed.Reader, rest, token));
        return rest.Reader;
    }

    private TelemetryExport StartTelemetry(TelemetryConfig config, bool sends)
    {
        var telemetry = new TelemetryExport(config, () => _feed.Dropped, clock, sends: sends);
        _parts.Add("telemetry", TelemetryStopsWithin, token => Task.Run(telemetry.Dispose, CancellationToken.None).WaitAsync(token));
        return telemetry;
    }

    /// <summary>Series of every signal, and what reads them from outside.</summary>
    private SeriesStore BuildSeries(MainstayConfig config, StateFolder state, Func<ControlLoop?> loop)
    {
        // Nobody waits for the answer: what does not fit into a tick is raised again, as long as it is true.
        void Tell(ImmutableArray<RaisedAlert> alerts) => _ = loop()?.AskAsync(new RaiseOrder(alerts, "mainstay"), CancellationToken.None);
        void Raise(ImmutableArray<SeriesAlarm> alarms) => Tell([.. alarms.Select(a => a.ToAlert(clock.GetUtcNow()))]);
        MainstayConfig Config() => loop()?.Config ?? config;
        var series = _series = new SeriesStore(state.Root, config.Signals.MostSeries, Troubles, clock, logs.CreateLogger<SeriesStore>()) { Alarmed = Raise };
        _parts.Run("series", series.RunAsync);
        var scraper = new Scraper(() => Config().Scrape, series, Raise, Troubles, clock, new Random(seed + 3));
        _parts.Run("scrape", async token =>
        {
            using (scraper)
                await scraper.RunAsync(token);
        });
        var feeds = new FeedWatch(() => Config().Feeds, Tell, Troubles, clock);
        _hear = (name, text) => Config().Feeds.FirstOrDefault(f => f.Name == name) is { } feed ? feeds.Take(feed, text) ?? "" : null;
        _parts.Run("feeds", async token =>
        {
            using (feeds)
                await feeds.RunAsync(token);
        });
        return series;
    }

    /// <summary>Starts the loop, its listener and the watch over the configuration file.</summary>
    /// <returns>Where API and dashboard are.</returns>
    public async Task<string> StartControlPlaneAsync(ControlLoop loop, StateFolder state, CancellationToken cancel)
    {
        var control = loop.Config.Control;
        var access = Access.TryOpen(state.Root, control, clock, out var why) ?? throw new CommandException(why);
        _parts.Run("control loop", loop.RunAsync);
        var app = MakeListener(control.Listen, _ => { });
        ControlListener.Map(
            app, () => loop.Snapshot, loop.AskAsync, (id, token) => ExplainAsync(state, id, token), access, state.Reviews, clock, _dispatcher!.TestAsync,
            _telemetry is { } told ? told.Read : null, _usage is { } usage ? usage.ReadAsync : null, _series, _hear);
        await StartAsync(app, "control.listen", control.Listen, cancel);
        _parts.Add("control listener", ControlStopsWithin, app.StopAsync);
        var watch = new ConfigWatch(
            loop.Config,
            changed: config =>
            {
                access.Reload(config.Control);
                _series?.MostSeries = config.Signals.MostSeries;
                loop.Reconfigure(config);
            },
            refused: loop.NoteRefusedConfig, clock, logs.CreateLogger<ConfigWatch>());
        _parts.Run("configuration", watch.RunAsync);
        return app.Urls.First();
    }

    /// <summary>Takes changed certificates over, and tells people of those that are no good or end soon.</summary>
    public void WatchCertificates(LiveRoutes routes, ListenerCertificate? listener) => _parts.Run("certificates", new CertificateWatch(
        routes, listener, (part, trouble) => Troubles.Note(part, trouble), clock, logs.CreateLogger<CertificateWatch>()).RunAsync);

    private ListenerCertificate OpenCertificate(ListenerTls? files)
    {
        if (files is null)
            throw new CommandException("traffic.listen is https, and no certificate is named: write tls: { certificate: cert.pem, key: key.pem }.");
        return ListenerCertificate.TryOpen(files, clock, out var fault) ?? throw new CommandException($"tls: {fault}.");
    }

    /// <summary>Why a request of this process's data plane went where it went; null: it is not known (any more).</summary>
    public Decision? Explain(string requestId) => _decisions?.Find(requestId, out _);

    /// <summary>Answers over a socket why requests of this process's data plane went where they went.</summary>
    public void ServeDecisions(string stateFolder)
    {
        if (_decisions is { } decisions)
            _parts.Run("decisions", token => DecisionSocket.ServeAsync(Path.Combine(stateFolder, DecisionSocket.Name), decisions, clock, token));
    }

    /// <summary>Asks the data plane of this process, or else the one on the same state folder.</summary>
    private async Task<DecisionAnswer?> ExplainAsync(StateFolder state, string requestId, CancellationToken cancel) =>
        _decisions is { } decisions
            ? new DecisionAnswer(decisions.Find(requestId, out var why), why)
            : await DecisionSocket.AskAsync(Path.Combine(state.Root, DecisionSocket.Name), requestId, clock, cancel);

    /// <summary>Runs work in the background until the program stops.</summary>
    public void Run(string name, Func<CancellationToken, Task> work) => _parts.Run(name, work);

    public ValueTask DisposeAsync() => _parts.DisposeAsync();

    /// <summary>Kestrel on one address, and nothing else of a host: no configuration files, no signals of its own.</summary>
    public static WebApplication MakeListener(
        Uri listen, Action<KestrelServerOptions> limits, Action<ListenOptions>? configure = null, bool isTraffic = false)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRouting();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().UseSockets(sockets => sockets.UnsafePreferInlineScheduling = isTraffic).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            limits(kestrel);
            var address = IPAddress.TryParse(listen.DnsSafeHost, out var parsed) ? parsed : null;
            if (address is null && listen.Host == "localhost")
                kestrel.ListenLocalhost(listen.Port, configure ?? (_ => { }));
            else
                kestrel.Listen(address ?? Dns.GetHostAddresses(listen.DnsSafeHost)[0], listen.Port, configure ?? (_ => { }));
        });
        if (isTraffic)
            PolledListeners.Use(builder.Services);
        return builder.Build();
    }

    private static async Task StartAsync(WebApplication app, string key, Uri listen, CancellationToken cancel)
    {
        try
        {
            await app.StartAsync(cancel);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new CommandException(
                $"{key} {listen.GetLeftPart(UriPartial.Authority)}: the port is in use. Stop what listens there, or choose another port.", e);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            throw new CommandException(
                $"{key} {listen.GetLeftPart(UriPartial.Authority)}: {e.Message.TrimEnd('.')}. Give an address of this machine and a port you may use.", e);
        }
    }
}
