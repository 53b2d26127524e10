using System.Collections.Immutable;
using Mainstay.Routing;

namespace Mainstay.Control.Config;

/// <summary>Reads the services of a file, one after the other; knows those before, so that none stands there twice.</summary>
internal sealed class ServiceReader(Findings findings, string folder, TlsReader tls, bool hasKeys)
{
    /// <summary>Attempts of a request to a model in all: its servers are few, and each may fail for a moment.</summary>
    private const int OfModels = 4;

    /// <summary>A provider that says nothing is not waited for until the total has passed.</summary>
    private static readonly TimeSpan FirstToken = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, int> _names = [];
    private readonly Dictionary<(string? Host, string Path), string> _matches = [];

    /// <summary>Whatever could be read; complete only if nothing was found wrong. One for each model, where the service has models.</summary>
    public IEnumerable<ServiceConfig> Read(Section section)
    {
        section.Require("name");
        var name = section.Name("name") ?? "";
        if (name.Length > 0 && !_names.TryAdd(name, section.LineOf("name")))
            section.Error("name", $"another service has the name {name}, in line {_names[name]}", "give each its own");

        var api = section.Choice<ModelApi>("api") ?? ModelApi.Http;
        var routing = new Service
        {
            Name = name,
            Api = api,
            Continue = section.Choice<ContinuePolicy>("continue") ?? ContinuePolicy.Same,
            RequiresKey = ReadKeys(section, api),
            Affinity = ReadAffinity(section, api),
            LongestBody = ReadBody(section, api),
            Servers = [],
            Regions = [],
            Timeouts = ReadTimeouts(section, name, api),
            Retry = ReadRetry(section.Map("retry"), api),
            Protocol = section.Choice<ServerProtocol>("protocol") ?? ServerProtocol.Http1,
            Breaker = ReflexReader.Breaker(section.Map("breaker"), api),
            Hedge = ReflexReader.Hedge(section.Map("hedge")),
            Limits = ReflexReader.Limits(section.Map("limits"), section.Has("admission")),
            Admission = ReflexReader.Admission(section.Map("admission")),
            KeepHost = section.Word("host") == "keep",
            CustomerHeader = ReadCustomer(section.Map("customer")),
        };
        routing = WithMatch(new WhenDownReader(folder).ReadInto(routing, section), section.Map("match"), section);
        var (trust, health) = (section.Map("tls"), section.Map("health"));
        var models = new ServerReader(section, folder).ReadInto(routing);
        ImmutableArray<Server> all = [.. models.SelectMany(m => m.Servers)];
        routing = routing with
        {
            SlowStart = section.Duration("slow_start") ?? routing.SlowStart,
            Tls = tls.OfServers(trust, all),
            Health = ReadHealth(health, all),
        };
        var (remedies, depends, slo) = (section.Choice<RemedyMode>("remedies"), ReadDependencies(section, name), ReadSlo(section.Map("slo")));
        foreach (var model in models)
        {
            var service = model with { SlowStart = routing.SlowStart, Tls = routing.Tls, Health = routing.Health };
            if (!findings.HasErrors && BackupAdvice.For(service) is { } advice)
                findings.Warn(advice);
            yield return new ServiceConfig { Routing = service, Remedies = remedies, DependsOn = depends, Slo = slo };
        }
    }

    private bool ReadKeys(Section section, ModelApi api)
    {
        var word = section.Word("keys");
        if (word is not null && api == ModelApi.Http)
            section.Error("keys", "callers of http bring no keys", "take it out, or write the `api` that its callers speak");
        else if (word is not null && !hasKeys)
            section.Error("keys", "no keys are written at the root of the file", "write `keys: [ { name: …, sha256: … } ]` there, or take this out");
        return hasKeys && api != ModelApi.Http && word != "optional";
    }

    private Service WithMatch(Service service, Section? match, Section section)
    {
        var path = match is null ? null : Addresses.PathFromRoot(match, "path", mayHaveQuery: false);
        var host = match is null ? null : Addresses.Host(match, "host");
        if (match is not null && ((match.Has("path") && path is null) || (match.Has("host") && host is null)))
            return service;
        // "/moderation/" and "/moderation" are the same border of the same segment.
        path = path?.TrimEnd('/') is { Length: > 0 } prefix ? prefix : "/";
        if (!_matches.TryAdd((host, path), service.Name))
        {
            var requests = host is null ? $"{Findings.Shown(path)} on every host" : $"{Findings.Shown(path)} on {host}";
            section.Error(
                "match", $"the service {_matches[(host, path)]} matches the same requests, {requests}",
                "give one of them another match.path or match.host");
        }
        return service with { PathPrefix = path, Host = host, Strip = match?.Flag("strip") ?? false };
    }

