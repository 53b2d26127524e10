using System.Net;
using Mainstay.Routing.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Mainstay.Tests.Routing;

public sealed class ForwardedHeadersTests
{
    [Theory]
    [InlineData("Connection")]
    [InlineData("keep-alive")]
    [InlineData("Proxy-Connection")]
    [InlineData("Proxy-Authenticate")]
    [InlineData("Proxy-Authorization")]
    [InlineData("TE")]
    [InlineData("Trailer")]
    [InlineData("Transfer-Encoding")]
    [InlineData("UPGRADE")]
    [InlineData("HTTP2-Settings")]
    [InlineData(":authority")]
    public void Fields_of_one_connection_stay_on_it(string name) => Assert.Empty(Sent(connection: "", name));

    [Fact]
    public void What_Connection_names_stays_too() =>
        Assert.Equal(["Accept", "X-Session-Id"], Sent(" x-hop ,close,X-SESSION", "Accept", "X-Hop", "X-Session", "X-Session-Id"));

    [Fact]
    public void What_any_Connection_line_names_stays() =>
        Assert.Equal(["Accept"], Sent(new StringValues(["X-One", "X-Two"]), "X-One", "Accept", "X-Two"));

    [Fact]
    public void The_server_is_told_of_the_caller()
    {
        var http = new DefaultHttpContext();
        http.Request.Headers["X-Forwarded-For"] = "198.51.100.7";
        http.Request.Host = new HostString("chat.example:8400");
        http.Request.Scheme = "https";
        http.Connection.RemoteIpAddress = IPAddress.Parse("192.0.2.1");
        Assert.Equal(
            [new("X-Forwarded-For", "198.51.100.7, 192.0.2.1"), new("X-Forwarded-Proto", "https"), new("X-Forwarded-Host", "chat.example:8400")],
            ForwardedHeaders.OfCaller(new KestrelExchange(http, "t")).ToList());
    }

    private static List<string> Sent(StringValues connection, params string[] names) =>
        [.. ForwardedHeaders.EndToEnd(names.Select(n => KeyValuePair.Create(n, new StringValues("v"))), connection).Select(f => f.Key)];
}
