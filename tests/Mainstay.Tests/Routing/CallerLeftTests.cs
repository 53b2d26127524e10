using System.Net;
using System.Net.Sockets;
using Mainstay.Routing;
using Xunit.Abstractions;

namespace Mainstay.Tests.Routing;

/// <summary>
/// A caller that leaves ends the work for it, whatever the gateway is waiting for. The gateway's clock stands still, so that nothing
/// here waits for a deadline; only where unread bytes hide the caller's end does it go on, in the 20 ms between two looks at it.
/// </summary>
public sealed class CallerLeftTests(ITestOutputHelper output)
{
    private const string Get = "GET /predict HTTP/1.1\r\nHost: any\r\n\r\n";

    [Theory]
    [InlineData("first byte", Get)]
    [InlineData("rest of the answer", Get)]
    [InlineData("request", "POST /predict HTTP/1.1\r\nHost: any\r\nContent-Length: 6\r\n\r\none")]
    [InlineData("100", "POST /predict HTTP/1.1\r\nHost: any\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")]
    public async Task While_the_gateway_waits_for_the(string what, string request)
    {
        var left = new TaskCompletionSource();
        await using var server = new ScriptedServer(async d =>
        {
            if (what == "rest of the answer")
                await d.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ");
            try
            {
                await d.ReadToEndAsync();
            }
            finally
            {
                left.SetResult();
            }
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (_, caller) = await house.ConnectAsync();
        await caller.SendAsync(request);
        await server.NextAsync();
        if (what == "rest of the answer")
            await caller.ReadHeadAsync().Patiently();
        var start = TimeProvider.System.GetTimestamp();
        caller.Reset();
        await left.Task.Patiently();
        await AssertLeftAsync(house, start);
    }

    [Fact]
    public async Task While_it_connects()
    {
        // A listener whose queue is full lets whoever comes wait.
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        var address = (IPEndPoint)full.LocalEndPoint!;
        var fillers = Enumerable.Range(0, 3).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)).ToList();
        var connects = fillers.Select(f => f.ConnectAsync(address)).ToList();
        await connects[0].Patiently();
        await using var house = await GatewayHouse.StartAsync(Tables.Server(address.ToString(), "r1"));
        var (_, caller) = await house.ConnectAsync();
        await caller.SendAsync(Get);
        await UntilAsync(() => house.Outstanding == 1);
        var start = TimeProvider.System.GetTimestamp();
        caller.Reset();
        await AssertLeftAsync(house, start);
        foreach (var filler in fillers)
            filler.Dispose();
        await Assert.ThrowsAnyAsync<SocketException>(() => Task.WhenAll(connects).Patiently());
    }

    [Fact]
    public async Task While_it_shakes_hands()
    {
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen();
        var server = Tables.Server("127.0.0.1", "r1") with { Url = new Uri($"https://{silent.LocalEndPoint}") };
        await using var house = await GatewayHouse.StartAsync(server);
        var (_, caller) = await house.ConnectAsync();
        await caller.SendAsync(Get);
        using var accepted = await silent.AcceptAsync().Patiently();
        var buffer = new byte[4096];
        Assert.NotEqual(0, await accepted.ReceiveAsync(buffer).Patiently());
        var start = TimeProvider.System.GetTimestamp();
        caller.Reset();
        await AssertLeftAsync(house, start);
        Assert.Equal(0, await EndAsync(accepted, buffer));
    }

    /// <summary>What the caller sent fills every buffer on the way, so that its end stands behind bytes that nobody reads.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task While_the_server_takes_nothing(bool inTunnel)
    {
        using var stuck = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        stuck.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        stuck.Listen();
        await using var house = await GatewayHouse.StartAsync(Tables.Server(stuck.LocalEndPoint!.ToString()!, "r1"));
        var (socket, caller) = await house.ConnectAsync();
        socket.SendBufferSize = 4096;
        await caller.SendAsync(inTunnel
            ? "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
            : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nx");
        using var accepted = await stuck.AcceptAsync().Patiently();
        var buffer = new byte[64 * 1024];
        await accepted.ReceiveAsync(buffer).Patiently();
        if (inTunnel)
        {
            await accepted.SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"u8.ToArray());
            await caller.ReadHeadAsync().Patiently();
        }
        var flood = FloodAsync(socket);
        // Nothing more can be sent: the gateway has stopped reading.
        await UntilAsync(() => !socket.Poll(300_000, SelectMode.SelectWrite));
        Assert.Equal(1, house.Outstanding);
        var start = TimeProvider.System.GetTimestamp();
        caller.Reset();
        await AssertLeftAsync(house, start, needsTime: true);
        await flood;
        await EndAsync(accepted, buffer);
    }

    [Fact]
    public async Task Over_HTTP_2_too()
    {
        var left = new TaskCompletionSource();
        await using var server = new ScriptedServer(async d =>
        {
            try
            {
                await d.ReadToEndAsync();
            }
            finally
            {
                left.SetResult();
            }
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        using var leave = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(house.Url, "/predict"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        var asking = house.Caller.SendAsync(request, leave.Token);
        await server.NextAsync();
        var start = TimeProvider.System.GetTimestamp();
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking.Patiently());
        await left.Task.Patiently();
        await AssertLeftAsync(house, start);
    }

    private async Task AssertLeftAsync(GatewayHouse house, long start, bool needsTime = false)
    {
        var ends = house.OutcomeAsync();
        var outcome = await (needsTime ? house.WhileTimePassesAsync(ends) : ends);
        output.WriteLine($"{TimeProvider.System.GetElapsedTime(start).TotalMilliseconds:0.0} ms until the outcome stood.");
        Assert.Equal(OutcomeResult.CallerLeft, outcome.Result);
        Assert.False(outcome.Attempts.Single().Failed);
        Assert.Equal(0, house.Outstanding);
    }

    private static async Task FloodAsync(Socket socket)
    {
        var bytes = new byte[64 * 1024];
        try
        {
            while (true)
                await socket.SendAsync(bytes);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Reset, as is meant.
        }
    }

    /// <summary>Reads on until the other side closes or resets: 0.</summary>
    private static async Task<int> EndAsync(Socket socket, byte[] buffer)
    {
        try
        {
            while (await socket.ReceiveAsync(buffer).Patiently() > 0)
                continue;
        }
        catch (SocketException)
        {
            // As clear an end.
        }
        return 0;
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!await Task.Run(holds))
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Patience.Generous, "It never came so far.");
    }
}
