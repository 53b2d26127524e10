using System.Collections.Immutable;
using System.Text;

namespace Mainstay.Control.Config;

/// <summary>
/// Reads mainstay.yaml. A syntax error is reported alone; all other mistakes are collected, each with its line, key and
/// cure. Never throws for what a file holds.
/// </summary>
public sealed class ConfigReader
{
    /// <summary>Bytes of a file that is read, at most.</summary>
    public const int MaxBytes = 1 << 20;

    private readonly Findings _findings;
    private readonly string _folder;
    private readonly TlsReader _tls;

    private ConfigReader(Findings findings, string folder, TimeProvider clock) =>
        (_findings, _folder, _tls) = (findings, folder, new TlsReader(findings, folder, clock.GetUtcNow()));

    /// <summary>Reads a file; one that is missing, unreadable, larger than 1 MiB or not UTF-8 is an error like others.</summary>
    /// <param name="path">The file; a relative one counts from the current folder. Stands in messages as it is.</param>
    /// <param name="clock">Judges the dates of certificates; null: this machine's.</param>
    public static ConfigResult ReadFile(string path, TimeProvider? clock = null)
    {
        var (text, trouble) = SmallFile.Read(path, MaxBytes);
        return text is null
            ? new ConfigResult(null, [new ConfigError(path, 0, "", trouble.Wrong, trouble.Cure)], [])
            : Read(text, path, clock);
    }

    /// <summary>Reads the text of a file.</summary>
    /// <param name="text">YAML.</param>
    /// <param name="path">Where it comes from: relative paths in it count from there. It need not exist.</param>
    /// <param name="clock">Judges the dates of certificates; null: this machine's.</param>
    public static ConfigResult Read(string text, string path, TimeProvider? clock = null)
    {
        if (Encoding.UTF8.GetByteCount(text) > MaxBytes)
            return new ConfigResult(null, [new ConfigError(path, 0, "", "larger than 1 MiB", "split it into several instances")], []);
        var (root, findings) = ConfigTree.Read(text, path);
        var file = Path.GetFullPath(path);
        var config = root switch
        {
            MapNode map => new ConfigReader(findings, Path.GetDirectoryName(file) ?? file, clock ?? TimeProvider.System).ReadRoot(map, file),
            null => null,
            _ => NotAMapping(root, findings),
        };
        return new ConfigResult(findings.HasErrors ? null : config, findings.Errors, findings.Warnings);
    }

    private static MainstayConfig? NotAMapping(ConfigNode root, Findings findings)
    {
        if (root is not RefusedNode)
            findings.Error(root.Line, "", $"the file is {root.Kind}, not a mapping", "begin with `version: 1`");
        return null;
    }

    private MainstayConfig ReadRoot(MapNode map, string file)
    {
        var root = new Section(map, "", "", _findings);
        root.Require("version", "services");
        root.Whole("version");
        var traffic = root.Map("traffic");
        var control = root.Map("control");
        var config = new MainstayConfig
        {
            File = file,
            StateFolder = Path.GetFullPath(Path.Combine(_folder, root.Text("state") ?? "state")),
            Services = ReadServices(root),
            Notify = new NotifyReader(_findings).Read(root),
        };
        config = config with
        {
            Remedies = root.Choice<RemedyMode>("remedies") ?? config.Remedies,
            Zone = traffic?.Name("zone"),
            TrafficListen = traffic is null ? config.TrafficListen : Addresses.Listener(traffic, "listen", mayBeSecured: true) ?? config.TrafficListen,
            Telemetry = ReadTelemetry(root.Map("telemetry")),
            Control = control is null ? config.Control : ReadControl(control),
        };
        config = config with
        {
            TrafficTls = _tls.OfListener(root, traffic, config.TrafficListen),
            Keys = new KeyReader(_findings, config.Services).Read(root),
            Practices = PracticeReader.Read(root, config.Services),
            Scrape = ScrapeReader.Read(root),
            Feeds = ScrapeReader.ReadFeeds(root),
            Signals = ScrapeReader.ReadBounds(root.Map("signals")),
            Alerts = AlertsReader.Read(root.Map("alerts"), config.Services, config.Notify),
        };
        CheckPorts(config, traffic ?? root, control ?? root);
        return config;
    }

    private ImmutableArray<ServiceConfig> ReadServices(Section root)
    {
        var sections = root.Maps("services");
        if (root.IsEmptyList("services"))
            root.Error("services", "no service is named", "write at least one; examples/ has files to start from");
        var reader = new ServiceReader(_findings, _folder, _tls, hasKeys: root.Has("keys"));
        return [.. sections.SelectMany(reader.Read)];
    }

    private static ControlConfig ReadControl(Section control)
    {
        var config = new ControlConfig();
        var tokens = ImmutableArray.CreateBuilder<TokenConfig>();
        foreach (var token in control.Maps("tokens"))
        {
            token.Require("name", "sha256");
            var name = token.Name("name");
            var hash = token.Text("sha256")?.ToLowerInvariant();
            // What stands there may be the token itself: it is not repeated.
            if (hash is not null && (hash.Length != 64 || !hash.All(char.IsAsciiHexDigitLower)))
            {
                token.Error(
                    "sha256", "not a SHA-256 in 64 hexadecimal digits",
                    "write what `printf %s TOKEN | sha256sum` prints, never the token itself");
            }
            if (tokens.Any(t => t.Name == name))
                token.Error("name", $"another token has the name {name}", "give each its own: the journal says by it who acted");
            if (name == ControlConfig.OwnToken)
                token.Error("name", $"{name} is the name of the instance's own token", "write who holds this one: the journal says by it who acted");
            tokens.Add(new TokenConfig(name ?? "", hash ?? "", token.Choice<TokenScope>("scope") ?? TokenScope.Respond));
        }
        var listen = Addresses.Listener(control, "listen") ?? config.Listen;
        if (!Addresses.IsLoopback(listen) && tokens.Count == 0)
        {
            control.Error(
                "listen", $"{listen.GetLeftPart(UriPartial.Authority)} can be reached from other machines, and control.tokens is empty",
                "write control.tokens, or listen on 127.0.0.1");
        }
        return new ControlConfig { Listen = listen, Tokens = tokens.ToImmutable(), Hosts = Addresses.Hosts(control, "hosts") };
    }

    private static TelemetryConfig ReadTelemetry(Section? telemetry) =>
        telemetry is null ? new(null, null) : new(Addresses.Web(telemetry, "otlp"), Addresses.Variable(telemetry, "headers_env", "MAINSTAY_OTLP_HEADERS"));

    private static void CheckPorts(MainstayConfig config, Section traffic, Section control)
    {
        var port = config.Control.Listen.Port;
        if (port == 0 || port != config.TrafficListen.Port)
            return;
        var at = control.Has("listen") ? control : traffic;
        at.Error(
            "listen", $"traffic and control both listen on port {port}",
            "give control.listen another port: they are two listeners, so that one can be closed to the world");
    }
}
