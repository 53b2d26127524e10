using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Mainstay.Routing;

namespace Mainstay.Bench;

/// <summary>
/// What a decision record costs a request: begin, one choice with all its candidates, one attempt, the end. Each round
/// records 200 requests on one thread, so that the machine's other work falls between most of them; the median of the rounds counts. Wanted: at most 1 µs with 16 servers, no allocation.
/// </summary>
internal static class ExplainBench
{
    private sealed record Result(int Servers, int Choices, double Nanoseconds, double NinetiethRound, double BytesAllocated);

    public static Command Build(TimeProvider clock)
    {
        var quick = new Option<bool>("--quick") { Description = "Fewer rounds." };
        var command = new Command("explain", "Cost of the decision record of a request.") { quick };
        command.SetAction(parsed => Run(parsed.GetValue(quick) ? 3_000 : 20_000, clock));
        return command;
    }

    private static int Run(int rounds, TimeProvider clock)
    {
        Console.WriteLine($"One look at the clock costs {Clock(clock):F0} ns here, and is contained once.");
        Console.WriteLine("servers  choices  ns/request  p90 of rounds  bytes/request");
        var results = new List<Result>();
        foreach (var (servers, choices) in new[] { (1, 1), (2, 1), (4, 1), (16, 1), (16, 2), (100, 1) })
        {
            var result = Measure(servers, choices, rounds, clock);
            results.Add(result);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{result.Servers,7}{result.Choices,9}{result.Nanoseconds,12:F0}{result.NinetiethRound,15:F0}{result.BytesAllocated,15:F2}"));
        }
        Console.WriteLine(JsonSerializer.Serialize(new { benchmark = "explain", results }, JsonSerializerOptions.Web));
        return 0;
    }

    private static Result Measure(int servers, int choices, int rounds, TimeProvider clock)
    {
        const int Requests = 200;
        var routes = new LiveRoutes(clock);
        routes.Swap(new RouteTable(1, [Service(servers)], [new Overlay("1-1", null, "region-1", null, 0.5)]));
        var service = routes.Current.Services[0];
        // As the gateway has them: made before, and none twice within a round of the ring.
        var ids = Enumerable.Range(1, DecisionRing.Capacity).Select(i => string.Create(CultureInfo.InvariantCulture, $"6740aa11-{i:x}")).ToArray();
        var times = new double[rounds];
        var ring = new DecisionRing(clock);
        var next = 0;
        long allocated = 0;
        for (var round = -3000; round < rounds; round++)
        {
            if (next + Requests > ids.Length)
                (ring, next) = (new DecisionRing(clock), 0);
            // Its pages are made here, not while the time runs.
            for (var i = 0; i < Requests; i += Requests - 1)
                ring.Begin(ids[next + i], null, 1, 0);
            var bytes = GC.GetAllocatedBytesForCurrentThread();
            var start = clock.GetTimestamp();
            for (var i = 0; i < Requests; i++)
                Record(ring, ids[next + i], service, choices);
            if (round >= 0)
            {
                times[round] = clock.GetElapsedTime(start).TotalNanoseconds / Requests;
                allocated += GC.GetAllocatedBytesForCurrentThread() - bytes;
            }
            next += Requests;
        }
        Array.Sort(times);
        return new Result(servers, choices, times[rounds / 2], times[rounds * 9 / 10], (double)allocated / rounds / Requests);
    }

    private static void Record(DecisionRing ring, string id, LiveService service, int choices)
    {
        var record = ring.Begin(id, service, 1, 0.25);
        for (var i = 0; i < choices; i++)
        {
            record.Chose([], 0.25, service.Servers[0]);
            record.Tried(service.Servers[0], AttemptResult.Answered, 200, record.Arrived, TimeSpan.FromMilliseconds(3));
        }
        record.Ended(OutcomeResult.Succeeded, 200, TimeSpan.FromMilliseconds(3), TimeSpan.FromMilliseconds(4));
    }

    private static double Clock(TimeProvider clock)
    {
        var times = new double[2_000];
        for (var round = 0; round < times.Length; round++)
        {
            var start = clock.GetTimestamp();
            for (var i = 0; i < 100; i++)
                clock.GetTimestamp();
            times[round] = clock.GetElapsedTime(start).TotalNanoseconds / 100;
        }
        Array.Sort(times);
        return times[times.Length / 2];
    }

    private static Service Service(int servers) => new()
    {
        Name = "moderation",
        Servers = [.. Enumerable.Range(0, servers).Select(i => new Server { Url = new Uri($"http://10.0.{i % 4}.{i}:9000"), Region = $"region-{i % 4}" })],
        Regions = ["region-0", "region-1", "region-2", "region-3"],
    };
}
