using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mainstay.Routing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Mainstay.Tests.Routing;

/// <summary>Connections that go on in another protocol: a real WebSocket, and raw bytes on both sides.</summary>
public sealed class UpgradeTests
{
    private const string Ask = "GET /chat HTTP/1.1\r\nHost: any\r\nConnection: Upgrade\r\nUpgrade: rawchat\r\nX-Name: a\r\n\r\n";
    private const string Switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rawchat\r\nX-Room: 7\r\nKeep-Alive: 5\r\n\r\n";

    [Fact]
    public async Task A_WebSocket_talks_through_the_gateway()
    {
        await using var server = await EchoAsync();
        await using var house = await GatewayHouse.StartAsync(Tables.Server(new Uri(server.Urls.First()).Authority, "r1"));
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("echo");
        await socket.ConnectAsync(new UriBuilder(house.Url) { Scheme = "ws", Path = "/chat" }.Uri, CancellationToken.None).Patiently();
        Assert.Equal("echo", socket.SubProtocol);
        Assert.Equal(1, house.Outstanding);
        foreach (var size in new[] { 0, 1, 200, 70_000, 1_000_000 })
        {
            var sent = new byte[size];
            new Random(size).NextBytes(sent);
            var sending = socket.SendAsync(sent, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            Assert.Equal(sent, await ReadMessageAsync(socket));
            await sending.Patiently();
        }
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", CancellationToken.None).Patiently();
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
        var outcome = await house.OutcomeAsync();
        Assert.Equal((OutcomeResult.Succeeded, 101), (outcome.Result, outcome.Status));
        Assert.Equal(AttemptResult.Answered, outcome.Attempts.Single().Result);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task Bytes_go_both_ways_and_either_side_may_end()
    {
        await using var server = new ScriptedServer(async d =>
        {
            // The first bytes of the other protocol come with the head.
            await d.SendAsync(Switch + "hello ");
            Assert.Equal("ping", await d.ReadAsync(4));
            await d.SendAsync("pong ");
            // The caller ends its sending, and is answered all the same.
            Assert.Equal("last", await d.ReadToEndAsync());
            await d.SendAsync("bye");
            await d.CloseAsync();
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        // So do those of the caller.
        await caller.SendAsync(Ask + "ping");
        var head = await caller.ReadHeadAsync().Patiently();
        Assert.StartsWith("HTTP/1.1 101 Switching Protocols\r\n", head, StringComparison.Ordinal);
        foreach (var field in new[] { "Connection: Upgrade\r\n", "Upgrade: rawchat\r\n", "X-Room: 7\r\n", "X-Request-Id: t-" })
            Assert.Contains(field, head, StringComparison.Ordinal);
        Assert.DoesNotContain("Keep-Alive", head, StringComparison.Ordinal);
        Assert.Equal("hello pong ", await caller.ReadAsync(11).Patiently());
        await caller.SendAsync("last");
        socket.Shutdown(SocketShutdown.Send);
        Assert.Equal("bye", await caller.ReadToEndAsync().Patiently());
        var delivery = await server.NextAsync();
        Assert.Equal(("rawchat", "Upgrade", "a"), (delivery.Header("Upgrade"), delivery.Header("Connection"), delivery.Header("X-Name")));
        Assert.Equal(OutcomeResult.Succeeded, (await house.OutcomeAsync()).Result);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_caller_that_breaks_off_takes_the_server_along_and_blames_nobody()
    {
        var left = new TaskCompletionSource();
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync(Switch);
            try
            {
                await d.WaitForOtherSideToLeaveAsync();
            }
            finally
            {
                left.SetResult();
            }
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (_, caller) = await house.ConnectAsync();
        await caller.SendAsync(Ask);
        Assert.StartsWith("HTTP/1.1 101", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        caller.Reset();
        await left.Task.Patiently();
        var outcome = await house.OutcomeAsync();
        Assert.Equal(OutcomeResult.CallerLeft, outcome.Result);
        Assert.False(outcome.Attempts.Single().Failed);
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task A_server_that_breaks_off_breaks_the_caller_off_and_has_failed()
    {
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync(Switch);
            Assert.Equal("go", await d.ReadAsync(2));
            await d.ResetAsync();
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Ask);
        Assert.StartsWith("HTTP/1.1 101", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        await caller.SendAsync("go");
        await Assert.ThrowsAsync<SocketException>(() => caller.ReadToEndAsync().Patiently());
        var outcome = await house.OutcomeAsync();
        Assert.Equal((OutcomeResult.Failed, AttemptResult.Truncated), (outcome.Result, outcome.Attempts.Single().Result));
        Assert.Equal(0, house.Outstanding);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_tunnel_that_carries_nothing_is_ended_after_its_deadline(bool callerHasEnded)
    {
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync(Switch);
            await d.WaitForOtherSideToLeaveAsync();
            // It does not react to the end of the caller's sending; only a close can end this.
            if (callerHasEnded)
                await new TaskCompletionSource().Task.WaitAsync(Patience.Generous);
        });
        var service = Tables.Service(server.In("r1")) with
        {
            Timeouts = new Timeouts { Tunnel = TimeSpan.FromHours(2), Idle = TimeSpan.FromSeconds(30), Total = TimeSpan.FromMinutes(1) },
        };
        await using var house = await GatewayHouse.StartAsync(service);
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Ask);
        Assert.StartsWith("HTTP/1.1 101", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        if (callerHasEnded)
            socket.Shutdown(SocketShutdown.Send);
        // Far beyond the total deadline, which ended with 101.
        house.Clock.Advance(TimeSpan.FromHours(1));
        var end = caller.ReadToEndAsync();
        if (!callerHasEnded)
        {
            Assert.False(end.IsCompleted);
            house.Clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        }
        Assert.Equal("", await house.WhileTimePassesAsync(end));
        Assert.Equal((OutcomeResult.Succeeded, 101), (await house.OutcomeAsync() is var o ? (o.Result, o.Status) : default));
        Assert.Equal(0, house.Outstanding);
    }

    [Fact]
    public async Task Stopping_ends_a_tunnel_soon()
    {
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync(Switch);
            await d.WaitForOtherSideToLeaveAsync();
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Ask);
        Assert.StartsWith("HTTP/1.1 101", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        var stop = house.StopAsync();
        Assert.Equal("", await house.WhileTimePassesAsync(caller.ReadToEndAsync()));
        await stop.Patiently();
        Assert.Equal(OutcomeResult.Succeeded, (await house.OutcomeAsync()).Result);
    }

    [Fact]
    public async Task A_server_that_does_not_switch_is_relayed_and_both_connections_are_kept()
    {
        await using var server = ScriptedServer.Answering("no chat here", 426);
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        for (var i = 0; i < 2; i++)
        {
            await caller.SendAsync(Ask);
            Assert.StartsWith("HTTP/1.1 426", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
            Assert.Equal("no chat here", await caller.ReadAsync(12).Patiently());
            Assert.Equal(OutcomeResult.CallerError, (await house.OutcomeAsync()).Result);
        }
        Assert.Equal(2, server.Received);
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task A_server_that_fails_before_it_switches_is_replaced_by_another()
    {
        await using var bad = new ScriptedServer(d => d.ResetAsync());
        await using var good = new ScriptedServer(async d =>
        {
            await d.SendAsync(Switch + "fine");
            await d.CloseAsync();
        });
        await using var house = await GatewayHouse.StartAsync(bad.In("r1"), good.In("r2"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Ask);
        Assert.StartsWith("HTTP/1.1 101", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal("fine", await caller.ReadToEndAsync().Patiently());
        Assert.True((await house.OutcomeAsync()).Rescued);
    }

    [Theory]
    [InlineData("HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n\r\n")]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n\r\n")]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: web socket\r\n\r\n")]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\nUpgrade:\r\n\r\n")]
    [InlineData("HTTP/1.1", "Connection: keep-alive\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData("HTTP/1.1", "Upgrade: websocket\r\n\r\n")]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\n\r\n")]
    [InlineData("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc")]
    [InlineData("HTTP/1.0", "Connection: Upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n")]
    public async Task What_could_hide_requests_is_served_as_if_no_upgrade_was_asked_for(string version, string rest)
    {
        await using var server = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync($"GET /chat {version}\r\nHost: any\r\n{rest}");
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal("fine", await caller.ReadAsync(4).Patiently());
        var delivery = await server.NextAsync();
        Assert.Null(delivery.Header("Upgrade"));
        Assert.Null(delivery.Header("Connection"));
        Assert.Null(delivery.Header("HTTP2-Settings"));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: any\r\n\r\n", Switch)]
    [InlineData(Ask, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n")]
    [InlineData(Ask, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: rawchat\r\n\r\n")]
    [InlineData(Ask, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n")]
    [InlineData(Ask, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rawchat\r\nContent-Length: 5\r\n\r\n")]
    [InlineData(Ask, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: rawchat\r\nTransfer-Encoding: chunked\r\n\r\n")]
    public async Task A_server_that_switches_otherwise_than_asked_is_broken(string request, string answer)
    {
        await using var server = new ScriptedServer(d => d.SendAsync(answer));
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(request);
        Assert.StartsWith("HTTP/1.1 502", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal(AttemptResult.Broken, (await house.OutcomeAsync()).Attempts[0].Result);
        Assert.Equal(0, house.Outstanding);
    }

    private static async Task<byte[]> ReadMessageAsync(ClientWebSocket socket)
    {
        using var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, CancellationToken.None).Patiently();
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
                return message.ToArray();
        }
    }

    /// <summary>A server of WebSockets that says everything back.</summary>
    private static async Task<WebApplication> EchoAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(o => o.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(async http =>
        {
            using var socket = await http.WebSockets.AcceptWebSocketAsync("echo");
            var buffer = new byte[16 * 1024];
            while (true)
            {
                var part = await socket.ReceiveAsync(buffer, CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    break;
                await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, CancellationToken.None);
            }
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", CancellationToken.None);
        });
        await app.StartAsync().Patiently();
        return app;
    }
}
