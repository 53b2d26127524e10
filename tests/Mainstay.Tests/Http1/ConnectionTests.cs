using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Mainstay.Routing;
using Mainstay.Routing.Http1;

namespace Mainstay.Tests.Http1;

/// <summary>How connections are kept, answered and ended. Real sockets, and a clock that the test moves.</summary>
public sealed class ConnectionTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    private const string LastGet = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    [Fact]
    public async Task Answers_come_in_the_order_of_the_requests_however_long_the_first_takes()
    {
        var first = new TaskCompletionSource();
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            if (e.Target == "/0")
                await first.Task;
            await AnswerAsync(e, e.Target);
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync(string.Concat(Enumerable.Range(0, 50).Select(i => $"GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n")));
        first.SetResult();
        for (var i = 0; i < 50; i++)
            Assert.EndsWith($"\r\n\r\n/{i}", await caller.ReadUntilAsync($"\r\n\r\n/{i}"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close ,y\r\n\r\n", "close")]
    [InlineData("GET / HTTP/1.0\r\n\r\n", "close")]
    [InlineData("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", null)]
    public async Task The_connection_is_kept_as_the_caller_asks(string request, string? option)
    {
        await using var house = await FrontHouse.StartAsync(e => AnswerAsync(e, "fine"));
        using var caller = await house.ConnectAsync();
        await caller.SendAsync(request);
        var answer = await caller.ReadUntilAsync("fine");
        Assert.Equal(option is not null, answer.Contains($"\r\nConnection: {option}\r\n", StringComparison.Ordinal));
        if (option == "close")
        {
            Assert.Equal("", await caller.ReadToEndAsync());
            return;
        }
        await caller.SendAsync(LastGet);
        await caller.ReadUntilAsync("fine");
    }

    [Fact]
    public async Task An_answer_of_unknown_length_comes_in_chunks_each_at_once_and_with_trailers()
    {
        var go = new SemaphoreSlim(0);
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            foreach (var word in new[] { "one", "two" })
            {
                await e.AnswerBody.WriteAsync(Encoding.ASCII.GetBytes(word));
                await go.WaitAsync();
            }
            e.AnswerTrailers!["X-Sum"] = "6";
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync(Get);
        var start = await caller.ReadUntilAsync("3\r\none\r\n");
        Assert.Contains("\r\nTransfer-Encoding: chunked\r\n", start, StringComparison.Ordinal);
        Assert.Contains("\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n", start, StringComparison.Ordinal);
        go.Release();
        Assert.Equal("3\r\ntwo\r\n", await caller.ReadUntilAsync("two\r\n"));
        go.Release();
        Assert.Equal("0\r\nX-Sum: 6\r\n\r\n", await caller.ReadUntilAsync("\r\n\r\n"));
    }

    [Fact]
    public async Task An_answer_of_unknown_length_ends_with_the_connection_for_HTTP_1_0()
    {
        await using var house = await FrontHouse.StartAsync(async e => await e.AnswerBody.WriteAsync("fine"u8.ToArray()));
        var answer = await house.AskAsync("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        Assert.EndsWith("\r\n\r\nfine", answer, StringComparison.Ordinal);
        Assert.Contains("Connection: close", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Transfer-Encoding", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HEAD", 200, true)]
    [InlineData("GET", 304, true)]
    [InlineData("GET", 204, false)]
    public async Task Answers_without_a_body_have_none_and_keep_the_connection(string method, int status, bool hasLength)
    {
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            e.AnswerStatus = status;
            e.AnswerHeaders.ContentLength = 4;
            await e.AnswerBody.WriteAsync("fine"u8.ToArray());
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync($"{method} / HTTP/1.1\r\nHost: a\r\n\r\n{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        var answers = await caller.ReadToEndAsync();
        Assert.Equal(3, answers.Split($"HTTP/1.1 {status} ").Length);
        Assert.DoesNotContain("fine", answers, StringComparison.Ordinal);
        Assert.DoesNotContain("Transfer-Encoding", answers, StringComparison.Ordinal);
        Assert.Equal(hasLength, answers.Contains("Content-Length: 4\r\n", StringComparison.Ordinal));
        Assert.EndsWith("\r\n\r\n", answers, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_that_is_cut_never_looks_whole(bool aborts)
    {
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            e.AnswerHeaders.ContentLength = 10;
            await e.AnswerBody.WriteAsync("half "u8.ToArray());
            if (aborts)
                e.Abort();
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync(Get);
        var (_, wasReset) = await caller.ReadToEndOrResetAsync();
        Assert.True(wasReset);
    }

    [Fact]
    public async Task Fields_of_the_connection_and_of_the_framing_are_the_fronts_own()
    {
        await using var house = await FrontHouse.StartAsync(e =>
        {
            foreach (var name in new[] { "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Proxy-Connection", "TE", "Trailer" })
                e.AnswerHeaders[name] = "odd";
            return AnswerAsync(e, "fine");
        });
        Assert.DoesNotContain("odd", await house.AskAsync(LastGet), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_caller_that_leaves_is_noticed_though_it_sent_requests_ahead()
    {
        var left = new TaskCompletionSource();
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            var registration = e.CallerLeft.Register(() => left.TrySetResult());
            await left.Task;
            await registration.DisposeAsync();
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync(Get + Get + Get);
        caller.EndSending();
        await left.Task.Patiently();
    }

    [Fact]
    public async Task Continue_is_sent_when_somebody_first_reads_the_body()
    {
        var go = new TaskCompletionSource();
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            await go.Task;
            await AnswerAsync(e, await FrontHouse.ReadBodyAsync(e));
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
        go.SetResult();
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await caller.ReadUntilAsync("\r\n\r\n"));
        await caller.SendAsync("abc" + LastGet);
        Assert.StartsWith("HTTP/1.1 200 ", await caller.ReadUntilAsync("abc"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_before_the_expected_body_closes_the_connection()
    {
        await using var house = await FrontHouse.StartAsync(e => AnswerAsync(e, "no"));
        var answer = await house.AskAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
        Assert.DoesNotContain("100 Continue", answer, StringComparison.Ordinal);
        Assert.Contains("Connection: close", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 40000\r\n\r\n", 40_000, true)]
    [InlineData("Content-Length: 4000000\r\n\r\n", 4_000_000, false)]
    public async Task A_body_that_nobody_wanted_is_passed_over_if_it_is_short(string end, int length, bool isKept)
    {
        await using var house = await FrontHouse.StartAsync(e => AnswerAsync(e, e.Target));
        using var caller = await house.ConnectAsync();
        await caller.SendAsync($"POST /1 HTTP/1.1\r\nHost: a\r\n{end}");
        await caller.ReadUntilAsync("\r\n\r\n/1");
        try
        {
            await caller.SendAsync(new string('x', length));
            await caller.SendAsync(LastGet);
        }
        catch (SocketException) when (!isKept)
        {
            // Closed on the way.
        }
        var (rest, _) = await caller.ReadToEndOrResetAsync();
        Assert.Equal(isKept, rest.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_reader_that_is_still_waiting_for_the_body_when_the_answer_is_whole_is_sent_away()
    {
        Task<string>? reading = null;
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            reading ??= FrontHouse.ReadBodyAsync(e);
            await AnswerAsync(e, e.Target);
        });
        using var caller = await house.ConnectAsync();
        await caller.SendAsync("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
        await caller.ReadUntilAsync("\r\n\r\n/1");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading!.Patiently());
        await caller.SendAsync("abcdefGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
        await caller.ReadUntilAsync("\r\n\r\n/2");
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("P", "")]
    [InlineData("GET / HTTP/1.1\r\nHos", "HTTP/1.1 408 ")]
    public async Task A_head_that_does_not_come_whole_is_cut_after_its_deadline(string start, string answer)
    {
        var limits = new Http1Limits();
        await using var house = await FrontHouse.StartAsync(limits: limits);
        using var caller = await house.ConnectAsync();
        await caller.SendAsync(start);
        if (answer.Length > 0)
            while (house.Front.Connections == 0)
                await Task.Yield();
        await house.Clock.WhenArmedAsync(limits.Head).Patiently();
        var read = caller.ReadToEndAsync();
        while (!read.IsCompleted)
        {
            house.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.StartsWith(answer, await read, StringComparison.Ordinal);
        Assert.Empty(house.Served);
    }

    [Fact]
    public async Task A_body_that_stops_coming_is_408_and_closes()
    {
        await using var house = await FrontHouse.StartAsync();
        using var caller = await house.ConnectAsync();
        await caller.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n");
        // Before that the seconds would be those of the head.
        await caller.ReadUntilAsync("100 Continue\r\n\r\n");
        await caller.SendAsync("abc");
        var read = caller.ReadToEndAsync();
        while (!read.IsCompleted)
        {
            house.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.StartsWith("HTTP/1.1 408 ", await read, StringComparison.Ordinal);
        Assert.Empty(house.Served);
    }

    [Fact]
    public async Task An_idle_connection_is_closed_in_silence()
    {
        await using var house = await FrontHouse.StartAsync();
        using var caller = await house.ConnectAsync();
        await caller.SendAsync(Get);
        await caller.ReadUntilAsync("\r\n\r\n");
        var read = caller.ReadToEndAsync();
        for (var seconds = 0; !read.IsCompleted; seconds++)
        {
            house.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.Equal("", await read);
    }

    [Fact]
    public async Task Stopping_lets_the_present_answer_end_and_says_close()
    {
        var arrived = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            arrived.TrySetResult();
            await go.Task;
            await AnswerAsync(e, "fine");
        });
        using var idle = await house.ConnectAsync();
        using var caller = await house.ConnectAsync();
        await caller.SendAsync(Get);
        await arrived.Task.Patiently();
        var stop = house.StopAsync();
        Assert.Equal("", await idle.ReadToEndAsync());
        go.SetResult();
        var answer = await caller.ReadToEndAsync();
        Assert.EndsWith("fine", answer, StringComparison.Ordinal);
        Assert.Contains("Connection: close", answer, StringComparison.Ordinal);
        await stop.Patiently();
    }

    [Fact]
    public async Task HTTP_2_is_served_on_the_same_port()
    {
        await using var house = await FrontHouse.StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        foreach (var version in new[] { HttpVersion.Version20, HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"http://127.0.0.1:{house.Port}/v"))
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new StringContent("abc"),
            };
            using var answer = await client.SendAsync(request).Patiently();
            Assert.Equal(version, answer.Version);
            Assert.Equal("abc", await answer.Content.ReadAsStringAsync().Patiently());
        }
        Assert.Equal(3, house.Served.Count);
    }

    [Fact]
    public async Task TLS_offers_both_versions_and_tells_the_gateway_https()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        await using var house = await FrontHouse.StartAsync(e => AnswerAsync(e, e.Scheme), certificate: certificate);
        using var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => certificate.Equals(shown);
        using var client = new HttpClient(handler);
        foreach (var (version, answer) in new[] { (HttpVersion.Version11, "https"), (HttpVersion.Version20, "") })
        {
            using var get = new HttpRequestMessage(HttpMethod.Get, new Uri($"https://localhost:{house.Port}/"))
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var got = await client.SendAsync(get).Patiently();
            Assert.Equal(version, got.Version);
            Assert.Equal(answer, await got.Content.ReadAsStringAsync().Patiently());
        }
    }

    [Fact]
    public async Task The_gateway_itself_answers_whether_it_is_there()
    {
        await using var house = await FrontHouse.StartAsync();
        var answer = await house.AskAsync("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 204 ", answer, StringComparison.Ordinal);
        Assert.Empty(house.Served);
    }

    [Fact]
    public async Task A_bug_costs_one_request_and_is_a_500()
    {
        await using var house = await FrontHouse.StartAsync(e => e.Target == "/bug" ? throw new InvalidOperationException("bug") : AnswerAsync(e, "fine"));
        Assert.StartsWith("HTTP/1.1 500 ", await house.AskAsync("GET /bug HTTP/1.1\r\nHost: a\r\n\r\n"), StringComparison.Ordinal);
        Assert.EndsWith("fine", await house.AskAsync(LastGet), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_field_that_would_split_the_answer_is_never_written()
    {
        await using var house = await FrontHouse.StartAsync(async e =>
        {
            e.AnswerHeaders["X-Name"] = "a\r\nX-Evil: 1";
            await AnswerAsync(e, "fine");
        });
        var answer = await house.AskAsync(LastGet);
        Assert.StartsWith("HTTP/1.1 500 ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("X-Evil", answer, StringComparison.Ordinal);
    }

    private static async Task AnswerAsync(Exchange exchange, string text)
    {
        exchange.AnswerHeaders.ContentLength = text.Length;
        await exchange.AnswerBody.WriteAsync(Encoding.ASCII.GetBytes(text));
    }
}
