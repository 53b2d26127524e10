using Microsoft.Extensions.Logging;

namespace Mainstay.Routing.Certificates;

/// <summary>
/// Looks once a second whether the files of certificates changed, and whether certificates end soon. What is wrong is said
/// once in the log, and stands as a trouble until it is right.
/// </summary>
/// <param name="routes">The table in force names the files.</param>
/// <param name="listener">What callers are shown; null if they connect without TLS.</param>
/// <param name="note">Takes a part of the program and its trouble; null: it has none any more.</param>
/// <param name="clock">Every time comes from it.</param>
/// <param name="log">For operators.</param>
public sealed partial class CertificateWatch(
    LiveRoutes routes, ListenerCertificate? listener, Action<string, string?> note, TimeProvider clock, ILogger<CertificateWatch> log)
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private readonly Dictionary<string, string> _told = [];

    /// <summary>Looks until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Period, clock);
        do
            Look();
        while (await timer.WaitForNextTickAsync(cancel));
    }

    /// <summary>Looks once.</summary>
    public void Look()
    {
        var now = clock.GetUtcNow();
        var table = routes.Current;
        var troubles = new Dictionary<string, string>();
        if (listener is not null && table.Table.Tls is { } spec)
        {
            var before = listener.Current;
            if (listener.Look(spec, now) is { } trouble)
                troubles["certificate of traffic"] = trouble;
            if (listener.Current != before)
                LogTaken(spec.Certificate, listener.Current.NotAfter.ToUniversalTime());
        }
        foreach (var service in table.Services)
            if (service.Trust?.Look(now) is { } trouble)
                troubles[$"certificates of {service.Spec.Name}"] = trouble;
        foreach (var part in _told.Keys.Where(part => !troubles.ContainsKey(part)).ToList())
        {
            _told.Remove(part);
            note(part, null);
        }
        foreach (var (part, trouble) in troubles)
        {
            if (_told.GetValueOrDefault(part) == trouble)
                continue;
            _told[part] = trouble;
            note(part, trouble);
            LogTrouble(part, trouble);
        }
    }

    [LoggerMessage(LogLevel.Information, "{File} was read again: callers are shown the certificate that ends on {Ends:yyyy-MM-dd}.")]
    private partial void LogTaken(string file, DateTime ends);

    [LoggerMessage(LogLevel.Warning, "{Part}: {Trouble}")]
    private partial void LogTrouble(string part, string trouble);
}
