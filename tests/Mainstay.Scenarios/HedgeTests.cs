using System.Text;

namespace Mainstay.Scenarios;

/// <summary>Hedging with a real process in front of two servers that are slow now and then.</summary>
public sealed class HedgeTests
{
    private const int Requests = 600;
    private const int AtOnce = 6;
    private const double Budget = 0.2;

    /// <summary>Of all answers, whichever server gives them: were it one of the two, the choice by pace alone would avoid it.</summary>
    private const int SlowOneIn = 25;
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Servers_that_are_slow_now_and_then_are_not_noticed_and_little_is_asked_twice()
    {
        var (plain, _) = await P99Async("");
        var (hedged, extra) = await P99Async("    hedge: { after: 100ms, budget: 20% }\n");

        Assert.True(plain >= Slow, $"p99 without hedging: {plain.TotalMilliseconds:0} ms");
        Assert.True(hedged < Slow * 0.7, $"p99 with hedging: {hedged.TotalMilliseconds:0} ms; without {plain.TotalMilliseconds:0} ms");
        Assert.InRange(extra, 1, (int)(Budget * Requests));
    }

    /// <returns>p99, and how many more requests came to the servers than were sent.</returns>
    private static async Task<(TimeSpan P99, int Extra)> P99Async(string hedge)
    {
        using var folder = new ScenarioFolder();
        var number = 0;
        async Task<(int Status, string Body)> AnswerAsync(StubRequest request)
        {
            if (Interlocked.Increment(ref number) % SlowOneIn == 0)
                await Task.Delay(Slow, Patience.Clock);
            return (200, """{"label":"fine"}""");
        }
        await using var one = new StubServer(AnswerAsync);
        await using var other = new StubServer(AnswerAsync);
        await File.WriteAllTextAsync(
            folder.Config, folder.Text([(one.Url, "east"), (other.Url, "east")]).Replace("    retry:", hedge + "    retry:", StringComparison.Ordinal));
        await using var serve = await MainstayProcess.StartAsync(folder.Root, "traffic on ", "serve", "-c", folder.Config);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var times = (await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => AskAsync(http, new Uri(folder.Traffic, "/moderation/predict"))))).SelectMany(t => t).Order().ToList();
        return (times[(int)Math.Ceiling(0.99 * times.Count) - 1], one.Requests.Count + other.Requests.Count - times.Count);
    }

    private static async Task<List<TimeSpan>> AskAsync(HttpClient http, Uri target)
    {
        var times = new List<TimeSpan>();
        for (var i = 0; i < Requests / AtOnce; i++)
        {
            var start = Patience.Clock.GetTimestamp();
            using var body = new StringContent("{}", Encoding.UTF8, "application/json");
            using var answer = await http.PostAsync(target, body);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            times.Add(Patience.Clock.GetElapsedTime(start));
        }
        return times;
    }
}
