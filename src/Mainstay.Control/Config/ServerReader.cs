using System.Collections.Immutable;
using Mainstay.Routing;

namespace Mainstay.Control.Config;

/// <summary>Reads the servers and regions of one service, and whether they fit together.</summary>
internal sealed class ServerReader(Section service)
{
    /// <summary>Stands for an address that could not be read, while the other keys of its server are.</summary>
    private static readonly Uri Unread = new("unread:");

    private readonly List<(Section At, string Region)> _regions = [];

    /// <summary>The service with the servers that could be read, and the regions in order of preference.</summary>
    public Service ReadInto(Service routing)
    {
        CheckApi(service);
        // Models bring servers of their own; that they are reserved has been said.
        if (!service.HasReserved)
            service.Require("servers");
        if (service.IsEmptyList("servers"))
            service.Error("servers", "no server is named", "write at least one: `- { url: \"http://10.0.1.10:9000\", region: us-east-1 }`");

        var servers = ImmutableArray.CreateBuilder<Server>();
        var lines = new Dictionary<string, int>();
        foreach (var section in service.Maps("servers"))
        {
            if (ReadServer(section) is not { } server)
                continue;
            if (lines.TryAdd(server.Name, section.LineOf("url")))
                servers.Add(server);
            else
            {
                section.Error(
                    "url", $"{server.Name} is a server of this service already, in line {lines[server.Name]}",
                    "keep one of them; weight gives a server more work");
            }
        }
        var allowed = ReadAllowed();
        var (regions, share) = ReadRegions();
        return routing with { Servers = servers.ToImmutable(), Regions = regions, ShareRegions = share, AllowedRegions = allowed };
    }

    private Server? ReadServer(Section section)
    {
        section.Require("region");
        if (!section.HasReserved)
            section.Require("url");
        CheckApi(section);
        var region = section.Name("region");
        if (region is not null)
            _regions.Add((section, region));
        var server = new Server { Url = Addresses.Web(section, "url") ?? Unread, Region = region ?? "" };
        server = server with
        {
            Weight = section.Number("weight") ?? server.Weight,
            Capacity = section.Rate("capacity"),
            Zone = section.Name("zone"),
            Rank = section.Whole("rank") ?? server.Rank,
            Version = section.Name("version") ?? server.Version,
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

    private static void CheckApi(Section section)
    {
        if (section.IsText("api") && section.Text("api") is { } api && ConfigKeys.ReservedApis.Contains(api))
            section.Error("api", $"{api} is known, but this version does not do it yet", "take it out: http forwards requests as they are");
        else
            section.Word("api");
    }
}
