using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Incidents;

namespace Mainstay.Dashboard;

/// <summary>How a service is for its callers, in one word. Public because Razor makes its components public.</summary>
public enum Condition
{
    Ok,
    Degraded,
    Down,
}

/// <summary>The rule behind the one word, simple enough to check by hand.</summary>
public static class Conditions
{
    private const double DegradedFrom = 0.01;
    private const double DownFrom = 0.5;

    /// <summary>Down: half of the requests fail, or no server is well anywhere. Degraded: one in a hundred fails, or an incident
    /// that harms its callers is not mitigated yet. Else ok.</summary>
    public static Condition Of(ServiceStatus service, IEnumerable<Incident> incidents)
    {
        var servers = service.Regions.SelectMany(r => r.Servers).ToList();
        if (service.Traffic.ErrorShare >= DownFrom || (servers.Count > 0 && servers.TrueForAll(s => !s.Well)))
            return Condition.Down;
        var harmed = incidents.Any(i => i is { IsOpen: true, Mitigated: null }
            && i.Impact.Customers.Any(c => c.Service == service.Name && c.Failed + c.Slow > 0));
        return harmed || service.Traffic.ErrorShare >= DegradedFrom ? Condition.Degraded : Condition.Ok;
    }
}

/// <summary>A request as its page sees it.</summary>
/// <param name="Now">Of the instance's clock.</param>
/// <param name="Who">Who is signed in, and what they may do; null: nobody.</param>
/// <param name="Self">Path that shows this page again.</param>
public sealed record Visit(DateTimeOffset Now, Caller? Who, string Self)
{
    /// <summary>True: a form that needs this scope would not be refused.</summary>
    public bool May(TokenScope needed) => Who?.May(needed) ?? false;
}
