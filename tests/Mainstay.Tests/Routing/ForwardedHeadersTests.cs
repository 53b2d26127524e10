using Mainstay.Routing.Http;
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

    private static List<string> Sent(StringValues connection, params string[] names) =>
        [.. ForwardedHeaders.EndToEnd(names.Select(n => KeyValuePair.Create(n, new StringValues("v"))), connection).Select(f => f.Key)];
}