    private Timeouts ReadTimeouts(Section service, string name, ModelApi api)
    {
        var timeouts = new Timeouts { FirstToken = api == ModelApi.Http ? null : FirstToken };
        if (service.Map("timeouts") is not { } section)
            return timeouts;
        var connect = section.Duration("connect");
        var firstByte = section.Duration("first_byte");
        var firstToken = section.Duration("first_token");
        var idle = section.Duration("idle");
        var tunnel = section.Duration("tunnel");
        var total = section.Duration("total");
        if (firstToken is not null && api == ModelApi.Http)
        {
            findings.Warn(
                $"{name}: timeouts.first_token (line {section.LineOf("first_token")}) has no effect, as the protocol http has no tokens; "
                + "timeouts.first_byte bounds the beginning of an answer.");
        }
        if (total is { } limit)
        {
            CheckOrder(section, "first_byte", firstByte, limit);
            CheckOrder(section, "first_token", firstToken, limit);
            // The default of idle may be longer than a short total: nobody wrote that, and it does no harm.
            CheckOrder(section, "idle", idle, limit);
            CheckOrder(section, "connect", section.Has("connect") ? connect : timeouts.Connect, limit);
        }
        return new Timeouts
        {
            Connect = connect ?? timeouts.Connect,
            FirstByte = firstByte,
            FirstToken = firstToken ?? (total is { } all && all < timeouts.FirstToken ? null : timeouts.FirstToken),
            Idle = idle ?? timeouts.Idle,
            Tunnel = tunnel ?? timeouts.Tunnel,
            Total = total ?? timeouts.Total,
        };
    }

    private static AffinityPolicy ReadAffinity(Section service, ModelApi api)
    {
        var affinity = service.Choice<AffinityPolicy>("affinity") ?? AffinityPolicy.Off;
        if (affinity == AffinityPolicy.Prefix && api == ModelApi.Http)
            service.Error("affinity", "the service speaks http, which has no prompts", "take it out, or write `api: openai`, or whatever its callers speak");
        return affinity;
    }

    private static int ReadBody(Section service, ModelApi api)
    {
        if (service.Has("body") && api == ModelApi.Http)
            service.Error("body", "bodies of http go through as they come, however long", "take it out, or write the `api` that its callers speak");
        return (int)(service.Size("body") ?? Service.DefaultLongestBody);
    }

    private static void CheckOrder(Section section, string name, TimeSpan? part, TimeSpan total)
    {
        if (part is not { } time || time <= total)
            return;
        var written = section.Has(name);
        section.Error(
            written ? name : "total",
            $"{name} ({(written ? section.Text(name) : "by default " + ConfigKeys.Find("services[].timeouts." + name)!.Default)}) "
            + $"is longer than total ({section.Text("total")})",
            $"write a shorter {name} or a longer total");
    }

    private static RetryPolicy ReadRetry(Section? section, ModelApi api)
    {
        // Asking a model twice costs tokens and does no harm; what a function does nobody knows.
        var retry = new RetryPolicy { ReplaySafe = api is not (ModelApi.Http or ModelApi.Lambda), Attempts = api == ModelApi.Http ? 3 : OfModels };
        return section is null ? retry : new RetryPolicy
        {
            Attempts = section.Whole("attempts") ?? retry.Attempts,
            Budget = section.Percent("budget") ?? retry.Budget,
            ReplaySafe = section.Word("replay") == "safe" || retry.ReplaySafe,
            ReplayLimit = (int)(section.Size("body") ?? retry.ReplayLimit),
        };
    }

    private static HealthCheck? ReadHealth(Section? section, ImmutableArray<Server> servers)
    {
        if (section is null)
            return null;
        // Beside a kind that could not be read everything would seem wrong.
        var read = section.Has("kind") ? section.Choice<ProbeKind>("kind") : ProbeKind.Http;
        var (kind, isRead) = (read ?? ProbeKind.Http, read is not null);
        var word = kind.ToString().ToLowerInvariant();
        if (isRead && kind == ProbeKind.Http)
            section.Require("path");
        if (isRead && kind != ProbeKind.Http && section.Has("path"))
            section.Error("path", $"a probe of kind {word} asks for no path", "take it out, or write `kind: http`");
        if (isRead && kind != ProbeKind.Grpc && section.Has("grpc_service"))
            section.Error("grpc_service", $"a probe of kind {word} asks for no gRPC service", "take it out, or write `kind: grpc`");
        if (kind == ProbeKind.Tls && servers.FirstOrDefault(s => s.Url.Scheme != Uri.UriSchemeHttps) is { } plain)
            section.Error("kind", $"the server {plain.Name} has no TLS: its url is http", "write https in its url, or `kind: tcp`");
        var health = new HealthCheck { Kind = kind, Path = Addresses.PathFromRoot(section, "path", mayHaveQuery: true) ?? "/" };
        return health with
        {
            GrpcService = section.Text("grpc_service") ?? "",
            Every = section.Duration("every") ?? health.Every,
            Timeout = section.Duration("timeout") ?? health.Timeout,
        };
    }

    private static string? ReadCustomer(Section? section)
    {
        section?.Require("header");
        return section is null ? null : Addresses.HeaderName(section, "header");
    }

    private static ImmutableArray<string> ReadDependencies(Section service, string name)
    {
        var names = service.Names("depends_on");
        foreach (var self in names.Where(n => n.Text == name))
            service.Report(self.Line, self.Key, $"{name} depends on itself", "take it out");
        return [.. names.Select(n => n.Text)];
    }

    private static SloConfig? ReadSlo(Section? section)
    {
        if (section is null)
            return null;
        var slo = new SloConfig { Availability = section.Percent("availability"), P99 = section.Map("latency")?.Duration("p99") };
        if (!section.Has("availability") && !section.Has("latency"))
            section.Error("promises nothing", "write availability or latency, or take slo out");
        return slo with { Window = section.Duration("window") ?? slo.Window };
    }
}
