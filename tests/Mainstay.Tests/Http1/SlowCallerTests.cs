using System.Net.Sockets;
using Mainstay.Routing;
using Mainstay.Tests.Routing;

namespace Mainstay.Tests.Http1;

/// <summary>Callers that send or read a little now and then: each is cut by a deadline that does not start anew with every byte.</summary>
public sealed class SlowCallerTests
{
    [Fact]
    public async Task A_head_that_drips_is_cut_like_one_that_stops()
    {
        await using var house = await FrontHouse.StartAsync();
        using var caller = await house.ConnectAsync();
        await caller.SendAsync("GET / HTTP/1.1\r\nX-Slow: ");
        while (house.Front.Connections == 0)
            await Task.Yield();
        Assert.StartsWith("HTTP/1.1 408 ", await DripAsync(caller, () => house.Clock.Advance(TimeSpan.FromSeconds(1))), StringComparison.Ordinal);
        Assert.Empty(house.Served);
    }

    [Fact]
    public async Task A_body_that_drips_is_cut_by_the_total_deadline()
    {
        await using var server = ScriptedServer.Answering("fine");
        var service = Tables.Service(server.In("r1")) with { Timeouts = new Timeouts { Total = TimeSpan.FromSeconds(20) } };
        await using var house = await GatewayHouse.StartAsync(service);
        var (socket, _) = await house.ConnectAsync();
        using var caller = new RawCaller(socket);
        await caller.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx");
        // Before that the seconds would be those of the head.
        await server.NextAsync();
        var outcome = house.OutcomeAsync();
        await DripAsync(caller, () => house.Clock.Advance(TimeSpan.FromSeconds(1)), outcome);
        Assert.Equal(AttemptResult.TotalTimeout, (await outcome).Attempts.Single().Result);
        Assert.StartsWith("HTTP/1.1 504 ", await caller.ReadUntilAsync("\r\n\r\n").Patiently(), StringComparison.Ordinal);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task The_rest_of_a_body_that_nobody_wants_drips_for_ten_seconds_at_most()
    {
        var answered = new TaskCompletionSource();
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            e.AnswerHeaders.ContentLength = 0;
            await e.StartAnswerAsync(CancellationToken.None);
            answered.SetResult();
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx");
        await answered.Task.Patiently();
        var seconds = 0;
        Assert.StartsWith("HTTP/1.1 200 ", await DripAsync(caller, () => house.Clock.Advance(TimeSpan.FromSeconds(seconds++ < 1_000 ? 1 : 0))), StringComparison.Ordinal);
        Assert.True(seconds < 1_000, "only the count of bytes ended it");
    }

    [Fact]
    public async Task An_answer_that_nobody_reads_is_cut()
    {
        var (begun, ended) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            begun.SetResult();
            var part = new byte[64 * 1024];
            while (!(await e.AnswerBody.WriteAsync(part)).IsCompleted)
                continue;
            ended.SetResult();
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        // Before that the seconds would be those of the head.
        await begun.Task.Patiently();
        var start = TimeProvider.System.GetTimestamp();
        while (!ended.Task.IsCompleted && TimeProvider.System.GetElapsedTime(start) < Patience.Generous)
        {
            house.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        await ended.Task.Patiently();
    }

    /// <summary>Sends a byte a second until the other side has closed; gives what it said.</summary>
    private static async Task<string> DripAsync(RawCaller caller, Action second)
    {
        var reading = caller.ReadToEndOrResetAsync();
        await DripAsync(caller, second, reading);
        return (await reading.Patiently()).Text;
    }

    /// <summary>Sends a byte a second until something has happened.</summary>
    private static async Task DripAsync(RawCaller caller, Action second, Task happens)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!happens.IsCompleted && TimeProvider.System.GetElapsedTime(start) < Patience.Generous)
        {
            try
            {
                await caller.SendAsync("x");
            }
            catch (SocketException)
            {
                // Closed already.
            }
            second();
            await Task.WhenAny(happens, Task.Run(Thread.Yield));
        }
        await happens.Patiently();
    }
}
