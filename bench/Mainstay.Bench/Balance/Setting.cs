namespace Mainstay.Bench.Balance;

/// <summary>
/// What is simulated, after the test bed of "Load is not what you should balance: introducing Prequal" (NSDI '24): servers
/// on machines that they share with others. A server is sure of its nominal speed only by half; it gets more while its
/// neighbours are idle and less while they are not, so that loads above 100 % of nominal can be served, but not by every
/// server. A request has a deadline.
/// </summary>
/// <param name="Gateways">Gateways that know nothing of each other.</param>
/// <param name="Load">Arriving work as a share of what all servers do at nominal speed.</param>
/// <param name="Seconds">Simulated time that counts, after the warm-up.</param>
/// <param name="Seed">Of everything that is left to chance. Arrivals, work and speeds are the same for every policy.</param>
internal readonly record struct Setting(int Gateways, double Load, double Seconds, int Seed)
{
    public const int Servers = 16;
    public const int Slots = 8;

    /// <summary>Mean work of a request, in seconds at nominal speed.</summary>
    public const double MeanWork = 0.05;

    public const double WorkSigma = 1;

    /// <summary>Seconds after which a caller gives up.</summary>
    public const double Deadline = 5;

    /// <summary>Seconds that are simulated before anything counts.</summary>
    public const double WarmUp = 5;

    /// <summary>Mean seconds for which the neighbours of a server leave its speed as it is.</summary>
    public const double MeanCalm = 10;

    /// <summary>Share of the time in which a machine is contended.</summary>
    public const double Contended = 0.25;

    /// <summary>Requests a second.</summary>
    public double Rate => Load * Servers * Slots / MeanWork;

    /// <summary>The speed that the neighbours leave to a server, as a multiple of the nominal.</summary>
    public static double DrawSpeed(ref SeededRandom random) =>
        random.NextDouble() < Contended ? 0.5 + (0.5 * random.NextDouble()) : 2 + random.NextDouble();
}
