using System.Collections.Immutable;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Short ways to write route tables.</summary>
internal static class Tables
{
    public static Server Server(string name, string region, int rank = 1, double weight = 1, double? capacity = null) =>
        new() { Url = new Uri($"http://{name}"), Region = region, Rank = rank, Weight = weight, Capacity = capacity };

    public static Service Service(params ImmutableArray<Server> servers) => new()
    {
        Name = "moderation",
        Servers = servers,
        Regions = [.. servers.Select(s => s.Region).Distinct()],
    };

    /// <summary>The service alone in a table in force.</summary>
    public static LiveService Live(Service service, TimeProvider clock, params ImmutableArray<Overlay> overlays)
    {
        var routes = new LiveRoutes(clock);
        routes.Swap(new RouteTable(1, [service], overlays));
        return routes.Current.Services[0];
    }

    public static LiveServer Named(this LiveService service, string name) => service.Servers.Single(s => s.Spec.Name == name);

    /// <summary>Lets its breaker open.</summary>
    public static void Break(this LiveServer server)
    {
        for (var i = 0; i < 5; i++)
            server.Breaker.Note(isTry: false, failed: true);
        Assert.True(server.Breaker.IsOpen);
    }

    /// <summary>Lets it fail until nothing more is sent there.</summary>
    public static void BringDown(this LiveServer server)
    {
        for (var i = 0; i < 10; i++)
            server.Breaker.Note(isTry: false, failed: true);
        Assert.Equal(Hold.Down, server.Breaker.Standing);
    }

    /// <summary>Two probes that say it is not well.</summary>
    public static void Sicken(this LiveServer server)
    {
        server.NoteProbe(well: false);
        server.NoteProbe(well: false);
        Assert.False(server.IsWell);
    }
}
