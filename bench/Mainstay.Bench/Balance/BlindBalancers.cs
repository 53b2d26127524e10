namespace Mainstay.Bench.Balance;

/// <summary>One server after the other; every gateway begins at one of its own.</summary>
internal sealed class RoundRobin : Balancer
{
    private int[] _next = [];

    public override void Begin(Simulation simulation)
    {
        base.Begin(simulation);
        var random = new SeededRandom(simulation.PolicySeed);
        _next = new int[simulation.Gateways];
        for (var i = 0; i < _next.Length; i++)
            _next[i] = random.Next(Setting.Servers);
    }

    public override int Choose(int gateway, int request) => _next[gateway] = (_next[gateway] + 1) % Setting.Servers;
}

internal sealed class RandomChoice : Balancer
{
    private SeededRandom _random;

    public override void Begin(Simulation simulation)
    {
        base.Begin(simulation);
        _random = new SeededRandom(simulation.PolicySeed);
    }

    public override int Choose(int gateway, int request) => _random.Next(Setting.Servers);
}

/// <summary>Sends to the server whose queue is truly the shortest, as if it saw all of them without delay.</summary>
internal sealed class Omniscient : Balancer
{
    private SeededRandom _random;

    public override void Begin(Simulation simulation)
    {
        base.Begin(simulation);
        _random = new SeededRandom(simulation.PolicySeed);
    }

    public override int Choose(int gateway, int request)
    {
        var (best, ties) = (0, 1);
        for (var i = 1; i < Setting.Servers; i++)
        {
            var load = Simulation.Servers[i].Load;
            if (load < Simulation.Servers[best].Load)
                (best, ties) = (i, 1);
            else if (load == Simulation.Servers[best].Load && _random.Next(++ties) == 0)
                best = i;
        }
        return best;
    }
}
