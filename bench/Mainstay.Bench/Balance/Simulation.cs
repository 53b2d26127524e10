namespace Mainstay.Bench.Balance;

/// <summary>One run: requests arrive at gateways, a policy sends each to a server, servers work. One thread, no allocation
/// once it has begun, the same numbers from the same seed.</summary>
internal sealed class Simulation
{
    private const double ProbeRoundTrip = 0.0005;
    private readonly Setting _setting;
    private readonly Balancer _balancer;
    private readonly EventHeap _events = new();
    private readonly List<float> _latencies;
    private Request[] _requests = new Request[1 << 16];
    private int _oldest;
    private int _next;
    private SeededRandom _arrivals;
    private SeededRandom _work;
    private SeededRandom _speeds;
    private SeededRandom _probes;

    public Simulation(Setting setting, Balancer balancer)
    {
        (_setting, _balancer) = (setting, balancer);
        _latencies = new((int)(setting.Rate * setting.Seconds * 1.1));
        var seeds = new SeededRandom((ulong)setting.Seed);
        (_arrivals, _work, _speeds, _probes) = (new(seeds.Next()), new(seeds.Next()), new(seeds.Next()), new(seeds.Next()));
        PolicySeed = seeds.Next();
        Servers = new SimulatedServer[Setting.Servers];
        for (var i = 0; i < Servers.Length; i++)
        {
            Servers[i] = new SimulatedServer();
            ChangeSpeed(i);
        }
        balancer.Begin(this);
    }

    /// <summary>Seconds since the start.</summary>
    public double Now { get; private set; }

    /// <summary>For what the policy leaves to chance.</summary>
    public ulong PolicySeed { get; }

    public int Gateways => _setting.Gateways;

    /// <summary>As they truly are.</summary>
    public SimulatedServer[] Servers { get; }

    /// <summary>Runs to the end.</summary>
    /// <returns>Latency of every request that counts in seconds, in ascending order; a request that timed out took its deadline.</returns>
    public float[] Run()
    {
        var end = Setting.WarmUp + _setting.Seconds;
        var arrival = _arrivals.Exponential(1 / _setting.Rate);
        while (true)
        {
            var deadline = NextDeadline();
            var next = Math.Min(Math.Min(arrival, deadline), _events.NextAt);
            if (next > end)
                break;
            Now = next;
            if (next == deadline)
                GiveUp(_oldest++);
            else if (next == arrival)
            {
                Arrive();
                arrival = Now + _arrivals.Exponential(1 / _setting.Rate);
            }
            else
                Happen(_events.Take());
        }
        // What is still under way has taken at least as long as it has: leaving it out would flatter an overloaded run.
        for (; _oldest < _next; _oldest++)
            if (!At(_oldest).Ended)
                Note(At(_oldest).Arrived);
        var all = _latencies.ToArray();
        Array.Sort(all);
        return all;
    }

    /// <summary>Asks a server how it stands; the answer comes a round trip later.</summary>
    public void Probe(int gateway, int server) =>
        _events.Add(new(Now + _probes.Lognormal(ProbeRoundTrip, 0.5), EventKind.ProbeAnswered, server, gateway));

    private ref Request At(int request) => ref _requests[request & (_requests.Length - 1)];

    private double NextDeadline()
    {
        while (_oldest < _next && At(_oldest).Ended)
            _oldest++;
        return _oldest == _next ? double.PositiveInfinity : At(_oldest).Arrived + Setting.Deadline;
    }

    private void Arrive()
    {
        if (_next - _oldest == _requests.Length)
            Grow();
        var id = _next++;
        var gateway = _arrivals.Next(_setting.Gateways);
        var server = _balancer.Choose(gateway, id);
        var on = Servers[server];
        At(id) = new Request
        {
            Arrived = Now,
            Work = _work.Lognormal(Setting.MeanWork, Setting.WorkSigma),
            Gateway = gateway,
            Server = server,
            LoadFound = on.Load,
        };
        if (on.Enter(Now, id, At(id).Work))
            PlanNext(server);
    }

    private void Happen(Event e)
    {
        switch (e.Kind)
        {
            case EventKind.Completed when e.Detail == Servers[e.Server].Plan:
                var id = Servers[e.Server].Complete(Now);
                StartWaiting(e.Server);
                Servers[e.Server].Latencies.Add(At(id).LoadFound, Now - At(id).Arrived);
                End(id, failed: false);
                break;
            case EventKind.SpeedChanged:
                ChangeSpeed(e.Server);
                break;
            case EventKind.ProbeAnswered:
                _balancer.ProbeAnswered(e.Detail, e.Server);
                break;
        }
    }

    private void GiveUp(int id)
    {
        var server = At(id).Server;
        if (Servers[server].Cancel(Now, id))
            StartWaiting(server);
        End(id, failed: true);
    }

    private void End(int id, bool failed)
    {
        ref var request = ref At(id);
        request.Ended = true;
        Note(request.Arrived);
        _balancer.Ended(request.Gateway, id, request.Server, Now - request.Arrived, failed);
    }

    private void Note(double arrived)
    {
        if (arrived >= Setting.WarmUp)
            _latencies.Add((float)(Now - arrived));
    }

    private void StartWaiting(int server)
    {
        var on = Servers[server];
        for (var id = on.TakeWaiting(); id >= 0; id = on.TakeWaiting())
        {
            // One whose caller left while it waited has ended, or its place is already another's.
            if (id >= _oldest && !At(id).Ended)
                on.Start(Now, id, At(id).Work);
        }
        PlanNext(server);
    }

    private void PlanNext(int server)
    {
        var at = Servers[server].NextCompletion(Now);
        if (!double.IsPositiveInfinity(at))
            _events.Add(new(at, EventKind.Completed, server, Servers[server].Plan));
    }

    private void ChangeSpeed(int server)
    {
        Servers[server].SetSpeed(Now, Setting.DrawSpeed(ref _speeds));
        _events.Add(new(Now + _speeds.Exponential(Setting.MeanCalm), EventKind.SpeedChanged, server, 0));
        PlanNext(server);
    }

    private void Grow()
    {
        var longer = new Request[_requests.Length * 2];
        for (var id = _oldest; id < _next; id++)
            longer[id & (longer.Length - 1)] = At(id);
        _requests = longer;
    }

    private struct Request
    {
        public double Arrived;
        public double Work;
        public int Gateway;
        public int Server;
        public int LoadFound;
        public bool Ended;
    }
}
