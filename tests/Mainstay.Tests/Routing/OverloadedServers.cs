using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>
/// Servers behind one or more gateways in virtual time: the real picker, limits and queue, simulated servers and callers.
/// Arrivals are Poisson; a caller leaves at its deadline, and a server that works on its request does not notice that.
/// </summary>
internal sealed class OverloadedServers
{
    private readonly ManualTime _clock = new();
    private readonly Random _random;
    private readonly PriorityQueue<Action, (long At, long Number)> _events = new();
    private readonly List<Call> _queued = [];
    private readonly World _world;
    private readonly SimulatedServer[] _servers;
    private readonly (LiveService Service, Picker Picker)[] _gateways;
    private long _eventNumber;

    public OverloadedServers(World world, int seed)
    {
        _world = world;
        _random = new Random(seed);
        _servers = [.. Enumerable.Range(0, world.Servers).Select(_ => new SimulatedServer(this) { Mean = world.Mean })];
        _gateways = [.. Enumerable.Range(0, world.Gateways).Select(number => (Tables.Live(
            Tables.Service([.. Enumerable.Range(0, world.Servers).Select(i => Tables.Server($"s{i}", "a"))]) with
            {
                Limits = new LimitPolicy { IsAdaptive = true },
                Admission = new AdmissionPolicy(),
                Timeouts = new Timeouts { Total = TimeSpan.FromSeconds(5) },
            }, _clock), new Picker(seed + number)))];
    }

    /// <summary>Answers a second that all servers carry at most.</summary>
    public double Capacity => _world.Capacity;

    /// <summary>Called every tenth of a second with the limits and the attempts at each server.</summary>
    public Action<double, int[], int[]>? Trace { get; init; }

    /// <summary>From now on work takes so long in the mean, in seconds.</summary>
    public void SetMean(double mean)
    {
        foreach (var server in _servers)
            server.Mean = mean;
    }

    /// <summary>Sends requests for so long.</summary>
    /// <param name="seconds">How long.</param>
    /// <param name="perSecond">How many arrive a second.</param>
    public Seen Run(double seconds, double perSecond)
    {
        var seen = new Seen();
        var begin = _clock.GetTimestamp();
        var end = begin + Ticks(seconds);
        After(0, () => Arrive(seen, perSecond, end));
        if (Trace is not null)
            After(0, () => NoteTrace(end));
        while (_events.TryPeek(out var happens, out var at) && at.At < end)
        {
            _events.Dequeue();
            Advance(at.At);
            happens();
            TakeAdmitted();
        }
        Advance(end);
        TakeAdmitted();
        seen.End(seconds);
        return seen;
    }

    private void Advance(long to)
    {
        // Timers on the way, one after another: what they hand out begins at their time.
        while (_clock.UntilNextTimer is { } next && _clock.GetTimestamp() + next.Ticks < to)
        {
            _clock.Advance(next);
            TakeAdmitted();
        }
        if (to > _clock.GetTimestamp())
            _clock.Advance(TimeSpan.FromTicks(to - _clock.GetTimestamp()));
    }

    private void NoteTrace(long end)
    {
        var servers = _gateways[0].Service.Servers;
        Trace!(_clock.GetTimestamp() / (double)TimeSpan.TicksPerSecond, [.. servers.Select(s => s.Limit ?? 0)], [.. _servers.Select(s => s.Present)]);
        if (_clock.GetTimestamp() + Ticks(0.1) < end)
            After(0.1, () => NoteTrace(end));
    }

    private void Arrive(Seen seen, double perSecond, long end)
    {
        var next = -Math.Log(1 - _random.NextDouble()) / perSecond;
        if (_clock.GetTimestamp() + Ticks(next) < end)
            After(next, () => Arrive(seen, perSecond, end));
        var gateway = _gateways[_random.Next(_gateways.Length)];
        var call = new Call(seen, _random.NextDouble() < 0.1, _clock.GetTimestamp());
        seen.Offer(call.IsCritical);
        var service = gateway.Service;
        After(_world.Deadline, () => Leave(call));
        if ((service.Admission.Waiting == 0 ? Enter(gateway) : null) is { } place)
        {
            Begin(call, place);
            return;
        }
        call.Turn = service.Admission.WaitAsync(
            call.IsCritical ? Priority.Critical : Priority.Default, service.Spec.Admission, () => Enter(gateway), long.MaxValue, call.Left.Token);
        _queued.Add(call);
    }

    private static LiveServer.Place? Enter((LiveService Service, Picker Picker) gateway) =>
        gateway.Picker.Pick(gateway.Service, [], 0)?.TryEnter(force: true);

    private void TakeAdmitted()
    {
        for (var i = 0; i < _queued.Count; i++)
        {
            if (!_queued[i].Turn!.IsCompletedSuccessfully)
                continue;
            var call = _queued[i];
            _queued.RemoveAt(i--);
            if (call.Turn!.Result.Place is { } place)
                Begin(call, place);
            else
                call.IsOver = true;
        }
    }

