using System.Net.Sockets;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Every way in which servers end their answers, honest and not, for callers of both versions.</summary>
public sealed class AnswerShapesTests
{
    private const string Length = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
    private const string Chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n";

    /// <summary>Request line, further field of the request; answer of the server, "closed" if it closes after it; what the caller gets
    /// (a field, or -field if it must not be there; and all after the head); whether the caller's and the server's connection are kept.</summary>
    public static TheoryData<string, string, string, string, string, bool, bool> Honest => new()
    {
        { "GET / HTTP/1.1", "", Length, "Content-Length: 4", "fine", true, true },
        { "GET / HTTP/1.1", "", Chunks, "Transfer-Encoding: chunked", "4\r\nfine\r\n0\r\n\r\n", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.1 200 OK\r\n\r\nfine closed", "Transfer-Encoding: chunked", "4\r\nfine\r\n0\r\n\r\n", true, false },
        { "GET / HTTP/1.1", "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "Content-Length: 0", "", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.1 204 No Content\r\n\r\n", "-Content-Length", "", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "-Content-Length", "", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "-Transfer-Encoding", "", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "Content-Length: 0", "", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\nETag: \"1\"\r\n\r\n", "Content-Length: 4", "", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.1 304 Not Modified\r\n\r\n", "-Content-Length", "", true, true },
        { "HEAD / HTTP/1.1", "", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "Content-Length: 4", "", true, true },
        { "HEAD / HTTP/1.1", "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "-Content-Length", "", true, true },
        { "HEAD / HTTP/1.1", "", "HTTP/1.1 200 OK\r\n\r\n", "-Content-Length", "", true, true },
        { "GET / HTTP/1.1", "Connection: close", Length, "Connection: close", "fine", false, true },
        { "GET / HTTP/1.1", "", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine", "-Connection", "fine", true, false },
        { "GET / HTTP/1.1", "", "HTTP/1.1 200 OK\r\nConnection: X-Hop, Keep-Alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 4\r\n\r\nfine", "-X-Hop", "fine", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine", "Content-Length: 4", "fine", true, false },
        { "GET / HTTP/1.1", "", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nfine", "-Connection", "fine", true, true },
        { "GET / HTTP/1.1", "", "HTTP/1.0 200 OK\r\n\r\nfine closed", "Transfer-Encoding: chunked", "4\r\nfine\r\n0\r\n\r\n", true, false },
        { "GET / HTTP/1.0", "", Length, "Connection: close", "fine", false, true },
        { "GET / HTTP/1.0", "Connection: keep-alive", Length, "Connection: keep-alive", "fine", true, true },
        { "GET / HTTP/1.0", "Connection: keep-alive", Chunks, "-Transfer-Encoding", "fine", false, true },
        { "GET / HTTP/1.0", "", "HTTP/1.0 200 OK\r\n\r\nfine closed", "-Transfer-Encoding", "fine", false, false },
        { "HEAD / HTTP/1.0", "Connection: keep-alive", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "Content-Length: 4", "", true, true },
    };

    /// <summary>Answers that two readers could understand differently, or that are none.</summary>
    public static TheoryData<string> Hostile => [
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfine!",
        "HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nContent-Length: 4 \u00001\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nfine",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-4\r\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 4\n\nfine",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\n\r\nfine",
        "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nX-A: b\u0000c\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 200 OK\r\nnothing\r\nContent-Length: 4\r\n\r\nfine",
        " HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 2000 OK\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 +20 OK\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nfine",
        "HTTP/1.1 099 Odd\r\nContent-Length: 4\r\n\r\nfine",
        "ICY 200 OK\r\nContent-Length: 4\r\n\r\nfine",
        "<html>fine</html>\r\n\r\n",
    ];

    [Theory]
    [MemberData(nameof(Honest))]
    public async Task An_honest_answer_arrives_framed_for_its_caller(
        string line, string option, string answer, string field, string rest, bool callerKept, bool serverKept)
    {
        var closes = answer.EndsWith(" closed", StringComparison.Ordinal);
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync(closes ? answer[..^7] : answer);
            if (closes)
                await d.CloseAsync();
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var request = $"{line}\r\nHost: a\r\n{option}{(option.Length > 0 ? "\r\n" : "")}\r\n";
        var connections = new List<Socket>();
        Connection? caller = null;
        for (var i = 0; i < 2; i++)
        {
            if (caller is null)
            {
                (var socket, caller) = await house.ConnectAsync();
                connections.Add(socket);
            }
            await caller.SendAsync(request);
            var head = await caller.ReadHeadAsync().Patiently();
            Assert.StartsWith($"HTTP/1.1 {answer.Split(' ')[1]} ", head, StringComparison.Ordinal);
            if (field.StartsWith('-'))
                Assert.DoesNotContain($"\r\n{field[1..]}:", head, StringComparison.OrdinalIgnoreCase);
            else
                Assert.Contains($"\r\n{field}\r\n", head, StringComparison.Ordinal);
            Assert.Equal(rest, callerKept ? await caller.ReadAsync(rest.Length).Patiently() : await caller.ReadToEndAsync().Patiently());
            var outcome = await house.OutcomeAsync();
            Assert.Equal(OutcomeResult.Succeeded, outcome.Result);
            if (!callerKept)
                caller = null;
        }
        Assert.Equal(serverKept ? 1 : 2, server.Connections);
        connections.ForEach(c => c.Dispose());
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task A_hostile_answer_never_arrives_and_its_connection_is_not_used_again(string answer)
    {
        var first = true;
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync(first ? answer : Length);
            first = false;
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        // POST: a request that may be sent again would be, and the answer be lost in that.
        Assert.Equal(502, (await house.AskAsync(HttpMethod.Post, body: "x")).Status);
        Assert.Equal(AttemptResult.Broken, (await house.OutcomeAsync()).Attempts.Single().Result);
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Post, body: "x"));
        Assert.Equal(2, server.Connections);
    }

    [Theory]
    [InlineData("GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfineHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")]
    [InlineData("GET", Length + "\r\n")]
    [InlineData("GET", Chunks + "evil")]
    [InlineData("HEAD", Length)]
    [InlineData("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil")]
    [InlineData("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil")]
    public async Task What_a_server_sends_beyond_its_answer_is_nobodys_answer(string method, string answer)
    {
        var first = true;
        await using var server = new ScriptedServer(async d =>
        {
            await d.SendAsync(first ? answer : Length);
            first = false;
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (status, _) = await house.AskAsync(new HttpMethod(method));
        Assert.True(status < 500);
        Assert.Equal((200, "fine"), await house.AskAsync(HttpMethod.Post, body: "x"));
        Assert.Equal(2, server.Connections);
    }
}
