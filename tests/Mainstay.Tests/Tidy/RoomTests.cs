using System.Text.RegularExpressions;

namespace Mainstay.Tests.Tidy;

/// <summary>Which room may know which: Mainstay → Mainstay.Control → Mainstay.Routing → ASP.NET Core and nothing else.</summary>
public sealed partial class RoomTests
{
    private static readonly string[] Rooms =
        ["Telemetry", "Detection", "Alerts", "Notify", "Signals", "Incidents", "Mitigation", "Storage", "Config", "Jobs", "AiModels", "Usage"];

    [Fact]
    public void The_data_plane_references_ASPNET_Core_and_nothing_else()
    {
        var project = SourceTree.Read("src/Mainstay.Routing/Mainstay.Routing.csproj");
        Assert.DoesNotContain("PackageReference", project, StringComparison.Ordinal);
        Assert.DoesNotContain("ProjectReference", project, StringComparison.Ordinal);
        Assert.Equal(["Microsoft.AspNetCore.App"], References().Matches(project).Select(m => m.Groups["name"].Value));
        Assert.Empty(Usings("src/Mainstay.Routing").Where(u => !Starts(u.Name, "System") && !Starts(u.Name, "Microsoft.AspNetCore")
            && !Starts(u.Name, "Microsoft.Extensions") && !Starts(u.Name, "Mainstay.Routing")));
    }

    [Fact]
    public void The_control_plane_knows_the_data_plane_but_nothing_above()
    {
        var project = SourceTree.Read("src/Mainstay.Control/Mainstay.Control.csproj");
        Assert.Equal(["../Mainstay.Routing/Mainstay.Routing.csproj"], ProjectReferences().Matches(project).Select(m => m.Groups["path"].Value));
        Assert.Empty(Usings("src/Mainstay.Control").Where(u =>
            Starts(u.Name, "Mainstay") && !Starts(u.Name, "Mainstay.Control") && !Starts(u.Name, "Mainstay.Routing")));
        Assert.Empty(SourceTree.Under("src/Mainstay.Control").Where(f => Upstairs().IsMatch(SourceTree.Bare(f))));
    }

    [Fact]
    public void The_gateway_sees_an_exchange_and_never_HttpContext() =>
        Assert.Empty(SourceTree.Under("src/Mainstay.Routing")
            .Where(f => !f.StartsWith("src/Mainstay.Routing/Http/", StringComparison.Ordinal))
            .Where(f => Regex.IsMatch(SourceTree.Bare(f), @"\bHttpContext\b", RegexOptions.ExplicitCapture)));

    /// <summary>Incidents and Mitigation count as one room: an incident holds its remedies, and a remedy is chosen for an
    /// incident. Nothing else may know each other both ways.</summary>
    [Fact]
    public void No_circle_runs_through_the_rooms_of_the_control_plane()
    {
        var knows = Rooms.ToDictionary(
            room => room,
            room => Usings($"src/Mainstay.Control/{room}")
                .Select(u => Rooms.FirstOrDefault(other => Starts(u.Name, $"Mainstay.Control.{other}")))
                .Where(other => other is not null && other != room && (room, other) is not ("Mitigation", "Incidents"))
                .Select(other => other!)
                .ToHashSet());
        // Takes away rooms that know no other until none is left; what stays stands in a circle.
        while (knows.Keys.Where(room => !knows[room].Overlaps(knows.Keys)).ToList() is { Count: > 0 } free)
            free.ForEach(room => knows.Remove(room));
        Assert.Empty(knows.Select(k => $"{k.Key} knows {string.Join(", ", k.Value.Where(knows.ContainsKey))}"));
    }

    private static IEnumerable<(string File, string Name)> Usings(string folder) => SourceTree.Under(folder)
        .SelectMany(f => Using().Matches(SourceTree.Bare(f)).Select(m => (f, m.Groups["name"].Value)));

    private static bool Starts(string name, string with) =>
        name == with || name.StartsWith(with + ".", StringComparison.Ordinal);

    [GeneratedRegex(@"^\s*(global\s+)?using\s+(static\s+)?(\w+\s*=\s*)?(?<name>[A-Z][\w.]*)\s*;", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Using();

    [GeneratedRegex("""FrameworkReference Include="(?<name>[^"]+)""", RegexOptions.ExplicitCapture)]
    private static partial Regex References();

    [GeneratedRegex("""ProjectReference Include="(?<path>[^"]+)""", RegexOptions.ExplicitCapture)]
    private static partial Regex ProjectReferences();

    [GeneratedRegex(@"\bMainstay\.(Api|Dashboard|Commands)\b", RegexOptions.ExplicitCapture)]
    private static partial Regex Upstairs();
}
