using System.Buffers;
using System.Net;
using System.Text;
using Mainstay.Routing;
using Mainstay.Routing.Http;
using Microsoft.AspNetCore.Http;

namespace Mainstay.Tests.Routing;

public sealed class CallerFieldsTests
{
    private const string Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    [Fact]
    public void The_server_is_told_of_the_caller()
    {
        var told = Told("192.0.2.1", "chat.example:8400", "https");
        Assert.Equal("192.0.2.1", told["X-Forwarded-For"]);
        Assert.Equal("https", told["X-Forwarded-Proto"]);
        Assert.Equal("chat.example:8400", told["X-Forwarded-Host"]);
        Assert.Equal("for=192.0.2.1;host=\"chat.example:8400\";proto=https", told["Forwarded"]);
    }

    [Fact]
    public void Lists_that_others_began_go_on()
    {
        var told = Told("192.0.2.1", "chat.example", "http", ("X-Forwarded-For", "198.51.100.7"), ("Forwarded", "for=198.51.100.7;proto=https"));
        Assert.Equal("198.51.100.7, 192.0.2.1", told["X-Forwarded-For"]);
        Assert.Equal("for=198.51.100.7;proto=https, for=192.0.2.1;host=chat.example;proto=http", told["Forwarded"]);
    }

    [Theory]
    [InlineData("2001:db8::17", "2001:db8::17", "for=\"[2001:db8::17]\"")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1", "for=192.0.2.1")]
    [InlineData(null, "unknown", "for=unknown")]
    public void An_address_is_written_as_each_field_wants_it(string? address, string plain, string node)
    {
        var told = Told(address, "h", "http");
        Assert.Equal(plain, told["X-Forwarded-For"]);
        Assert.Equal($"{node};host=h;proto=http", told["Forwarded"]);
    }

    [Fact]
    public void A_host_that_is_an_IPv6_address_is_quoted() =>
        Assert.Equal("for=unknown;host=\"[2001:db8::1]:8400\";proto=http", Told(null, "[2001:db8::1]:8400", "http")["Forwarded"]);

    [Fact]
    public void A_request_without_a_host_names_none()
    {
        var told = Told(null, "", "http");
        Assert.DoesNotContain("X-Forwarded-Host", told.Keys);
        Assert.Equal("for=unknown;proto=http", told["Forwarded"]);
    }

    [Fact]
    public void A_trace_of_the_caller_goes_on_untouched() => Assert.DoesNotContain("traceparent", Told(null, "h", "http", ("traceparent", Trace)).Keys);

    [Fact]
    public void A_malformed_trace_is_dropped_with_its_state_and_a_new_one_begins()
    {
        var exchange = Exchange(null, "h", "http", ("traceparent", Trace[..^1]), ("tracestate", "vendor=1"), ("Accept", "a/b"));
        Assert.Equal(["Accept"], Lines(exchange.WriteFieldsTo).Keys);
        Assert.Contains("traceparent", Lines(head => CallerFields.WriteTo(head, exchange, new TraceIds(1))).Keys);
    }

    [Fact]
    public void A_trace_that_begins_here_is_one_for_all_attempts_and_other_for_each_request()
    {
        var ids = new TraceIds(seed: 7);
        string Next(Exchange exchange) => Lines(head => CallerFields.WriteTo(head, exchange, ids))["traceparent"];
        var exchange = Exchange(null, "h", "http");
        var (first, second, other) = (Next(exchange), Next(exchange), Next(Exchange(null, "h", "http")));
        Assert.All([first, second, other], trace => Assert.True(TraceIds.IsValid(Encoding.ASCII.GetBytes(trace)), trace));
        Assert.Equal(first[..35], second[..35]);
        Assert.NotEqual(first[35..], second[35..]);
        Assert.NotEqual(first[..35], other[..35]);
    }

    [Theory]
    [InlineData(Trace, true)]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true)]
    [InlineData("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later", true)]
    [InlineData("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what", false)]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false)]
    [InlineData("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)]
    [InlineData("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false)]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false)]
    [InlineData("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false)]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false)]
    [InlineData("0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)]
    [InlineData("00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01", false)]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false)]
    [InlineData("", false)]
    public void A_traceparent_is_valid_by_the_standard(string value, bool valid) =>
        Assert.Equal(valid, TraceIds.IsValid(Encoding.ASCII.GetBytes(value)));

    /// <summary>The same by the own front, over a connection, with names in any case.</summary>
    [Fact]
    public async Task A_server_behind_the_own_front_sees_them()
    {
        await using var server = ScriptedServer.Answering("ok");
        await using var house = await GatewayHouse.StartAsync(server.In("us-east-1"));
        await house.AskAsync(HttpMethod.Get, "/", null, ("FORWARDED", "for=198.51.100.7"), ("TraceParent", Trace), ("TraceState", "vendor=1"));
        var first = await server.NextAsync();
        Assert.Equal($"for=198.51.100.7, for=127.0.0.1;host=\"127.0.0.1:{house.Url.Port}\";proto=http", first.Header("Forwarded"));
        Assert.Equal(Trace, first.Header("traceparent"));
        Assert.Equal("vendor=1", first.Header("tracestate"));

        await house.AskAsync(HttpMethod.Get, "/", null, ("traceparent", "none"), ("tracestate", "vendor=1"));
        var second = await server.NextAsync();
        Assert.True(TraceIds.IsValid(Encoding.ASCII.GetBytes(second.Header("traceparent")!)));
        Assert.Null(second.Header("tracestate"));
    }

    private static Dictionary<string, string> Told(string? address, string host, string scheme, params (string Name, string Value)[] fields) =>
        Lines(head => CallerFields.WriteTo(head, Exchange(address, host, scheme, fields), new TraceIds(1)));

    private static KestrelExchange Exchange(string? address, string host, string scheme, params (string Name, string Value)[] fields)
    {
        var http = new DefaultHttpContext();
        foreach (var (name, value) in fields)
            http.Request.Headers[name] = value;
        if (host.Length > 0)
            http.Request.Host = new HostString(host);
        http.Request.Scheme = scheme;
        http.Connection.RemoteIpAddress = address is null ? null : IPAddress.Parse(address);
        return new KestrelExchange(http, "t");
    }

    private static Dictionary<string, string> Lines(Action<IBufferWriter<byte>> write)
    {
        var head = new ArrayBufferWriter<byte>();
        write(head);
        return Encoding.ASCII.GetString(head.WrittenSpan).Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith("Host:", StringComparison.Ordinal))
            .Select(line => line.Split(": ", 2)).ToDictionary(line => line[0], line => line[1]);
    }
}
