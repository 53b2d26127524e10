namespace Mainstay.Bench.Balance;

/// <summary>A policy, for all gateways; each gateway knows only what it sent and what came back to it.</summary>
internal abstract class Balancer
{
    protected Simulation Simulation { get; private set; } = null!;

    /// <summary>Called once, before the first request.</summary>
    public virtual void Begin(Simulation simulation) => Simulation = simulation;

    /// <summary>Chooses a server for a request that a gateway got just now.</summary>
    public abstract int Choose(int gateway, int request);

    /// <summary>A request of this gateway ended.</summary>
    /// <param name="gateway">Which gateway sent it.</param>
    /// <param name="request">Which.</param>
    /// <param name="server">Where it was.</param>
    /// <param name="latency">Seconds.</param>
    /// <param name="failed">True: its deadline passed.</param>
    public virtual void Ended(int gateway, int request, int server, double latency, bool failed)
    {
    }

    /// <summary>A probe's answer: how the server stands.</summary>
    public virtual void ProbeAnswered(int gateway, int server)
    {
    }
}
