using System.Text;
using Mainstay.Routing.Http1;
using Mainstay.Routing.Upstream;

namespace Mainstay.Tests.Routing.Upstream;

public sealed class AnswerParserTests
{
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, "Length", 5, true)]
    [InlineData("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, "Length", 0, true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, "Chunked", 0, true)]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n", false, "UntilClose", 0, false)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, "Length", 5, false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Close\r\n\r\n", false, "Length", 5, false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, "None", 5, true)]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", false, "None", 0, true)]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, "None", 5, true)]
    public void It_says_how_the_body_is_delimited_however_the_head_is_cut(string head, bool isHead, string framing, long length, bool keepAlive)
    {
        var bytes = Encoding.ASCII.GetBytes(head);
        for (var cut = 0; cut < bytes.Length; cut++)
        {
            var parser = new AnswerParser();
            Assert.Equal(HeadStep.More, parser.Read(bytes.AsSpan(0, cut), isHead, out var used));
            Assert.Equal(HeadStep.Complete, parser.Read(bytes.AsSpan(used), isHead, out _));
            Assert.Equal((framing, length, keepAlive), (parser.Framing.ToString(), parser.Length, parser.KeepAlive));
        }
    }

    [Theory]
    [InlineData("HTTP/2.0 200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 2xx OK\r\n\r\n")]
    [InlineData("HTTP/1.1 099 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 2000 OK\r\n\r\n")]
    [InlineData("HTTP/1.1  200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\n\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA : b\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n")]
    public void What_two_readers_could_understand_differently_is_refused(string head) =>
        Assert.Equal(HeadStep.Refused, new AnswerParser().Read(Encoding.ASCII.GetBytes(head), isHead: false, out _));

    [Fact]
    public void Values_may_be_in_any_encoding()
    {
        var parser = new AnswerParser();
        Assert.Equal(HeadStep.Complete, parser.Read(Encoding.Latin1.GetBytes("HTTP/1.1 200 OK\r\nX-Name: José\r\nContent-Length: 0\r\n\r\n"), false, out _));
        Assert.Equal("José", Encoding.Latin1.GetString(parser.Fields.ValueAt(0)));
    }
}
