namespace Mainstay.Bench.Balance;

/// <summary>
/// Prequal, asynchronous (Wydrowski and others, NSDI '24), with the settings of the paper's baseline: three probes a
/// request to different servers at random; a pool of at most 16 answers, none older than a second; an answer is used about
/// as often as the paper's formula allows for its number of servers; with every request one answer is removed, the worst
/// and the oldest in turn. Hot is what has more requests in flight than the quantile 2^-0.25 of recent answers; of the cold
/// answers the one with the lowest latency wins, without a cold one the least in flight. The pool holds one answer a
/// server, the newest: with no more servers than places older ones would only mislead it.
/// </summary>
internal sealed class Prequal : Balancer
{
    private const int ProbesPerRequest = 3;
    private const int PoolSize = 16;
    private const double LongestAge = 1;
    private const int Remembered = 128;

    /// <summary>max(1, (1 + δ) / ((1 − m/n) · probes − removed)) with δ = 1, m = 16 and the n = 100 of the paper: for n = 16 the
    /// formula has no value.</summary>
    private const double Uses = 2 / (((1 - 0.16) * ProbesPerRequest) - 1);

    private static readonly double Quantile = Math.Pow(2, -0.25);

    private readonly int[] _sorted = new int[Remembered];
    private Pool[] _pools = [];
    private SeededRandom _random;

    public override void Begin(Simulation simulation)
    {
        base.Begin(simulation);
        _random = new SeededRandom(simulation.PolicySeed);
        _pools = new Pool[simulation.Gateways];
        for (var i = 0; i < _pools.Length; i++)
            _pools[i] = new Pool();
    }

    public override int Choose(int gateway, int request)
    {
        var pool = _pools[gateway];
        for (var i = pool.Count - 1; i >= 0; i--)
            if (Simulation.Now - pool.Answers[i].At > LongestAge)
                pool.Remove(i);
        Probe(gateway);
        if (pool.Count < 2)
            return _random.Next(Setting.Servers);
        var hot = Hot(pool);
        var chosen = pool.Best(hot);
        var server = pool.Answers[chosen].Server;
        pool.Answers[chosen].Load++;
        if (--pool.Answers[chosen].Uses <= 0)
            pool.Remove(chosen);
        if (pool.Count > 0)
        {
            pool.RemovesOldest = !pool.RemovesOldest;
            pool.Remove(pool.RemovesOldest ? pool.Oldest() : pool.Worst(hot));
        }
        return server;
    }

    public override void ProbeAnswered(int gateway, int server)
    {
        var pool = _pools[gateway];
        var on = Simulation.Servers[server];
        pool.Loads[pool.LoadsSeen++ % Remembered] = on.Load;
        for (var i = 0; i < pool.Count; i++)
            if (pool.Answers[i].Server == server)
                pool.Remove(i);
        if (pool.Count == PoolSize)
            pool.Remove(pool.Oldest());
        // Randomly rounded, so that the mean is right.
        var uses = (int)Uses + (_random.NextDouble() < Uses - (int)Uses ? 1 : 0);
        pool.Answers[pool.Count++] = new Answer { Server = server, At = Simulation.Now, Load = on.Load, Latency = on.Latencies.At(on.Load), Uses = uses };
    }

    private void Probe(int gateway)
    {
        var asked = 0;
        for (var i = 0; i < ProbesPerRequest;)
        {
            var server = _random.Next(Setting.Servers);
            if ((asked & (1 << server)) != 0)
                continue;
            asked |= 1 << server;
            Simulation.Probe(gateway, server);
            i++;
        }
    }

    /// <summary>The load above which a server is hot.</summary>
    private int Hot(Pool pool)
    {
        var count = Math.Min(Remembered, pool.LoadsSeen);
        Array.Copy(pool.Loads, _sorted, count);
        Array.Sort(_sorted, 0, count);
        return _sorted[Math.Min(count - 1, (int)(Quantile * count))];
    }

    private struct Answer
    {
        public int Server;
        public double At;
        public int Load;
        public double Latency;
        public int Uses;
    }

    private sealed class Pool
    {
        public readonly Answer[] Answers = new Answer[PoolSize];
        public readonly int[] Loads = new int[Remembered];
        public int Count;
        public int LoadsSeen;
        public bool RemovesOldest;

        public void Remove(int at) => Answers[at] = Answers[--Count];

        public int Oldest()
        {
            var oldest = 0;
            for (var i = 1; i < Count; i++)
                if (Answers[i].At < Answers[oldest].At)
                    oldest = i;
            return oldest;
        }

        public int Best(int hot)
        {
            var best = 0;
            for (var i = 1; i < Count; i++)
                if (IsBetter(Answers[i], Answers[best], hot))
                    best = i;
            return best;
        }

        public int Worst(int hot)
        {
            var worst = 0;
            for (var i = 1; i < Count; i++)
                if (IsBetter(Answers[worst], Answers[i], hot))
                    worst = i;
            return worst;
        }

        private static bool IsBetter(in Answer a, in Answer b, int hot) =>
            a.Load > hot ? b.Load > hot && a.Load < b.Load : b.Load > hot || a.Latency < b.Latency;
    }
}