    private void Begin(Call call, LiveServer.Place place)
    {
        (call.Place, call.Began) = (place, _clock.GetTimestamp());
        _servers[int.Parse(place.Server.Name[1..], System.Globalization.CultureInfo.InvariantCulture)].Add(call);
    }

    private void Answer(Call call)
    {
        if (call.IsOver)
            return;
        call.IsOver = true;
        call.Seen.Good(call.IsCritical);
        EndWait(call, AttemptResult.Answered);
    }

    private void Leave(Call call)
    {
        if (call.IsOver)
            return;
        call.IsOver = true;
        if (call.Place is null)
            call.Left.Cancel();
        else
            EndWait(call, AttemptResult.CallerLeft);
    }

    private void EndWait(Call call, AttemptResult result)
    {
        call.Place!.NoteFirstByte(TimeSpan.FromTicks(_clock.GetTimestamp() - call.Began), result, refused: false);
        call.Place.Leave(result == AttemptResult.Answered ? false : null);
    }

    private void After(double seconds, Action happens) => _events.Enqueue(happens, (_clock.GetTimestamp() + Ticks(seconds), ++_eventNumber));

    private static long Ticks(double seconds) => (long)(seconds * TimeSpan.TicksPerSecond);

    /// <summary>How its servers work.</summary>
    internal sealed record World
    {
        public int Servers { get; init; } = 4;

        public int Gateways { get; init; } = 1;

        /// <summary>Worked on at a time by a server; the others wait in order.</summary>
        public int Slots { get; init; } = 8;

        /// <summary>Work in seconds.</summary>
        public double Mean { get; init; } = 0.08;

        /// <summary>Of lognormal work; 0: uniform, a fifth to either side.</summary>
        public double Sigma { get; init; }

        /// <summary>By what share work takes longer for each that waits.</summary>
        public double WaitingCost { get; init; }

        /// <summary>By what share work takes longer for each that is worked on beside it.</summary>
        public double BatchCost { get; init; }

        /// <summary>Callers leave after so many seconds.</summary>
        public double Deadline { get; init; } = 1;

        public double Capacity => BatchCost == 0 ? Servers * Slots / Mean : Servers * Slots / (Mean * (1 + (BatchCost * (Slots - 1))));
    }

    /// <summary>What became of the requests of one run.</summary>
    internal sealed class Seen
    {
        private int _critical;
        private int _criticalGood;
        private int _good;
        private int _offered;
        private bool _isOver;

        /// <summary>Answers in time, a second.</summary>
        public double Goodput { get; private set; }

        /// <summary>Share of the critical requests that were answered in time.</summary>
        public double Critical => _criticalGood / (double)_critical;

        /// <summary>Share of all requests.</summary>
        public double Success => _good / (double)_offered;

        public void Offer(bool isCritical)
        {
            _offered++;
            _critical += isCritical ? 1 : 0;
        }

        public void Good(bool isCritical)
        {
            _criticalGood += isCritical ? 1 : 0;
            _good += _isOver ? 0 : 1;
        }

        public void End(double seconds) => (Goodput, _isOver) = (_good / seconds, true);
    }

    private sealed class Call(Seen seen, bool isCritical, long arrived)
    {
        public Seen Seen => seen;

        public bool IsCritical => isCritical;

        public long Arrived => arrived;

        public long Began { get; set; }

        public bool IsOver { get; set; }

        public LiveServer.Place? Place { get; set; }

        public Task<(LiveServer.Place? Place, Shed Why)>? Turn { get; set; }

        public CancellationTokenSource Left { get; } = new();
    }

    private sealed class SimulatedServer(OverloadedServers all)
    {
        private readonly Queue<Call> _waiting = new();
        private int _busy;

        public double Mean { get; set; }

        /// <summary>Requests that it works on or that wait, callers who left included.</summary>
        public int Present => _busy + _waiting.Count;

        public void Add(Call call)
        {
            if (_busy < all._world.Slots)
                Begin(call);
            else
                _waiting.Enqueue(call);
        }

        private void Begin(Call call)
        {
            _busy++;
            var world = all._world;
            var work = Mean * (world.Sigma == 0 ? 0.8 + (0.4 * all._random.NextDouble()) : Math.Exp((world.Sigma * Normal()) - (world.Sigma * world.Sigma / 2)));
            work *= 1 + (world.WaitingCost * _waiting.Count) + (world.BatchCost * (_busy - 1));
            all.After(work, () =>
            {
                _busy--;
                if (_waiting.TryDequeue(out var next))
                    Begin(next);
                all.Answer(call);
            });
        }

        private double Normal() => Math.Sqrt(-2 * Math.Log(1 - all._random.NextDouble())) * Math.Cos(2 * Math.PI * all._random.NextDouble());
    }
}
