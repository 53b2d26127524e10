using Mainstay.Routing;

namespace Mainstay.Bench.Balance;

/// <summary>Mainstay's own choice: the real picker, and for every gateway the real live state of its servers.</summary>
internal sealed class PickerBalancer : Balancer
{
    private readonly Dictionary<LiveServer, int> _index = [];
    private readonly LiveServer.Place?[] _places = new LiveServer.Place?[1 << 18];
    private LiveService[] _services = [];
    private Picker[] _pickers = [];
    private SeededRandom _random;

    public override void Begin(Simulation simulation)
    {
        base.Begin(simulation);
        _random = new SeededRandom(simulation.PolicySeed);
        var clock = new SimulatedTime(simulation);
        var spec = new Service
        {
            Name = "s",
            Regions = ["r"],
            Servers = [.. Enumerable.Range(0, Setting.Servers).Select(i => new Server { Url = new Uri($"http://s{i}"), Region = "r" })],
        };
        _services = new LiveService[simulation.Gateways];
        _pickers = new Picker[simulation.Gateways];
        for (var i = 0; i < _services.Length; i++)
        {
            var routes = new LiveRoutes(clock);
            routes.Swap(new RouteTable(1, [spec], []));
            _services[i] = routes.Current.Services[0];
            _pickers[i] = new Picker((int)_random.Next());
            for (var j = 0; j < Setting.Servers; j++)
                _index[_services[i].Servers[j]] = j;
        }
    }

    public override int Choose(int gateway, int request)
    {
        var server = _pickers[gateway].Pick(_services[gateway], [], _random.NextDouble())!;
        _places[request & (_places.Length - 1)] = server.TryEnter(force: true);
        return _index[server];
    }

    public override void Ended(int gateway, int request, int server, double latency, bool failed)
    {
        ref var place = ref _places[request & (_places.Length - 1)];
        place!.NoteFirstByte(TimeSpan.FromSeconds(latency), failed ? AttemptResult.ServerError : AttemptResult.Answered, refused: false);
        place.Leave(failed);
        place = null;
    }

    private sealed class SimulatedTime(Simulation simulation) : TimeProvider
    {
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => (long)(simulation.Now * TimeSpan.TicksPerSecond);

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(simulation.Now);
    }
}
