using System.Text;
using FsCheck.Fluent;
using Mainstay.Routing;
using Mainstay.Routing.Models;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing;

/// <summary>Requests that begin alike go to one server, and never too many of them.</summary>
public sealed class AffinityTests
{
    private readonly ManualTime _clock = new();
    private readonly Picker _picker = new(seed: 1);

    [Fact]
    public void What_begins_alike_goes_to_one_server_and_what_does_not_is_spread()
    {
        var service = Live(4);
        var chosen = Enumerable.Range(1, 200).ToLookup(i => Pick(service, (ulong)i * 977, 100).Name);
        Assert.Equal(4, chosen.Count);
        Assert.All(chosen, c => Assert.InRange(c.Count(), 25, 80));
        for (var i = 0; i < 20; i++)
            Assert.Contains(Pick(service, 977, 100).Name, chosen.Single(c => c.Contains(1)).Key, StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_that_goes_moves_no_other_request()
    {
        var service = Live(4);
        var before = Enumerable.Range(1, 100).Select(i => Pick(service, (ulong)i * 977, 100)).ToList();
        service.Named("s0").BringDown();
        for (var i = 0; i < before.Count; i++)
            if (before[i].Name != "s0")
                Assert.Equal(before[i], Pick(service, (ulong)(i + 1) * 977, 100));
    }

    /// <summary>The bound, over arrivals and ends in any order, most of them of one beginning.</summary>
    [Fact]
    public void No_server_ever_gets_more_than_the_bound()
    {
        var arrival = from prefix in Gen.Frequency((3, Gen.Constant(1)), (1, Gen.Choose(2, 9)))
                      from tokens in Gen.Choose(1, 5000)
                      from ends in Gen.Choose(0, 2)
                      select (Prefix: (ulong)prefix, Tokens: tokens, Ends: ends);
        var cases = from servers in Gen.Choose(2, 6) from arrivals in Gen.ListOf(arrival, 60) select (Servers: servers, Arrivals: arrivals.ToList());
        Property.Holds(cases, c =>
        {
            var service = Live(c.Servers);
            var under = new Queue<LiveServer.Place>();
            foreach (var (prefix, tokens, ends) in c.Arrivals)
            {
                var server = Pick(service, prefix, tokens);
                var least = service.Servers.Min(s => s.OutstandingTokens);
                if (server.OutstandingTokens > (Affinity.Bound * (least + 2)) + tokens)
                    return false;
                var place = server.TryEnter(force: false)!;
                place.SetTokens(tokens);
                under.Enqueue(place);
                for (var i = 0; i < ends && under.Count > 0; i++)
                    under.Dequeue().Leave(failed: false);
            }
            return true;
        });
    }

    [Fact]
    public void The_others_are_told_why_they_were_passed_over()
    {
        var service = Live(2);
        var chosen = Pick(service, 977, 1000);
        chosen.TryEnter(force: false)!.SetTokens(500);
        Assert.Equal(chosen, Pick(service, 977, 1000));
        var why = new PassedOver[2];
        Picker.Explain(service, [], 0, chosen, why, default, isAlike: true);
        Assert.Equal([PassedOver.No, PassedOver.Prefix], why.Order());
        chosen.TryEnter(force: false)!.SetTokens(5000);
        Assert.NotEqual(chosen, Pick(service, 977, 1000));
    }

    [Fact]
    public void The_next_question_of_a_conversation_begins_as_the_one_before()
    {
        const string First = """{"role":"system","content":"You are kind."},{"role":"user","content":"hi \\" there"}""";
        var first = Prefix($$"""{"model":"fast","messages":[{{First}}]}""");
        Assert.Equal(first, Prefix($$"""{"stream":true,"messages":[ {{First.Replace(",", " , ", StringComparison.Ordinal)}} ,{"role":"assistant","content":"hello"},{"role":"user","content":"more"}],"model":"fast"}"""));
        Assert.NotEqual(first, Prefix("""{"model":"fast","messages":[{"role":"user","content":"another"}]}"""));
        Assert.Equal(0UL, Prefix("""{"model":"fast"}"""));
    }

    private static ulong Prefix(string body) => PromptPrefix.Of(
        new ModelRequest { Api = ModelApi.OpenAi, Operation = ModelOperation.Chat, Model = "fast", Path = "/chat/completions", Body = Encoding.UTF8.GetBytes(body) });

    private LiveServer Pick(LiveService service, ulong prefix, double work) => _picker.Pick(service, [], draw: 0, default, new Affinity(prefix, work))!;

    private LiveService Live(int servers) => Tables.Live(
        Tables.Service([.. Enumerable.Range(0, servers).Select(i => Tables.Server($"s{i}", "r1") with { Ai = new ModelServer { Api = ModelApi.OpenAi } })]), _clock);
}
