using System.Net;
using Mainstay.Routing;
using Mainstay.Tests.Routing;
using static Mainstay.Tests.Models.ModelHouse;

namespace Mainstay.Tests.Models;

/// <summary>What servers are asked when an answer goes on elsewhere, and what that draws on.</summary>
public sealed class GoingOnTests
{
    [Theory]
    [InlineData(",\"max_tokens\":10,\"max_completion_tokens\": 12", "\"max_tokens\":8,\"max_completion_tokens\": 10")]
    [InlineData(",\"max_tokens\":2", "\"max_tokens\":1")]
    public async Task The_rest_of_an_answer_may_have_as_many_tokens_less_as_were_sent(string asked, string wanted)
    {
        var body = "";
        await using var cut = CutAfter(Role, Text("The quick "), Text("brown "));
        await using var other = new ScriptedServer(async delivery =>
        {
            body = await delivery.ReadBodyAsync();
            await delivery.SendAsync(StreamHead);
            await delivery.SendChunkAsync(Role + Text("fox") + Text("", "stop") + Done);
            await delivery.SendChunkAsync("");
        });
        await using var house = await GatewayHouse.StartAsync(Fast(cut.In("r1"), other.In("r2")));
        using var answer = await house.ChatAsync(stream: true, asked);
        Assert.Equal("The quick brown fox", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
        Assert.Contains(wanted, body, StringComparison.Ordinal);
        Assert.Contains("continue_final_message", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_asked_anew_may_say_all_of_it()
    {
        var body = "";
        await using var cut = CutAfter(Role, Text("The quick "), Text("brown "));
        await using var other = new ScriptedServer(async delivery =>
        {
            body = await delivery.ReadBodyAsync();
            await delivery.SendAsync(StreamHead);
            await delivery.SendChunkAsync(Role + Text("The quick brown fox") + Text("", "stop") + Done);
            await delivery.SendChunkAsync("");
        });
        await using var house = await GatewayHouse.StartAsync(Fast(cut.In("r1"), other.In("r2").As(a => a with { Prefill = false })));
        using var answer = await house.ChatAsync(stream: true, ",\"max_tokens\":10");
        Assert.Equal("The quick brown fox", TextOf(await answer.Content.ReadAsStringAsync().Patiently()));
        Assert.Contains("\"max_tokens\":10", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_key_is_said_as_what_it_is_and_draws_on_no_budget()
    {
        await using var never = Answering(Whole("never"));
        await using var server = Answering(Whole("hello"));
        await using var house = await GatewayHouse.StartAsync(Fast(never.In("r1").As(a => a with { KeyEnv = "MAINSTAY_TEST_NO_SUCH_KEY" }), server.In("r2")));
        var service = house.Service;
        while (service.Retries.TrySpend(service.Spec.Retry.Budget))
        {
            // Until nothing is left.
        }
        using var answer = await house.ChatAsync(stream: false);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var outcome = await house.OutcomeAsync();
        Assert.Equal(0, never.Received);
        const string Said = "cannot be asked: the environment variable MAINSTAY_TEST_NO_SUCH_KEY (key_env) is not set: set it where Mainstay starts";
        Assert.Equal((Said, Said), (outcome.Attempts[0].Why, service.Servers[0].LockedOut));
    }
}
