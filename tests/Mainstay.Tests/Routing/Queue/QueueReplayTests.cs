using System.Globalization;
using FsCheck.Fluent;
using Mainstay.Routing;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Queue;

namespace Mainstay.Tests.Routing.Queue;

/// <summary>The real queue on a real disk and the real replay, with servers that a case scripts and a clock that it moves.</summary>
public sealed class QueueReplayTests
{
    /// <summary>Whatever servers do and whenever the process dies: what was taken in is never lost, and what must not be sent twice
    /// reaches servers once at most.</summary>
    [Fact]
    public void Nothing_is_lost_and_nothing_is_sent_twice_that_must_not_be() => Property.Holds(
        from steps in Gen.Choose(0, 99).ListOf(40)
        select steps.ToArray(),
        steps =>
        {
            using var world = new QueueWorld();
            foreach (var step in steps)
            {
                if (step < 35)
                    world.Add(maySendTwice: step % 2 == 0);
                else if (step < 90)
                    world.Beat((Fate)(step % 5));
                else
                    world.Crash();
                world.Check();
            }
            world.Crash();
            for (var i = 0; i < 3000 && world.Queue.Waiting > 0; i++)
                world.Beat(Fate.Answered);
            world.Check();
            return world.Queue.Waiting == 0 && world.AllEnded();
        },
        cases: 400);

    [Fact]
    public void Requests_go_out_in_their_order_and_no_faster_than_a_tenth_of_the_capacity()
    {
        using var world = new QueueWorld(capacity: 50);
        for (var i = 0; i < 30; i++)
            world.Add(maySendTwice: true);
        for (var beat = 0; beat < 20; beat++)
            world.Beat(Fate.Answered);
        Assert.InRange(world.Delivered.Count, 9, 11);
        Assert.Equal(world.Delivered.Order(), world.Delivered);
    }

    [Theory]
    [InlineData("unwell")]
    [InlineData("broken")]
    [InlineData("drained")]
    public void While_no_server_is_well_nothing_is_sent(string trouble)
    {
        using var world = new QueueWorld();
        world.Add(maySendTwice: true);
        var server = world.Service.Servers[0];
        if (trouble == "unwell")
            server.Sicken();
        else if (trouble == "broken")
            server.Break();
        else
            world.Drain();
        for (var beat = 0; beat < 5; beat++)
            world.Beat(Fate.Answered);
        Assert.Empty(world.Delivered);
        Assert.Equal(1, world.Queue.Waiting);
    }

    [Fact]
    public void Whoever_watches_hears_of_a_queue_until_it_is_empty()
    {
        using var world = new QueueWorld();
        world.Add(maySendTwice: false);
        world.Add(maySendTwice: true);
        for (var second = 0; second < 3; second++)
            world.Second(Fate.Broken);
        Assert.Contains(world.Reports, r => r.Unknown == 1);
        for (var second = 0; second < 10; second++)
            world.Second(Fate.Answered);
        Assert.Equal((0, 1), (world.Reports[^1].Waiting, world.Reports[^1].Unknown));
        world.Clock.Advance(TimeSpan.FromHours(25));
        world.Second(Fate.Answered);
        world.Second(Fate.Answered);
        Assert.Equal((0, 0), (world.Reports[^1].Waiting, world.Reports[^1].Unknown));
        var told = world.Reports.Count;
        world.Second(Fate.Answered);
        Assert.Equal(told, world.Reports.Count);
    }

    private enum Fate
    {
        Answered,
        NotReached,
        Broken,
        Error,
        Hangs,
    }

    /// <summary>A queue, its replay and the servers behind.</summary>
    private sealed class QueueWorld : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-replay-").FullName;
        private readonly LiveRoutes _routes;
        private readonly OutcomeFeed _feed = new();
        private readonly Dictionary<string, (string Key, bool MaySendTwice)> _added = [];
        private readonly HashSet<string> _answered = [];
        private RequestQueues _queues;
        private QueueReplay _replay;
        private Fate _fate;
        private int _next;

