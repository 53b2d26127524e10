namespace Mainstay.Bench.Balance;

/// <summary>A policy by what a gateway has under way on each server.</summary>
internal abstract class CountingBalancer : Balancer
{
    private int[] _outstanding = [];
    protected SeededRandom Random;

    public override void Begin(Simulation simulation)
    {
        base.Begin(simulation);
        Random = new SeededRandom(simulation.PolicySeed);
        _outstanding = new int[simulation.Gateways * Setting.Servers];
    }

    public sealed override int Choose(int gateway, int request)
    {
        var server = Choose(gateway);
        _outstanding[(gateway * Setting.Servers) + server]++;
        return server;
    }

    public override void Ended(int gateway, int request, int server, double latency, bool failed) =>
        _outstanding[(gateway * Setting.Servers) + server]--;

    protected abstract int Choose(int gateway);

    protected int Outstanding(int gateway, int server) => _outstanding[(gateway * Setting.Servers) + server];

    /// <summary>Two different servers at random.</summary>
    protected (int, int) Two()
    {
        var first = Random.Next(Setting.Servers);
        var second = Random.Next(Setting.Servers - 1);
        return (first, second < first ? second : second + 1);
    }
}

/// <summary>Of two at random the one with less outstanding (Mitzenmacher 2001).</summary>
internal sealed class PowerOfTwo : CountingBalancer
{
    protected override int Choose(int gateway)
    {
        var (a, b) = Two();
        return Outstanding(gateway, b) < Outstanding(gateway, a) ? b : a;
    }
}

/// <summary>Of all the one with the least outstanding, ties at random.</summary>
internal sealed class LeastOutstanding : CountingBalancer
{
    protected override int Choose(int gateway)
    {
        var (best, ties) = (0, 1);
        for (var i = 1; i < Setting.Servers; i++)
        {
            var difference = Outstanding(gateway, i) - Outstanding(gateway, best);
            if (difference < 0)
                (best, ties) = (i, 1);
            else if (difference == 0 && Random.Next(++ties) == 0)
                best = i;
        }
        return best;
    }
}

/// <summary>
/// Of two at random the one with the lower cost: outstanding + 1, times a moving average of latency that rises at once
/// and falls with a time constant of 10 s. As in Finagle and linkerd.
/// </summary>
internal sealed class PeakEwma : CountingBalancer
{
    private const double Decay = 10;
    private double[] _latency = [];
    private double[] _asOf = [];

    public override void Begin(Simulation simulation)
    {
        base.Begin(simulation);
        _latency = new double[simulation.Gateways * Setting.Servers];
        _asOf = new double[_latency.Length];
    }

    public override void Ended(int gateway, int request, int server, double latency, bool failed)
    {
        base.Ended(gateway, request, server, latency, failed);
        Observe((gateway * Setting.Servers) + server, latency);
    }

    protected override int Choose(int gateway)
    {
        var (a, b) = Two();
        return Cost(gateway, b) < Cost(gateway, a) ? b : a;
    }

    private double Cost(int gateway, int server)
    {
        var at = (gateway * Setting.Servers) + server;
        Observe(at, 0);
        var outstanding = Outstanding(gateway, server);
        // Nothing known yet, but something sent: as dear as can be, so that one request tries it and not all.
        return _latency[at] == 0 && outstanding > 0 ? 1e6 + outstanding : _latency[at] * (outstanding + 1);
    }

    private void Observe(int at, double latency)
    {
        var weight = Math.Exp((_asOf[at] - Simulation.Now) / Decay);
        _asOf[at] = Simulation.Now;
        _latency[at] = latency > _latency[at] ? latency : (_latency[at] * weight) + (latency * (1 - weight));
    }
}
