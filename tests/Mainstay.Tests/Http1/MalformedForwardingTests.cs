using System.Net.Sockets;
using Mainstay.Tests.Routing;

namespace Mainstay.Tests.Http1;

/// <summary>The shapes of malformed.txt in front of the whole gateway: no server ever receives one of them whole.</summary>
public sealed class MalformedForwardingTests
{
    [Fact]
    public async Task None_reaches_a_server_whole()
    {
        var whole = new List<string>();
        await using var server = new ScriptedServer(async d =>
        {
            await d.ReadBodyAsync();
            lock (whole)
                whole.Add($"{d.Method} {d.Target}");
            await d.AnswerAsync(200, "fine");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        foreach (var one in RequestTexts.MalformedCases)
        {
            var (socket, _) = await house.ConnectAsync();
            using var caller = new RawCaller(socket);
            try
            {
                await caller.SendAsync(one.Bytes);
                caller.EndSending();
            }
            catch (SocketException)
            {
                // It was refused before it was all sent.
            }
            var (answer, _) = await caller.ReadToEndOrResetAsync();
            Assert.DoesNotContain("HTTP/1.1 200", answer, StringComparison.Ordinal);
            Assert.True(whole.Count == 0, $"A server received \"{one.Name}\" as {string.Join(", ", whole)}.");
        }
        // The means of finding it out work.
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Post, "/good", "x"));
        Assert.Equal(["POST /good"], whole);
        Assert.Equal(0, house.Outstanding);
    }
}
