using Mainstay.Control.Config;

namespace Mainstay.Commands;

/// <summary>What people read about their configuration file; the same from every command that takes one.</summary>
internal static class ConfigReport
{
    /// <summary>Exit code of a mistake of the operator's.</summary>
    public const int Mistake = 2;

    /// <summary>
    /// Reads the file. Its errors go to <paramref name="error"/>, one a line, and the result is null: the command ends
    /// with <see cref="Mistake"/>. Else its warnings go to <paramref name="warning"/>.
    /// </summary>
    public static MainstayConfig? Read(string file, TextWriter error, TextWriter warning)
    {
        var result = ConfigReader.ReadFile(file);
        foreach (var mistake in result.Errors)
            error.WriteLine(mistake);
        if (result.Config is not null)
        {
            foreach (var sentence in result.Warnings)
                warning.WriteLine("warning: " + sentence);
        }
        return result.Config;
    }

    /// <summary>What the file asks for: a line a service, then the totals.</summary>
    public static void WriteSummary(MainstayConfig config, TextWriter output)
    {
        var width = config.Services.Max(s => s.Routing.Name.Length);
        foreach (var service in config.Services)
        {
            var routing = service.Routing;
            var ranks = routing.Servers.GroupBy(s => s.Rank).OrderBy(r => r.Key).Select(rank => $"rank {rank.Key}: " + string.Join(
                ", ",
                routing.Regions
                    .Select(region => (Name: region, Servers: rank.Count(s => s.Region == region)))
                    .Where(region => region.Servers > 0)
                    .Select(region => $"{region.Name} ({region.Servers})")));
            var shared = routing.ShareRegions ? "; all regions alike" : "";
            output.WriteLine($"{routing.Name.PadRight(width)}  {routing.Host}{routing.PathPrefix}  {string.Join("; ", ranks)}{shared}");
        }
        var servers = config.Services.Sum(s => s.Routing.Servers.Length);
        var regions = config.Services.SelectMany(s => s.Routing.Regions).Distinct().Count();
        output.WriteLine(
            $"{Count(config.Services.Length, "service")}, {Count(servers, "server")} in {Count(regions, "region")}; "
            + $"remedies: {config.Remedies.ToString().ToLowerInvariant()}; "
            + $"traffic on {Address(config.TrafficListen)}, control on {Address(config.Control.Listen)}.");
    }

    private static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    private static string Address(Uri listen) => listen.GetLeftPart(UriPartial.Authority);
}