        public QueueWorld(double? capacity = null)
        {
            _routes = new LiveRoutes(Clock);
            _routes.Swap(new RouteTable(1, [Tables.Service(Tables.Server("a1", "a", capacity: capacity)) with { QueueWhenDown = new() { Folder = _folder } }], []));
            (_queues, _replay) = Open();
        }

        public ManualTime Clock { get; } = new();

        public LiveService Service => _routes.Current.Services[0];

        public RequestQueue Queue => _queues.Of(Service.Spec)!;

        /// <summary>Numbers of the requests that reached a server, each time.</summary>
        public List<int> Delivered { get; } = [];

        public List<QueueReport> Reports { get; } = [];

        public void Add(bool maySendTwice)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"f-{++_next:x}");
            var queued = Queue.TryAdd(new StoredRequest(
                id, _next.ToString("D32", CultureInfo.InvariantCulture), Clock.GetUtcNow(), "POST", "/", "h", "http", "", "", [], maySendTwice));
            _added[id] = (queued!.Key, maySendTwice);
        }

        public void Beat(Fate fate)
        {
            _fate = fate;
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            _replay.Beat(isFullSecond: false);
        }

        public void Second(Fate fate)
        {
            _fate = fate;
            Clock.Advance(TimeSpan.FromSeconds(1));
            _replay.Beat(isFullSecond: true);
            while (_feed.Reader.TryRead(out var observation))
                Reports.Add((QueueReport)observation);
        }

        public void Drain() => _routes.Swap(_routes.Current.Table with { Overlays = [new Overlay("1", null, "a", null, 0)] });

        /// <summary>The process ends where it stands; what hangs never comes back.</summary>
        public void Crash()
        {
            _queues.Dispose();
            (_queues, _replay) = Open();
        }

        public void Check()
        {
            foreach (var (id, (key, maySendTwice)) in _added)
            {
                var times = Delivered.Count(n => n == Number(id));
                Assert.True(maySendTwice || times <= 1, $"{id} reached servers {times} times");
                var found = Queue.Find(key);
                Assert.NotNull(found);
                if (_answered.Contains(id))
                    Assert.Equal((200, id), (found.Value.Answer!.Status, System.Text.Encoding.UTF8.GetString(found.Value.Answer.Body.Span)));
            }
        }

        public bool AllEnded() => _added.Values.All(a => Queue.Find(a.Key)!.Value.Answer is { } answer
            && (answer.IsUnknown ? !a.MaySendTwice : answer.Status is 200 or 503));

        public void Dispose()
        {
            _queues.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        private static int Number(string id) => int.Parse(id.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

        private (RequestQueues, QueueReplay) Open()
        {
            var queues = new RequestQueues(Clock);
            Assert.Null(queues.Open(Service.Spec));
            return (queues, new QueueReplay(_routes, queues, _feed, ServeAsync, Clock));
        }

        private async Task ServeAsync(Exchange exchange)
        {
            var fate = _fate;
            if (fate != Fate.NotReached)
                Delivered.Add(Number(exchange.Id));
            if (fate == Fate.Hangs)
                await new TaskCompletionSource().Task;
            var status = fate == Fate.Answered ? 200 : 503;
            if (fate is Fate.Answered or Fate.Error)
            {
                exchange.TakeHead(status, new HeaderFields());
                await exchange.StartAnswerAsync(default);
                await exchange.AnswerBody.WriteAsync(System.Text.Encoding.UTF8.GetBytes(exchange.Id));
            }
            var result = fate switch
            {
                Fate.Answered => AttemptResult.Answered,
                Fate.Error => AttemptResult.ServerError,
                Fate.NotReached => AttemptResult.NotReached,
                _ => AttemptResult.Broken,
            };
            if (fate == Fate.Answered)
                _answered.Add(exchange.Id);
            exchange.NoteEnd(new Outcome(
                Clock.GetUtcNow(), exchange.Id, 1, "moderation", null, fate == Fate.Answered ? OutcomeResult.Succeeded : OutcomeResult.Queued,
                status, default, default, [new Attempt("a1", "a", result, status, default)]));
        }
    }
}
