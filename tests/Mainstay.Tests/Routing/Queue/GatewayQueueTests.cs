using System.Net;
using System.Text.Json;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing.Queue;

/// <summary>A caller, a gateway with a queue, and servers that are down at first. Real sockets, a real folder.</summary>
public sealed class GatewayQueueTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-when-down-").FullName;
    private volatile bool _isDown = true;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_request_that_no_server_can_take_waits_and_its_answer_is_kept()
    {
        await using var server = Server();
        await using var house = await StartAsync(server, safe: true);
        var location = await QueueAsync(house, HttpMethod.Post, "one");
        var queued = await house.OutcomeAsync();
        Assert.Equal((OutcomeResult.Queued, 202), (queued.Result, queued.Status));
        var decision = house.Gateway.Decisions.Find(queued.RequestId, out _)!;
        Assert.Contains(decision.Steps, s => s.Reflex == Reflex.Queued);
        using (var waits = await house.SendAsync(HttpMethod.Get, location))
            Assert.Equal((HttpStatusCode.Accepted, "no-store"), (waits.StatusCode, waits.Headers.CacheControl?.ToString()));

        _isDown = false;
        Assert.Equal((200, "did one"), await ResultAsync(house, location));
        var last = await LastAsync(server);
        Assert.Equal(("POST", "/predict", queued.RequestId, "yes"), (last.Method, last.Target, last.Header("Idempotency-Key"), last.Header("X-Kept")));
        Assert.Equal((404, 404), (await StatusAsync(house, location + "0"), await StatusAsync(house, "/.mainstay/queued/")));
        Assert.Equal(405, (await house.AskAsync(HttpMethod.Delete, location)).Status);
    }

    [Fact]
    public async Task A_post_that_may_have_reached_a_server_is_not_queued()
    {
        await using var server = new ScriptedServer(async delivery =>
        {
            await delivery.ReadBodyAsync();
            await delivery.ResetAsync();
        });
        await using var house = await StartAsync(server, safe: false);
        Assert.Equal(502, (await house.AskAsync(HttpMethod.Post, body: "once")).Status);
        Assert.Equal(OutcomeResult.Failed, (await house.OutcomeAsync()).Result);
    }

    [Fact]
    public async Task A_post_that_surely_reached_no_server_is_queued()
    {
        await using var server = ScriptedServer.Refusing();
        await using var house = await StartAsync(server, safe: false);
        await QueueAsync(house, HttpMethod.Post, "once");
    }

    [Fact]
    public async Task A_full_queue_and_a_body_that_is_too_long_get_503()
    {
        await using var server = Server();
        await using var house = await StartAsync(server, safe: true, most: 1);
        Assert.Equal(503, (await house.AskAsync(HttpMethod.Put, body: new string('x', 5000))).Status);
        await QueueAsync(house, HttpMethod.Put, "first");
        Assert.Equal(503, (await house.AskAsync(HttpMethod.Put, body: "second")).Status);
    }

    private ScriptedServer Server() => new(async delivery =>
    {
        var body = await delivery.ReadBodyAsync();
        if (_isDown)
            await delivery.AnswerAsync(503, "down");
        else
            await delivery.AnswerAsync(200, $"did {body}");
    });

    private async Task<GatewayHouse> StartAsync(ScriptedServer server, bool safe, int most = 100)
    {
        var service = Tables.Service(server.In("r1")) with
        {
            QueueWhenDown = new() { Folder = _folder, Max = most },
            Retry = new RetryPolicy { ReplaySafe = safe, ReplayLimit = 4096 },
        };
        var house = await GatewayHouse.StartAsync(service);
        Assert.Null(house.Gateway.Queues.Open(service));
        return house;
    }

    private static async Task<string> QueueAsync(GatewayHouse house, HttpMethod method, string body)
    {
        using var content = new StringContent(body);
        using var answer = await house.SendAsync(method, content: content, headers: ("X-Kept", "yes"));
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync().Patiently());
        Assert.Equal("waiting", json.RootElement.GetProperty("state").GetString());
        Assert.Equal(answer.Headers.GetValues("X-Request-Id").Single(), json.RootElement.GetProperty("id").GetString());
        Assert.Equal(answer.Headers.Location!.OriginalString, json.RootElement.GetProperty("location").GetString());
        return answer.Headers.Location.OriginalString;
    }

    /// <summary>Lets the queue run and the clock go until the result is there.</summary>
    private static async Task<(int Status, string Body)> ResultAsync(GatewayHouse house, string location)
    {
        using var stop = new CancellationTokenSource();
        var running = house.Gateway.RunQueuesAsync(stop.Token);
        var result = (Status: 202, Body: "");
        for (var i = 0; i < 600 && result.Status == 202; i++)
        {
            house.Clock.Advance(TimeSpan.FromMilliseconds(100));
            result = await house.AskAsync(HttpMethod.Get, location);
        }
        await stop.CancelAsync();
        await running.ContinueWith(_ => { }, TaskScheduler.Default).Patiently();
        return result;
    }

    private static async Task<int> StatusAsync(GatewayHouse house, string location) => (await house.AskAsync(HttpMethod.Get, location)).Status;

    private static async Task<Delivery> LastAsync(ScriptedServer server)
    {
        var last = await server.NextAsync();
        for (var i = server.Received; i > 1; i--)
            last = await server.NextAsync();
        return last;
    }
}
