using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mainstay.Bench.Detect;

/// <summary>
/// Storms of alerts, with a real receiver on the loopback: the death of a region that thousands of alerts tell of, sixty flaps an hour
/// (the control loop in virtual time), and thousands of troubles of their own while the program is killed again and again and
/// the receiver is down for a while. Counted at the receiver, by the id of each delivery.
/// </summary>
internal static class StormBench
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    /// <param name="alerts">Of each of the two storms.</param>
    /// <param name="kills">SIGKILLs in the second one.</param>
    /// <param name="seed">Of the times of the kills.</param>
    public static async Task<int> RunAsync(int alerts, int kills, int seed, TimeProvider clock, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-bench-").FullName;
        try
        {
            var death = await DeathAsync(Path.Combine(folder, "death"), alerts, clock, cancel);
            var flaps = await FlapHours.RunAsync(Path.Combine(folder, "flaps"), clock, cancel);
            var killed = await KillsAsync(Path.Combine(folder, "kills"), alerts, kills, seed, clock, cancel);
            Console.WriteLine("storm                                    alerts  kills  incidents  notifications  lost  duplicates");
            Console.WriteLine(Line("death of a region", alerts, 0, death.Incidents, death.Notifications, death.Lost, death.Duplicates));
            Console.WriteLine(Line("60 flaps in an hour, virtual time", 60, 0, null, flaps, 0, 0));
            Console.WriteLine(Line("troubles of their own, receiver down", alerts, kills, null, killed.Notifications, killed.Lost, killed.Duplicates));
            Console.WriteLine(JsonSerializer.Serialize(
                new
                {
                    benchmark = "detect-storm",
                    alerts,
                    kills,
                    incidents = death.Incidents,
                    notifications = death.Notifications,
                    flap_notifications = flaps,
                    lost = death.Lost + killed.Lost,
                    duplicates = death.Duplicates + killed.Duplicates,
                    duplicate_share = Math.Round((double)killed.Duplicates / Math.Max(1, killed.Notifications), 5),
                },
                JsonSerializerOptions.Web));
            var isGood = death is { Incidents: 1, Notifications: <= 3, Lost: 0 } && flaps <= 2 && killed.Lost == 0 && killed.Duplicates * 1000 <= alerts;
            return isGood ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Every server of a region, in two services, with five alerts each; then all is over.</summary>
    private static async Task<StormResult> DeathAsync(string folder, int alerts, TimeProvider clock, CancellationToken cancel)
    {
        await using var receiver = new StormReceiver();
        await using var house = new StormHouse(folder, receiver.Port, "{ resolve_after: 5s }", "10/m", clock);
        await house.StartAsync(cancel);
        JsonObject Alert(int number, DateTimeOffset until) => new()
        {
            ["name"] = ((string[])["Down", "HighErrorRate", "HighLatency", "HealthCheckFailed", "NoTraffic"])[number % 5],
            ["source"] = "storm",
            ["service"] = number % 10 < 5 ? "moderation" : "ranking",
            ["region"] = "us-east-1",
            ["server"] = $"10.0.{number / 10 % 250}.{number / 2500}:9000",
            ["labels"] = new JsonObject { ["number"] = number.ToString(CultureInfo.InvariantCulture) },
            ["until"] = until,
        };
        var incidents = 0;
        foreach (var until in new[] { clock.GetUtcNow().AddHours(1), clock.GetUtcNow() })
        {
            await Parallel.ForEachAsync(
                Enumerable.Range(0, alerts).Chunk(100), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancel }, async (chunk, token) =>
                {
                    while (!await house.TryRaiseAsync(chunk.Select(n => Alert(n, until)), token))
                        await Task.Delay(Look, clock, token);
                });
            // The wait before a group is told, then a while in which no more may come.
            await Task.Delay(TimeSpan.FromSeconds(10), clock, cancel);
            incidents = Math.Max(incidents, (await house.GetAsync("/api/incidents", cancel)).GetProperty("incidents").GetArrayLength());
        }
        await UntilAsync(() => receiver.Kinds.Contains("resolved"), TimeSpan.FromSeconds(120), clock, cancel);
        return new StormResult(incidents, receiver.Deliveries, receiver.Kinds.Contains("opened") && receiver.Kinds.Contains("resolved") ? 0 : 1, receiver.Duplicates);
    }

    /// <summary>Each alert is a trouble of its own and a message of its own.</summary>
    private static async Task<StormResult> KillsAsync(string folder, int alerts, int kills, int seed, TimeProvider clock, CancellationToken cancel)
    {
        await using var receiver = new StormReceiver();
        await using var house = new StormHouse(folder, receiver.Port, "{ wait: 0s }", "1000/s", clock);
        await house.StartAsync(cancel);
        var until = clock.GetUtcNow().AddHours(2);
        var accepted = 0;
        var sending = Parallel.ForEachAsync(
            Enumerable.Range(0, alerts).Chunk(Math.Clamp(alerts / 500, 1, 20)), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancel }, async (chunk, token) =>
            {
                while (!await house.TryRaiseAsync(chunk.Select(n => new JsonObject { ["name"] = "Trouble", ["source"] = "storm", ["service"] = Service(n), ["until"] = until }), token))
                    await Task.Delay(Look, clock, token);
                Interlocked.Add(ref accepted, chunk.Length);
            });
        var random = new Random(seed);
        for (var kill = 1; kill <= kills; kill++)
        {
            await Task.Delay(TimeSpan.FromSeconds(0.3 + (2.7 * random.NextDouble())), clock, cancel);
            await house.KillAsync();
            if (kill == (kills + 2) / 3)
                await receiver.GoDownAsync();
            if (kill == Math.Max((kills + 2) / 3, kills / 2))
            {
                receiver.IsRefusing = true;
                receiver.ComeBack();
            }
            if (kill == Math.Max((kills + 2) / 3, kills * 2 / 3))
                receiver.IsRefusing = false;
            await house.StartAsync(cancel);
        }
        receiver.IsRefusing = false;
        await sending;
        var fingerprints = Enumerable.Range(0, alerts).Select(Fingerprint).ToList();
        await UntilAsync(() => fingerprints.TrueForAll(receiver.HasHeardOf), TimeSpan.FromMinutes(4), clock, cancel);
        // What would come twice would come now.
        await Task.Delay(TimeSpan.FromSeconds(3), clock, cancel);
        return new StormResult(0, receiver.Deliveries, fingerprints.Count(f => !receiver.HasHeardOf(f)), receiver.Duplicates);
    }

    private static string Service(int number) => string.Create(CultureInfo.InvariantCulture, $"svc-{number:D5}");

    private static string Fingerprint(int number) => new Control.Alerts.RaisedAlert("storm", "Trouble", System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty) { Service = Service(number) }.Fingerprint;

    private static async Task UntilAsync(Func<bool> isSo, TimeSpan within, TimeProvider clock, CancellationToken cancel)
    {
        for (var start = clock.GetTimestamp(); !isSo() && clock.GetElapsedTime(start) < within;)
            await Task.Delay(Look, clock, cancel);
    }

    private static string Line(string what, int alerts, int kills, int? incidents, int notifications, int lost, int duplicates) => string.Create(
        CultureInfo.InvariantCulture, $"{what,-39}{alerts,8}{kills,7}{incidents?.ToString(CultureInfo.InvariantCulture) ?? "–",11}{notifications,15}{lost,6}{duplicates,12}");

    private sealed record StormResult(int Incidents, int Notifications, int Lost, int Duplicates);
}
