using Mainstay.Routing.Sockets;

namespace Mainstay.Routing.Queue;

/// <summary>
/// Sends what waits in the queues when servers are well again: in the order of arrival, slowly enough that the servers do
/// not go down again under it. "Sent twice?" holds: what may have reached a server goes out again only if that does no harm.
/// </summary>
internal sealed class QueueReplay(LiveRoutes routes, RequestQueues queues, OutcomeFeed feed, Func<Exchange, Task> serve, TimeProvider clock)
{
    /// <summary>Of a declared capacity, how much replays may take.</summary>
    private const double ShareOfCapacity = 0.1;

    /// <summary>Replays a second on a server whose capacity is not declared.</summary>
    private const double UnknownCapacityRate = 10;

    private const int BeatsPerSecond = 10;
    private readonly Dictionary<string, double> _allowance = [];
    private readonly Dictionary<string, int> _underWay = [];
    private readonly HashSet<string> _reported = [];
    private readonly Lock _lock = new();
    private readonly HashSet<Task> _tasks = [];

    /// <summary>Replays until cancelled; what is being sent then is still waited for.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / BeatsPerSecond), clock);
        try
        {
            for (var beat = 0L; await timer.WaitForNextTickAsync(cancel); beat++)
                Beat(isFullSecond: beat % BeatsPerSecond == 0);
        }
        finally
        {
            Task[] last;
            lock (_lock)
                last = [.. _tasks];
            await Task.WhenAll(last);
        }
    }

    /// <summary>One look at every queue: starts what may be started now.</summary>
    internal void Beat(bool isFullSecond)
    {
        foreach (var service in routes.Current.Services)
        {
            if (service.Spec.QueueWhenDown is null && !_reported.Contains(service.Spec.Name))
                continue;
            var trouble = isFullSecond ? queues.Open(service.Spec) : null;
            if (queues.Of(service.Spec) is not { } queue)
            {
                if (isFullSecond)
                    Report(service.Spec.Name, 0, 0, trouble);
                continue;
            }
            if (isFullSecond)
            {
                queue.Expire();
                Report(service.Spec.Name, queue.Waiting, queue.Unknown, trouble);
            }
            Start(service, queue);
        }
    }

    private void Start(LiveService service, RequestQueue queue)
    {
        var well = service.Servers.Where(s => s.IsWell && s.Breaker.MayEnter() && !IsDrained(service, s) && !s.IsFull).ToList();
        var rate = well.Sum(s => s.Spec.Capacity is { } capacity ? capacity * ShareOfCapacity : UnknownCapacityRate);
        var name = service.Spec.Name;
        var allowance = Math.Min(_allowance.GetValueOrDefault(name) + (rate / BeatsPerSecond), Math.Max(1, rate / BeatsPerSecond));
        // One at a time for each server that is well: in the order of arrival as near as may be.
        while (allowance >= 1 && UnderWay(name) < well.Count && queue.TryTake() is var (queued, request))
        {
            allowance--;
            var task = ReplayAsync(name, queue, queued, request);
            lock (_lock)
                if (!task.IsCompleted)
                    _tasks.Add(task);
            _ = task.ContinueWith(
                done =>
                {
                    lock (_lock)
                        _tasks.Remove(done);
                }, TaskScheduler.Default);
        }
        _allowance[name] = allowance;
    }

    private async Task ReplayAsync(string service, RequestQueue queue, QueuedRequest queued, StoredRequest request)
    {
        lock (_lock)
            _underWay[service] = _underWay.GetValueOrDefault(service) + 1;
        try
        {
            if (!queued.MaySendTwice)
                RequestQueue.MarkSending(queued);
        }
        catch (IOException)
        {
            // The disk is full: what cannot be noted is not done.
            queue.Delay(queued);
            Leave(service);
            return;
        }
        var exchange = new QueuedExchange(request);
        var isBug = false;
        try
        {
            await serve(exchange);
        }
        catch (Exception)
        {
            isBug = true;
        }
        // What follows waits for the disk.
        if (Poller.OfThisThread is not null)
            await Task.Yield();
        // After a bug, which the gateway has logged, nobody knows how far it came.
        if (isBug && queued.MaySendTwice)
            queue.PutBack(queued, reached: true);
        else if (isBug)
            queue.GiveUp(queued, "sending it failed by a bug", isUnknown: true);
        else if (exchange.Outcome is null)
            queue.GiveUp(queued, "no service matches it any more", isUnknown: false);
        else
            Settle(queue, queued, exchange, exchange.Outcome);
        Leave(service);
    }

    private static void Settle(RequestQueue queue, QueuedRequest queued, QueuedExchange exchange, Outcome outcome)
    {
        var isLast = !queued.MaySendTwice || queued.Tries + 1 >= RequestQueue.MostTries;
        if (outcome.Attempts.All(a => a.Result.SurelyNotReached()))
            queue.PutBack(queued, reached: false);
        else if (outcome.Result is OutcomeResult.Succeeded or OutcomeResult.CallerError || (isLast && exchange.IsWhole))
            End(queue, queued, exchange);
        else if (queued.MaySendTwice)
            queue.PutBack(queued, reached: true);
        else
            queue.GiveUp(queued, "the connection ended before a whole answer was there", isUnknown: true);
    }

    private static void End(RequestQueue queue, QueuedRequest queued, QueuedExchange exchange)
    {
        if (exchange.IsTooLong)
            queue.GiveUp(queued, $"a server answered {exchange.AnswerStatus}, with a body longer than the {QueuedExchange.LongestAnswer >> 20} MiB that are kept", isUnknown: false);
        else
            queue.End(queued, exchange.AnswerStatus, exchange.ContentType, exchange.Answer());
    }

    private void Report(string service, int waiting, int unknown, string? trouble)
    {
        // Once more when it is empty again, so that nobody goes on worrying.
        var isNews = waiting > 0 || unknown > 0 || trouble is not null;
        if (!isNews && !_reported.Remove(service))
            return;
        if (isNews)
            _reported.Add(service);
        feed.Report(new QueueReport(clock.GetUtcNow(), service, waiting, unknown, trouble));
    }

    private static bool IsDrained(LiveService service, LiveServer server) =>
        service.Overlays.Any(o => o.Share < 1 && o.Covers(service.Spec.Name, server.Spec));

    private int UnderWay(string service)
    {
        lock (_lock)
            return _underWay.GetValueOrDefault(service);
    }

    private void Leave(string service)
    {
        lock (_lock)
            _underWay[service]--;
    }
}
