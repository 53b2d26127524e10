using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>HTTP/2 in, HTTP/1.1 out: what a frame can hold and a line cannot must not become a second request.</summary>
public sealed class Http2ToHttp1Tests
{
    private static readonly (string, string)[] Good = [(":method", "GET"), (":scheme", "http"), (":path", "/predict"), (":authority", "a")];

    /// <summary>A field, and what it is to be; one of the good ones is replaced by it.</summary>
    public static TheoryData<string, string> Shapes => new()
    {
        { "x-name", "a\r\nX-Evil: 1" },
        { "x-name", "a\nX-Evil: 1" },
        { "x-name", "a\rX-Evil: 1" },
        { "x-name", "a\0b" },
        { "x-name", "a\u0007b" },
        { "x-name", "a\u007fb" },
        { "x-evil: 1\r\nx-name", "a" },
        { "x name", "a" },
        { "x-name:", "a" },
        { "X-Name", "a" },
        { "", "a" },
        { "transfer-encoding", "chunked" },
        { "connection", "close" },
        { "upgrade", "websocket" },
        { "content-length", "5" },
        { ":path", "/predict HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET /evil" },
        { ":path", "/a b" },
        { ":path", "/a\r\nX-Evil: 1" },
        { ":path", "/a\0b" },
        { ":path", "/a#b" },
        { ":path", "/\u00e4" },
        { ":path", "a" },
        { ":path", "" },
        { ":method", "GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET" },
        { ":method", "G T" },
        { ":method", "get" },
        { ":method", "" },
        { ":authority", "a\r\nX-Evil: 1" },
        { ":authority", "a/b" },
        { ":authority", "user@a" },
        { ":authority", "a b" },
        { ":authority", "a, b" },
        { ":scheme", "ftp" },
        { ":unknown", "a" },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task It_never_reaches_a_server(string name, string value)
    {
        await using var server = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, _) = await house.ConnectAsync();
        using var caller = new Http2Caller(socket);
        await caller.StartAsync();
        var good = Good.Where(f => f.Item1 != name);
        // Pseudo-header fields stand first.
        await caller.FieldsAsync(isEnd: true, name.StartsWith(':') ? [(name, value), .. good] : [.. good, (name, value)]);
        Assert.Contains(await caller.AnswerAsync(), new[] { "400", "reset", "closed", "501" });
        Assert.Equal(0, server.Received);
    }

    [Fact]
    public async Task Trailers_of_the_request_go_on()
    {
        IReadOnlyList<string>? trailers = null;
        await using var server = new ScriptedServer(async d =>
        {
            Assert.Equal("onetwo", await d.ReadBodyAsync());
            trailers = d.Trailers;
            await d.AnswerAsync(200, "fine");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, _) = await house.ConnectAsync();
        using var caller = new Http2Caller(socket);
        await caller.StartAsync();
        await caller.FieldsAsync(isEnd: false, [(":method", "PUT"), .. Good[1..]]);
        await caller.BodyAsync("onetwo", isEnd: false);
        await caller.FieldsAsync(isEnd: true, ("x-sum", "6"), ("authorization", "Bearer x"));
        Assert.Equal("200", await caller.AnswerAsync());
        Assert.Equal(["x-sum: 6"], trailers);
    }

    [Theory]
    [InlineData("a\r\nX-Evil: 1")]
    [InlineData("a\0")]
    public async Task A_trailer_that_holds_a_line_end_goes_nowhere(string value)
    {
        IReadOnlyList<string> trailers = [];
        await using var server = new ScriptedServer(async d =>
        {
            await d.ReadBodyAsync();
            trailers = d.Trailers;
            await d.AnswerAsync(200, "fine");
        });
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        var (socket, _) = await house.ConnectAsync();
        using var caller = new Http2Caller(socket);
        await caller.StartAsync();
        await caller.FieldsAsync(isEnd: false, [(":method", "PUT"), .. Good[1..]]);
        await caller.BodyAsync("onetwo", isEnd: false);
        await caller.FieldsAsync(isEnd: true, ("x-sum", value));
        await caller.AnswerAsync();
        Assert.Empty(trailers);
    }

    [Fact]
    public async Task A_tunnel_over_a_stream_is_501()
    {
        await using var server = ScriptedServer.Answering("fine");
        await using var house = await GatewayHouse.StartAsync(server.In("r1"));
        foreach (var fields in new (string, string)[][]
        {
            [(":method", "CONNECT"), (":protocol", "websocket"), .. Good[1..], ("sec-websocket-version", "13")],
            [(":method", "CONNECT"), (":authority", "a:80")],
        })
        {
            var (socket, _) = await house.ConnectAsync();
            using var caller = new Http2Caller(socket);
            await caller.StartAsync();
            await caller.FieldsAsync(isEnd: false, fields);
            Assert.Equal("501", await caller.AnswerAsync());
        }
        Assert.Equal(0, server.Received);
    }
}
