using System.Net.Sockets;
using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

/// <summary>
/// The rule "Sent twice?" at every point at which an attempt can die: what may have reached a server is sent again only if that
/// does no harm; and wherever it may be sent again and a server is left that is well, the caller gets that server's answer.
/// </summary>
public sealed class SentTwiceTests
{
    private const int ReplayLimit = 2000;

    [Fact]
    public void A_request_is_sent_again_exactly_where_that_does_no_harm()
    {
        var cases =
            from death in Gen.Elements(Enum.GetValues<Death>().Where(d => d != Death.None).ToArray())
            from resets in Gen.Elements(false, true)
            from pooled in Gen.Elements(Pooled.No, Pooled.No, Pooled.Kept, Pooled.Closed)
            from method in Gen.Elements("GET", "POST", "PUT", "DELETE", "PATCH")
            from key in Gen.Elements(false, true)
            from safe in Gen.Elements(false, true)
            from body in Gen.Elements(Enum.GetValues<Body>())
            from servers in Gen.Choose(1, 3)
            from dying in Gen.Choose(1, servers)
            select new Case(death, resets, death == Death.Refused ? Pooled.No : pooled, method, key, safe, body, servers, dying);
        Property.Holds(cases, c => HoldsAsync(c).GetAwaiter().GetResult(), cases: 3000);
    }

    private static async Task<bool> HoldsAsync(Case c)
    {
        var servers = Enumerable.Range(0, c.Servers)
            .Select(i => new DyingServer(i < c.Dying ? c.Death : Death.None, c.Resets, c.Pooled == Pooled.Closed) { ExpectsWarm = i == 0 && c.Pooled != Pooled.No })
            .ToList();
        try
        {
            var service = Tables.Service([.. servers.Select((s, i) => s.In($"r{i}"))]) with
            {
                Retry = new RetryPolicy { ReplaySafe = c.ReplaySafe, ReplayLimit = ReplayLimit },
            };
            await using var house = await GatewayHouse.StartAsync(service);
            if (c.Pooled != Pooled.No)
            {
                Assert.Equal((200, "warm"), await AskAsync(house, "GET /warm HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
                Assert.Equal(OutcomeResult.Succeeded, (await house.OutcomeAsync()).Result);
            }
            var (status, text) = await AskAsync(house, c.Request());
            var outcome = await house.OutcomeAsync();

            // Nothing is sent twice that must not be; and no more often than attempts are allowed, and once for a connection that was stale.
            var reached = servers.Sum(s => s.Reached);
            Assert.True(reached <= (c.MayTwice ? 3 + (c.Pooled == Pooled.No ? 0 : 1) : 1), $"It may have been served {reached} times.");
            // A body that was not kept whole is never sent as if it were.
            var served = servers.SingleOrDefault(s => s.Served is not null)?.Served;
            if (served is { } one)
                Assert.Equal((c.Method, c.Content()), one);
            // What may be sent again is, as long as a server is left.
            if (c.MustSucceed)
                Assert.Equal((200, "fine"), (status, text));
            else if (!c.MaySucceed)
                Assert.NotEqual((200, "fine"), (status, text));
            Assert.Equal(status == 200 && text == "fine", served is not null);
            Assert.Equal(status == 200 && text == "fine", outcome.Result == OutcomeResult.Succeeded);
            Assert.Equal(0, house.Outstanding);
            return true;
        }
        finally
        {
            foreach (var server in servers)
                await server.DisposeAsync();
        }
    }

    /// <returns>Status 0 if no answer came, and its body as far as it came.</returns>
    private static async Task<(int Status, string Text)> AskAsync(GatewayHouse house, string request)
    {
        var (socket, caller) = await house.ConnectAsync();
        using var _ = socket;
        var status = 0;
        try
        {
            await caller.SendAsync(request);
            if (await caller.ReadHeadAsync().Patiently() is not { } head)
                return (0, "");
            status = int.Parse(head.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture);
            return (status, await caller.ReadToEndAsync().Patiently());
        }
        catch (SocketException)
        {
            return (status, "cut");
        }
    }

    private enum Body
    {
        None,
        Length,
        Chunked,
        OverLimit,
    }

    /// <summary>What connection the first attempt finds.</summary>
    private enum Pooled
    {
        No,

        /// <summary>One that was used before.</summary>
        Kept,

        /// <summary>One that was used before and that the server has closed since.</summary>
        Closed,
    }

    /// <summary>One request, and the servers that die of it, in the order in which they are asked; those behind them are well.</summary>
    private sealed record Case(
        Death Death, bool Resets, Pooled Pooled, string Method, bool HasKey, bool ReplaySafe, Body Body, int Servers, int Dying)
    {
        public bool MayTwice => ReplaySafe || HasKey || Method is "GET" or "PUT" or "DELETE";

        /// <summary>The rule, read from the design and not from the code.</summary>
        public bool MustSucceed =>
            // Somebody is left, and may still be asked: there are three attempts.
            Dying < Servers
            && (Death == Death.Refused
                || (MayTwice && Death != Death.AnswerBody && Body != Body.OverLimit));

        /// <summary>Whether it succeeds may hang on how much was read, or what a reset left to be read, at that moment.</summary>
        public bool MaySucceed => Dying < Servers
            && ((Death == Death.Accepted && Resets) || (MayTwice && (Body == Body.OverLimit || (Death == Death.AnswerBody && Resets))));

        public string Content() => Body switch
        {
            Body.None => "",
            Body.Length => new string('l', 1000),
            Body.Chunked => new string('c', 1500),
            _ => new string('x', 100_000),
        };

        public string Request()
        {
            var framing = Body switch
            {
                Body.None => "\r\n",
                Body.Chunked => "Transfer-Encoding: chunked\r\n\r\n" + string.Concat(Enumerable.Repeat($"1f4\r\n{new string('c', 500)}\r\n", 3)) + "0\r\n\r\n",
                _ => $"Content-Length: {Content().Length}\r\n\r\n{Content()}",
            };
            return $"{Method} /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{(HasKey ? "Idempotency-Key: 7\r\n" : "")}{framing}";
        }
    }
}
