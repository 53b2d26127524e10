namespace Mainstay.Control.Detection;

/// <summary>A series that left what is usual for it, with the evidence a person needs to check that.</summary>
/// <param name="Since">Start of the first window that counted.</param>
/// <param name="At">End of the window in which the evidence sufficed.</param>
/// <param name="Service">The service whose traffic or probes show it.</param>
/// <param name="Region">The region it happens in.</param>
/// <param name="Server">The one server that it happens on; null: the region as a whole.</param>
/// <param name="Detector">Which detector found it: errors, latency or probes.</param>
/// <param name="Expected">The usual band, in words with units.</param>
/// <param name="Observed">What was seen instead, in words with units.</param>
/// <param name="Evidence">Sum of −log10 of the tail probabilities of the windows that counted, less the usual drift.</param>
public sealed record Anomaly(
    DateTimeOffset Since,
    DateTimeOffset At,
    string Service,
    string Region,
    string? Server,
    string Detector,
    string Expected,
    string Observed,
    double Evidence)
{
    /// <summary>True: somebody outside raised it; no remedy follows from it alone.</summary>
    public bool IsFromOutside { get; init; }

    /// <summary>In one line, for logs and timelines.</summary>
    public string Summary => $"{Detector} of {Service} in {Region}{(Server is null ? "" : $" on {Server}")}: {Observed}; usual is {Expected}";
}
