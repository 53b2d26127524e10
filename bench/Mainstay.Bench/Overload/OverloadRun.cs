using Mainstay.Bench.Load;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Overload;

/// <summary>Normal load, five times what the servers carry, normal load again; through one gateway, on servers of its own.</summary>
internal sealed class OverloadRun(OverloadShape shape, TimeProvider clock)
{
    private const int Servers = 4;
    private const int Slots = 8;
    private const double CriticalShare = 0.1;
    private const double NormalShare = 0.6;
    private const double OverloadFactor = 5;
    private const int AnswerLength = 1000;
    private static readonly TimeSpan Work = TimeSpan.FromMilliseconds(80);

    /// <summary>An answer later than that is of no use to the caller, who leaves.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Bucket = TimeSpan.FromSeconds(0.5);

    /// <summary>What the servers carry together when each always has just as many requests as slots: requests a second.</summary>
    public async Task<double> MeasureCapacityAsync(CancellationToken cancel)
    {
        var servers = await StartServersAsync(cancel);
        try
        {
            var done = 0;
            var isOver = false;
            async Task CallAsync(LoadClient client)
            {
                while (!isOver)
                    if (await AskAsync(client, 1, isCritical: false) is null)
                        Interlocked.Increment(ref done);
            }
            using var clients = new Clients(servers.Select(server => new LoadClient(server.Port, Deadline)));
            var calling = Task.WhenAll(clients.Each.SelectMany(client => Enumerable.Range(0, Slots).Select(_ => CallAsync(client))));
            await Task.Delay(TimeSpan.FromSeconds(1), clock, cancel);
            var (before, start) = (Volatile.Read(ref done), clock.GetTimestamp());
            await Task.Delay(shape.Capacity, clock, cancel);
            var rate = (Volatile.Read(ref done) - before) / clock.GetElapsedTime(start).TotalSeconds;
            isOver = true;
            await calling;
            return rate;
        }
        finally
        {
            await EndAsync(servers);
        }
    }

    public async Task<OverloadResult> RunAsync(string peer, double capacity, string folder, CancellationToken cancel)
    {
        var servers = await StartServersAsync(cancel);
        try
        {
            var port = Peer.FreePort();
            await using var gateway = await Peer.StartAsync(
                peer, Path.Combine(folder, peer), port, OverloadConfigs.Of(peer, port, [.. servers.Select(s => s.Port)], Slots), clock, cancel);
            using var client = new LoadClient(port, Deadline);
            var (due, critical) = Schedule(capacity);
            var asked = await OpenLoop.RunAsync(due, number => AskAsync(client, number, critical[number]), clock, cancel);
            var seen = (await Task.WhenAll(servers.Select(server => server.SeenAsync(cancel)))).SelectMany(numbers => numbers).ToList();
            return Judge(asked, critical, seen, capacity);
        }
        finally
        {
            await EndAsync(servers);
        }
    }

    private static Task<string?> AskAsync(LoadClient client, int number, bool isCritical)
    {
        var checksum = Content.Checksum([]);
        var request = Content.Request(number, AnswerLength, [], fields: isCritical ? "X-Priority: critical\r\n" : "");
        return client.AskAsync(request, answer => Content.IsRight(answer.Span, number, checksum, AnswerLength));
    }

    /// <summary>Poisson arrivals, the same for every gateway.</summary>
    private (TimeSpan[] Due, bool[] IsCritical) Schedule(double capacity)
    {
        var random = new Random(7);
        var due = new List<TimeSpan>();
        var end = shape.Before + shape.Overload + shape.After;
        for (var at = TimeSpan.Zero; at < end;)
        {
            var rate = capacity * (at >= shape.Before && at < shape.Before + shape.Overload ? OverloadFactor : NormalShare);
            at += TimeSpan.FromSeconds(-Math.Log(1 - random.NextDouble()) / rate);
            due.Add(at);
        }
        return ([.. due], [.. due.Select(_ => random.NextDouble() < CriticalShare)]);
    }

