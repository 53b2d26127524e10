using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Control.Mitigation;

/// <summary>
/// What a server can carry: as declared, or learned as the most it has carried well, averaged over ten windows with less
/// than 1 % failed. What was never carried is unknown, and no remedy may count on it. Not safe for several threads.
/// </summary>
public sealed class CapacityBook
{
    private const double Well = 0.01;
    private readonly Dictionary<SeriesKey, double> _learned = [];

    /// <summary>Learns from the servers' traffic of the last ten windows.</summary>
    public void Learn(IEnumerable<SeriesKey> servers, History history)
    {
        foreach (var key in servers)
        {
            var traffic = history.Traffic(key);
            if (traffic.Rate > _learned.GetValueOrDefault(key) && traffic.ErrorShare < Well)
                _learned[key] = traffic.Rate;
        }
    }

    /// <summary>Requests per second; null while unknown.</summary>
    public double? Of(string service, Server server) =>
        server.Capacity ?? (_learned.TryGetValue(new(service, server.Region, server.Name), out var carried) ? carried : null);
}
