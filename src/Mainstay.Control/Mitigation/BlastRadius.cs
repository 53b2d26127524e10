using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Serialization;
using Mainstay.Routing;

namespace Mainstay.Control.Mitigation;

/// <summary>What taking a region or a server away would mean now. Measured before a drain or a practice, and shown to whoever asks for it.</summary>
/// <param name="Region">What would be taken away, or where it stands.</param>
/// <param name="Server">The one server; null: the whole region.</param>
/// <param name="Service">The one service that is asked about; null: every one.</param>
/// <param name="Services">Every service that has servers there.</param>
/// <param name="Elsewhere">Open incidents, remedies, drains and a practice that go on already, a line each.</param>
public sealed record BlastRadius(
    string Region, string? Server, string? Service, ImmutableArray<ServiceAtStake> Services, ImmutableArray<string> Elsewhere)
{
    /// <summary>In one line: what would be taken away.</summary>
    [JsonIgnore]
    public string Title => Service is null ? Server ?? Region : $"{Server ?? Region} of {Service}";

    /// <summary>True: a service would have no other server that is well.</summary>
    public bool LeavesNobody => Services.Any(s => s.Verdict == BlastVerdict.NobodyLeft);

    /// <summary>Measures. Null: what is asked about is not known, and <paramref name="wrong"/> says what is.</summary>
    /// <param name="seen">How everything stands.</param>
    /// <param name="service">The one service; null: every one.</param>
    /// <param name="region">Null: that of the server.</param>
    /// <param name="server">Null: the whole region.</param>
    /// <param name="wrong">Empty if all is well.</param>
    public static BlastRadius? TryMeasure(Snapshot seen, string? service, string? region, string? server, out string wrong)
    {
        wrong = "";
        if (seen.Services.IsEmpty)
            wrong = "Nothing is known of the services yet. Try again in a second.";
        else if (service is not null && seen.Services.All(s => s.Name != service))
            wrong = $"There is no service {service}. Configured: {string.Join(", ", seen.Services.Select(s => s.Name))}.";
        else if (region is null && server is null)
            wrong = "Name a region or a server.";
        if (wrong.Length > 0)
            return null;
        var asked = seen.Services.Where(s => service is null || s.Name == service).ToList();
        var regions = asked.SelectMany(s => s.Regions)
            .Where(r => (region is null || r.Name == region) && (server is null || r.Servers.Any(s => s.Name == server)))
            .Select(r => r.Name).Distinct().ToList();
        if (regions.Count != 1)
        {
            wrong = regions.Count > 1 ? $"{server} stands in {string.Join(" and ", regions)}: name the region, or the service, too."
                : server is not null ? $"There is no server {server}. Known: {Some(asked.SelectMany(s => s.Regions).SelectMany(r => r.Servers).Select(s => s.Name))}."
                : $"There is no region {region}{(service is null ? "" : $" of {service}")}. Known: {Some(asked.SelectMany(s => s.Regions).Select(r => r.Name))}.";
            return null;
        }
        var away = new Overlay("", service, regions[0], server, 0);
        var present = Present(seen).ToList();
        return new(
            regions[0], server, service,
            [.. asked.Where(s => Servers(s).Any(v => away.Covers(s.Name, v.Region, v.Server.Name))).Select(s => Measure(s, away, present.Select(p => p.Overlay)))],
            [.. seen.Incidents.Where(i => i.IsOpen).Select(i => $"incident {i.Number} is open: {i.Title}"), .. present.Select(p => p.Text).Distinct()]);
    }

    /// <summary>Every overlay that a snapshot tells of, with what it is in words.</summary>
    private static IEnumerable<(Overlay Overlay, string Text)> Present(Snapshot seen) =>
    [
        .. seen.Incidents.Where(i => i.IsOpen).SelectMany(i => i.Remedies).Where(r => r.InForce).Select(r => (r.ToOverlay(), $"remedy {r.Id} is in force: {r.Title}")),
        .. seen.Drains.Select(d => (d.ToOverlay(), Text($"{d.Title} is drained by {d.Who} since {d.Since:yyyy-MM-dd HH:mm:ss} UTC (drain {d.Number})"))),
        .. seen.Practices.SelectMany(p => p.ToOverlays().Select(o => (o, $"practice {p.Number} of {p.Title} is in progress"))),
    ];

    private static ServiceAtStake Measure(ServiceStatus service, Overlay away, IEnumerable<Overlay> present)
    {
        var gone = present.Append(away).ToList();
        var taken = Servers(service).Where(v => away.Covers(service.Name, v.Region, v.Server.Name)).Select(v => v.Server).ToList();
        var left = Servers(service)
            .Where(v => v.Server is { Well: true, BreakerOpen: false } && !gone.Exists(o => o.Covers(service.Name, v.Region, v.Server.Name)))
            .Select(v => v.Server).ToList();
        var there = away.Server is null
            ? service.Regions.First(r => r.Name == away.Region).Traffic.Rate
            : taken.Sum(s => s.Traffic.Rate);
        var demand = service.Traffic.Rate * Guard.Headroom;
        var known = left.Sum(s => s.CapacityPerSecond ?? 0);
        var verdict = left.Count == 0 ? BlastVerdict.NobodyLeft
            : known >= demand ? BlastVerdict.Carried
            : left.TrueForAll(s => s.IsCapacityDeclared) ? BlastVerdict.OverCapacity
            : BlastVerdict.Unknown;
        var servers = left.Count == 1 ? "1 other server is" : $"{left.Count} other servers are";
        var text = verdict switch
        {
            BlastVerdict.NobodyLeft => "no other server is well; callers would still be sent there, since a drained server is better than none",
            BlastVerdict.Carried => Text($"{servers} left, known to carry {known:0}/s; asked for, with a fifth more: {demand:0}/s"),
            BlastVerdict.OverCapacity => Text($"{servers} left and can carry {known:0}/s, but {demand:0}/s may be asked for: over capacity"),
            _ => Text($"{servers} left, known to carry {known:0}/s of the {demand:0}/s that may be asked for; what they can carry beyond that is unknown: declare servers[].capacity"),
        };
        return new(service.Name, there, service.Traffic.Rate, taken.Count, left.Count, known, verdict, text);
    }

    private static IEnumerable<(string Region, ServerStatus Server)> Servers(ServiceStatus service) =>
        service.Regions.SelectMany(r => r.Servers.Select(s => (r.Name, s)));

    private static string Some(IEnumerable<string> names)
    {
        var all = names.Distinct().ToList();
        return string.Join(", ", all.Take(20)) + (all.Count > 20 ? $" and {all.Count - 20} more" : "");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>One service within a <see cref="BlastRadius"/>.</summary>
/// <param name="RateThere">Attempts a second that go there now.</param>
/// <param name="Rate">Requests a second of the whole service.</param>
/// <param name="ServersTaken">How many would be taken away.</param>
/// <param name="ServersLeft">How many others are well and not drained.</param>
/// <param name="KnownPerSecond">What those are known to carry.</param>
/// <param name="Text">In words.</param>
public sealed record ServiceAtStake(
    string Service, double RateThere, double Rate, int ServersTaken, int ServersLeft, double KnownPerSecond, BlastVerdict Verdict, string Text);

/// <summary>What would become of a service, from the best to the worst.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BlastVerdict>))]
public enum BlastVerdict
{
    /// <summary>The others are known to carry a fifth more than is asked for.</summary>
    Carried,

    /// <summary>Nobody knows whether they can.</summary>
    Unknown,

    /// <summary>They are declared to carry less.</summary>
    OverCapacity,

    /// <summary>No other server is well.</summary>
    NobodyLeft,
}
