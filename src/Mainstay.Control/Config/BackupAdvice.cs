using Mainstay.Routing;

namespace Mainstay.Control.Config;

/// <summary>What to tell the people of a service that nothing can take over from.</summary>
internal static class BackupAdvice
{
    /// <summary>A sentence that says what its callers will get when it fails; null if it has a backup.</summary>
    public static string? For(Service service)
    {
        var regions = service.Servers.Select(s => s.Region).Distinct().ToList();
        if (regions.Count != 1)
            return null;
        var callersGet = service.QueueWhenDown is not null ? "its requests wait in the queue of when_down until it is back"
            : service.AnswerWhenDown is null ? "its callers get an error (502, 503 or 504) until it is back"
            : "its callers get the answer of when_down until it is back";
        return service.Servers.Length == 1
            ? $"{service.Name} has one server, {service.Servers[0].Name} in {regions[0]}: when it fails, {callersGet}."
            : $"{service.Name} has {service.Servers.Length} servers, all in {regions[0]}: when that region fails, {callersGet}.";
    }
}
