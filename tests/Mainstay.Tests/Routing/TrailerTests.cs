using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>Fields after the body of a request.</summary>
public sealed class TrailerTests
{
    private const string Chunked =
        "PUT /predict HTTP/1.1\r\nHost: any\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nonetwo\r\n0\r\n"
        + "X-Sum: 6\r\nX-Hop: 1\r\nAuthorization: Bearer x\r\ncontent-type: text/html\r\nX-Forwarded-For: 192.0.2.1\r\nTE: gzip\r\nX-Last: Caf\u00e9\r\n\r\n";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task They_go_on_with_the_body_also_when_it_is_sent_again(bool isRetry)
    {
        var seen = new List<(string Body, IReadOnlyList<string> Trailers)>();
        async Task ServeAsync(Delivery d, bool fails)
        {
            seen.Add((await d.ReadBodyAsync(), d.Trailers));
            await (fails ? d.ResetAsync() : d.AnswerAsync(200, "fine"));
        }

        await using var first = new ScriptedServer(d => ServeAsync(d, isRetry));
        await using var second = new ScriptedServer(d => ServeAsync(d, fails: false));
        await using var house = await GatewayHouse.StartAsync(first.In("r1"), second.In("r2"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync(Chunked);
        Assert.StartsWith("HTTP/1.1 200", await caller.ReadHeadAsync().Patiently(), StringComparison.Ordinal);
        Assert.Equal(isRetry ? 2 : 1, seen.Count);
        foreach (var (body, trailers) in seen)
        {
            Assert.Equal("onetwo", body);
            // Not what belongs to the hop, nor what decides on a request that has begun.
            Assert.Equal(["X-Sum: 6", "X-Last: Caf\u00e9"], trailers);
        }
    }

    [Fact]
    public async Task Those_of_an_answer_go_on_except_what_must_stand_in_the_head()
    {
        await using var server = new ScriptedServer(async d =>
        {
            await d.StartChunksAsync();
            await d.SendAsync("4\r\nfine\r\n0\r\nX-Sum: 4\r\nSet-Cookie: a=b\r\nConnection: close\r\nLocation: /x\r\n\r\n");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        await caller.SendAsync("GET / HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n");
        Assert.EndsWith("\r\n\r\n4\r\nfine\r\n0\r\nX-Sum: 4\r\n\r\n", await caller.ReadToEndAsync().Patiently(), StringComparison.Ordinal);
    }
}
