using System.Collections.Immutable;
using Mainstay.Routing;

namespace Mainstay.Control.Config;

/// <summary>Reads the servers and regions of one service, and whether they fit together.</summary>
/// <param name="service">The service's.</param>
/// <param name="folder">Where relative paths count from.</param>
internal sealed class ServerReader(Section service, string folder)
{
    /// <summary>Stands for an address that could not be read, while the other keys of its server are.</summary>
    private static readonly Uri Unread = new("unread:");

    private readonly List<(Section At, string Region)> _regions = [];

    /// <summary>The service with the servers that could be read, and the regions in order of preference; one for each of its models.</summary>
    public IReadOnlyList<Service> ReadInto(Service routing)
    {
        var models = service.NamedMaps("models");
        if (service.Has("models") && service.Has("servers"))
            service.Error("servers", "stands beside models, which bring their own servers", "move them into a model");
        if (service.Has("models") && routing.Api == ModelApi.Http)
            service.Error("models", "http names no models", "write `api: openai`, or whatever the callers speak");
        if (service.Has("models"))
            CheckNames(models);
        else if (!service.HasReserved)
            service.Require("servers");
        IReadOnlyList<Service> services = service.Has("models")
            ? [.. models.Select(m => routing with
            {
                Name = $"{routing.Name}/{m.Name}",
                Model = m.Name,
                Servers = ReadServers(m.Section, routing.Api),
                Continue = m.Section.Choice<ContinuePolicy>("continue") ?? routing.Continue,
            })]
            : [routing with { Servers = ReadServers(service, routing.Api) }];
        var allowed = ReadAllowed();
        var (regions, share) = ReadRegions();
        return [.. services.Select(s => s with
        {
            Regions = s.Model is null ? regions : [.. regions.Where(r => s.Servers.Any(server => server.Region == r))],
            ShareRegions = share,
            AllowedRegions = allowed,
        })];
    }

    private void CheckNames(ImmutableArray<(string Name, Section Section)> models)
    {
        foreach (var (name, section) in models)
        {
            section.Require("servers");
            if (name.Length is 0 or > 100 || !name.All(c => char.IsAsciiLetterOrDigit(c) || "._-/:@+".Contains(c)))
                section.Error("is not a name of a model", "use up to 100 letters, digits and . _ - / : @ +");
        }
        if (models.IsEmpty && service.IsEmptyMap("models"))
            service.Error("models", "no model is named", "write at least one: `NAME: { servers: [ … ] }`");
    }

    private ImmutableArray<Server> ReadServers(Section holder, ModelApi callers)
    {
        if (holder.IsEmptyList("servers"))
            holder.Error("servers", "no server is named", "write at least one: `- { url: \"http://10.0.1.10:9000\", region: us-east-1 }`");
        var servers = ImmutableArray.CreateBuilder<Server>();
        var lines = new Dictionary<string, int>();
        foreach (var section in holder.Maps("servers"))
        {
            if (ReadServer(section, callers) is not { } server)
                continue;
            // The same address with another model or key is another server; what tells them apart stands in its name.
            if (lines.ContainsKey(server.Name) && (server.Ai?.Endpoint ?? server.Ai?.Model ?? server.Ai?.KeyEnv) is { } label)
                server = server with { Label = label };
            if (lines.ContainsKey(server.Name) && server.Ai?.KeyEnv is { } key && server.Label != key)
                server = server with { Label = key };
            if (lines.TryAdd(server.Name, section.LineOf("url")))
                servers.Add(server);
            else
            {
                section.Error(
                    "url", $"{server.Name} is a server of this service already, in line {lines[server.Name]}",
                    "keep one of them; weight gives a server more work");
            }
        }
        return servers.ToImmutable();
    }

    private Server? ReadServer(Section section, ModelApi callers)
    {
        section.Require("region");
        var region = section.Name("region");
        if (region is not null)
            _regions.Add((section, region));
        var ai = new ModelServerReader(folder).Read(section, callers);
        var server = new Server { Url = ModelServerReader.ReadUrl(section, ai) ?? Unread, Region = region ?? "" };
        server = server with
        {
            Weight = section.Number("weight") ?? server.Weight,
            Capacity = section.Rate("capacity"),
            Zone = section.Name("zone"),
            Rank = section.Whole("rank") ?? server.Rank,
            Version = section.Name("version") ?? server.Version,
            Ai = ai,
        };
        return server.Url == Unread ? null : server;
    }

    private (ImmutableArray<string> Regions, bool Share) ReadRegions()
    {
        ImmutableArray<string> present = [.. _regions.Select(r => r.Region).Distinct()];
        if (service.IsText("regions"))
        {
            if (service.Text("regions") is { } word and not "share")
            {
                service.Error(
                    "regions", $"{Findings.Quote(word)} is not a list",
                    NearestWord.Cure(word, ["share"], $"write `regions: [{Findings.Shown(word)}]`, or `regions: share`"));
            }
            return (present, true);
        }
        if (!service.Has("regions"))
            return (present, false);
        var listed = service.Names("regions");
        if (service.IsEmptyList("regions"))
            service.Error("regions", "no region is named", "name those of the servers in order of preference, or take the key out");
        // Without one readable server everything would seem wrong.
        if (listed.IsEmpty || present.IsEmpty)
            return (present, false);
        foreach (var name in listed.Where(l => !present.Contains(l.Text)))
        {
            service.Report(
                name.Line, name.Key, $"no server stands in {name.Text}",
                NearestWord.Cure(name.Text, present, $"take it out, or add a server with `region: {name.Text}`"));
        }
        string[] order = [.. listed.Select(l => l.Text)];
        foreach (var (at, region) in _regions.Where(r => !order.Contains(r.Region)))
        {
            at.Error(
                "region", $"{region} is not in the service's `regions` (line {service.LineOf("regions")})",
                NearestWord.Cure(region, order, $"add {region} there, at the place that it should have"));
        }
        return ([.. order], false);
    }

    private ImmutableArray<string> ReadAllowed()
    {
        if (!service.Has("allowed_regions"))
            return [];
        var allowed = service.Names("allowed_regions");
        if (service.IsEmptyList("allowed_regions"))
            service.Error("allowed_regions", "no region is allowed", "name the regions that may serve, or take the key out");
        if (allowed.IsEmpty)
            return [];
        foreach (var (at, region) in _regions.Where(r => allowed.All(a => a.Text != r.Region)))
        {
            at.Error(
                "region", $"{region} is not in the service's `allowed_regions` (line {service.LineOf("allowed_regions")})",
                "take the server out, or allow its region");
        }
        return [.. allowed.Select(a => a.Text)];
    }
}
