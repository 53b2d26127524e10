using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>
/// The limiter before a simulated server: so many slots and a queue of its own, work of lognormal length, arrivals at random.
/// </summary>
public sealed class LimiterTests
{
    private readonly ManualTime _clock = new();

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(0, 4)]
    [InlineData(1, 4)]
    public void At_five_times_its_capacity_a_server_carries_all_it_can_without_a_long_queue(double sigma, int seed)
    {
        var server = new SimulatedQueue(_clock, seed) { Slots = 8, Mean = 0.05, Sigma = sigma };
        server.Run(seconds: 20, perSecond: 5 * server.Capacity);
        var before = server.Served;
        server.Run(seconds: 60, perSecond: 5 * server.Capacity);
        Assert.InRange((server.Served - before) / (60 * server.Capacity), 0.95, 1.05);
        // Without a limit it would be minutes.
        Assert.InRange(server.MedianWait, 0, 0.5);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1.5, 2)]
    [InlineData(1.5, 3)]
    public void A_server_of_long_and_short_answers_is_not_throttled(double sigma, int seed)
    {
        var server = new SimulatedQueue(_clock, seed) { Slots = 48, Mean = 0.5, Sigma = sigma };
        server.Run(seconds: 600, perSecond: 0.7 * server.Capacity);
        Assert.InRange(server.Refused / server.Served, 0, 0.005);
    }

    [Fact]
    public void What_becomes_slower_by_itself_gets_its_limit_back()
    {
        var server = new SimulatedQueue(_clock, seed: 1) { Slots = int.MaxValue, Mean = 0.05, Sigma = 0.5 };
        server.Run(seconds: 30, perSecond: 400);
        server.Mean = 0.5;
        server.Run(seconds: 15, perSecond: 400);
        var before = server.Refused;
        server.Run(seconds: 60, perSecond: 400);
        Assert.InRange(server.Refused - before, 0, 0.01 * 60 * 400);
    }

    [Fact]
    public void A_large_server_has_its_limit_within_seconds()
    {
        var server = new SimulatedQueue(_clock, seed: 1) { Slots = 1000, Mean = 0.5, Sigma = 0.5 };
        server.Run(seconds: 5, perSecond: 1000);
        var before = server.Refused;
        server.Run(seconds: 60, perSecond: 1000);
        Assert.Equal(before, server.Refused);
    }

    [Fact]
    public void A_server_that_refuses_is_asked_for_little_more_than_it_takes()
    {
        var server = new SimulatedQueue(_clock, seed: 1) { Slots = 8, Mean = 0.05, Sigma = 0.5, RefusesBeyond = 8 };
        server.Run(seconds: 10, perSecond: 5 * server.Capacity);
        var (served, refused) = (server.Served, server.RefusedByServer);
        server.Run(seconds: 60, perSecond: 5 * server.Capacity);
        Assert.InRange((server.Served - served) / (60 * server.Capacity), 0.95, 1.05);
        Assert.InRange((server.RefusedByServer - refused) / (server.Served - served), 0, 0.03);
    }

    [Fact]
    public void Few_answers_change_nothing()
    {
        var limiter = new Limiter(_clock);
        for (var i = 0; i < 9; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            limiter.End(limiter.Begin(waiting: 64), TimeSpan.FromSeconds(10 * i));
        }
        Assert.Equal(Limiter.Start, limiter.Limit);
    }

    [Fact]
    public void Attempts_that_never_tell_anything_hold_nothing_up()
    {
        var limiter = new Limiter(_clock);
        for (var i = 0; i < 1000; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(10));
            limiter.End(limiter.Begin(waiting: 1), took: null);
        }
        Assert.Equal(TimeSpan.Zero, limiter.Baseline);
        for (var i = 0; i < 100; i++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(10));
            limiter.End(limiter.Begin(waiting: 1), TimeSpan.FromMilliseconds(20));
        }
        Assert.Equal(TimeSpan.FromMilliseconds(20), limiter.Baseline);
    }

    [Fact]
    public void Never_below_the_floor_and_by_weight()
    {
        var limiter = new Limiter(_clock);
        limiter.SetWeight(2);
        Assert.Equal(2 * Limiter.Start, limiter.Limit);
        limiter.NoteRefused(waiting: 1);
        Assert.Equal(2 * Limiter.Floor, limiter.Limit);
        limiter.SetWeight(1);
        Assert.Equal(Limiter.Floor, limiter.Limit);
    }

    /// <summary>Events in the order of their time; the clock goes with them.</summary>
    private sealed class SimulatedQueue(ManualTime clock, int seed)
    {
        private readonly Limiter _limiter = new(clock);
        private readonly Random _random = new(seed);
        private readonly PriorityQueue<Action, long> _events = new();
        private readonly Queue<(long Arrived, int Cohort)> _queue = new();
        private readonly List<double> _waits = [];
        private int _busy;
        private int _waiting;

        public int Slots { get; init; }

        public double Mean { get; set; }

        public double Sigma { get; init; }

        public int RefusesBeyond { get; init; } = int.MaxValue;

        /// <summary>Answers a second.</summary>
        public double Capacity => Slots / Mean;

        public double Served { get; private set; }

        /// <summary>Not let in by the limiter.</summary>
        public long Refused { get; private set; }

        public double RefusedByServer { get; private set; }

        /// <summary>In seconds, of the last run.</summary>
        public double MedianWait
        {
            get
            {
                _waits.Sort();
                return _waits[_waits.Count / 2];
            }
        }

        public void Run(double seconds, double perSecond)
        {
            _waits.Clear();
            var end = clock.GetTimestamp() + Ticks(seconds);
            After(0, () => Arrive(perSecond, end));
            while (_events.TryPeek(out var happens, out var at) && at < end)
            {
                _events.Dequeue();
                clock.Advance(TimeSpan.FromTicks(at - clock.GetTimestamp()));
                happens();
            }
            clock.Advance(TimeSpan.FromTicks(end - clock.GetTimestamp()));
        }

        private void Arrive(double perSecond, long end)
        {
            var next = -Math.Log(1 - _random.NextDouble()) / perSecond;
            if (clock.GetTimestamp() + Ticks(next) < end)
                After(next, () => Arrive(perSecond, end));
            if (_waiting >= _limiter.Limit)
            {
                Refused++;
                return;
            }
            _waiting++;
            var cohort = _limiter.Begin(_waiting);
            if (_waiting > RefusesBeyond)
            {
                RefusedByServer++;
                _limiter.NoteRefused(_waiting--);
                _limiter.End(cohort, took: null);
            }
            else if (_busy < Slots)
                Begin(clock.GetTimestamp(), cohort);
            else
                _queue.Enqueue((clock.GetTimestamp(), cohort));
        }

        private void Begin(long arrived, int cohort)
        {
            _busy++;
            After(Mean * Math.Exp((Sigma * Normal()) - (Sigma * Sigma / 2)), () =>
            {
                _busy--;
                _waiting--;
                Served++;
                var took = TimeSpan.FromTicks(clock.GetTimestamp() - arrived);
                _waits.Add(took.TotalSeconds);
                _limiter.End(cohort, took);
                if (_queue.TryDequeue(out var next))
                    Begin(next.Arrived, next.Cohort);
            });
        }

        private void After(double seconds, Action happens) => _events.Enqueue(happens, clock.GetTimestamp() + Ticks(seconds));

        private static long Ticks(double seconds) => (long)(seconds * TimeSpan.TicksPerSecond);

        private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
    }
}