    private OverloadResult Judge(Asked[] asked, bool[] isCritical, List<int> seen, double capacity)
    {
        var (start, end) = (shape.Before, shape.Before + shape.Overload);
        bool IsGood(Asked a) => a.Trouble is null && a.Latency <= Deadline;
        var good = asked.Count(a => IsGood(a) && a.Due + a.Latency >= start && a.Due + a.Latency < end);
        var critical = asked.Where((a, number) => isCritical[number] && a.Due >= start && a.Due < end).ToList();
        // The first seconds belong to starting: code is compiled, connections are opened.
        var usual = Numbers.Quantile(asked.Where(a => a.Due >= start / 2 && a.Due < start).Select(a => a.Latency.TotalMilliseconds), 0.95);
        var lastBad = asked.Where(a => a.Due >= end).GroupBy(a => (int)((a.Due - end) / Bucket))
            .Where(bucket => !bucket.All(IsGood) || Numbers.Quantile(bucket.Select(a => a.Latency.TotalMilliseconds), 0.95) > (1.5 * usual) + 10)
            .Select(bucket => bucket.Key + 1).DefaultIfEmpty(0).Max();
        return new OverloadResult(
            good / shape.Overload.TotalSeconds / capacity,
            critical.Count(IsGood) / (double)critical.Count,
            seen.Count / (double)Math.Max(1, seen.Distinct().Count()),
            lastBad * Bucket.TotalSeconds,
            usual,
            Numbers.Quantile(asked.Where(a => IsGood(a) && a.Due >= start && a.Due < end).Select(a => a.Latency.TotalMilliseconds), 0.99),
            [.. asked.Where(a => a.Due < start && a.Trouble is not null).CountBy(a => "before: " + a.Trouble),
                .. asked.Where(a => a.Due >= start && a.Due < end && a.Trouble is not null).CountBy(a => a.Trouble!).OrderByDescending(t => t.Value).Take(3),
                .. critical.Where(a => a.Trouble is not null).CountBy(a => "critical: " + a.Trouble).OrderByDescending(t => t.Value).Take(3)]);
    }

    private async Task<List<Backend>> StartServersAsync(CancellationToken cancel)
    {
        var servers = new List<Backend>();
        for (var i = 0; i < Servers; i++)
            servers.Add(await Backend.StartAsync(new BackendOptions(0, Work, Slots, WaitingCost: 0.02, KeepSeen: true, Seed: i + 1), cancel));
        return servers;
    }

    private static async Task EndAsync(List<Backend> servers)
    {
        foreach (var server in servers)
            await server.DisposeAsync();
    }

    private sealed class Clients(IEnumerable<LoadClient> each) : IDisposable
    {
        public List<LoadClient> Each { get; } = [.. each];

        public void Dispose() => Each.ForEach(client => client.Dispose());
    }
}

/// <summary>How long each part of a run is.</summary>
/// <param name="Capacity">Measuring what the servers carry.</param>
internal sealed record OverloadShape(TimeSpan Capacity, TimeSpan Before, TimeSpan Overload, TimeSpan After);

/// <param name="Goodput">Right answers in time during the overload, as a share of what the servers carry.</param>
/// <param name="CriticalSuccess">Share of the critical requests of that time that got theirs.</param>
/// <param name="Attempts">Requests that came to servers, for each different one among them.</param>
/// <param name="RecoverySeconds">From the overload's end until every request succeeds as quickly as before.</param>
/// <param name="UsualP95Ms">Latency before the overload.</param>
/// <param name="P99Ms">Latency of the answers in time during the overload.</param>
internal sealed record OverloadResult(
    double Goodput, double CriticalSuccess, double Attempts, double RecoverySeconds, double UsualP95Ms, double P99Ms,
    IReadOnlyList<KeyValuePair<string, int>> Troubles);
