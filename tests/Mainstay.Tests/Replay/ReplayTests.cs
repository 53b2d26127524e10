using System.Text;
using Mainstay.Commands;
using Mainstay.Engine;
using Mainstay.Replay;
using Xunit;

namespace Mainstay.Tests.Replay;

public sealed class ReplayTests
{
    [Fact]
    public void A_trace_is_read_in_the_order_of_time()
    {
        var rows = Read("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:04.5,3180,8\n2023-11-16 18:17:03.0,4808,10\n");
        Assert.Equal([new ReplayRow(TimeSpan.Zero, 4808, 10), new ReplayRow(TimeSpan.FromSeconds(1.5), 3180, 8)], rows);
    }

    [Theory]
    [InlineData("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,1\n", "line 2: TIMESTAMP is \"yesterday\"")]
    [InlineData("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:04.5,0,1\n", "line 2: ContextTokens is \"0\"")]
    [InlineData("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:04.5,1,many\n", "line 2: GeneratedTokens is \"many\"")]
    [InlineData("TIMESTAMP,ContextTokens,GeneratedTokens\n", "it has no rows")]
    [InlineData("time\n1\n", "must be a CSV file with the columns")]
    public void A_trace_of_no_use_is_refused_with_the_place(string text, string what) =>
        Assert.Contains(what, Assert.Throws<CommandException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(1, 5)]
    [InlineData(7437, 7437)]
    [InlineData(20_000, 20_000)]
    public void A_prompt_counts_as_so_many_tokens_where_its_number_fits_in(int tokens, int counted)
    {
        var prompt = ReplayTrace.Prompt(17, tokens);
        var body = $"{{\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}]}}";
        Assert.Equal(counted, EngineRequest.Read(Encoding.UTF8.GetBytes(body), isChat: true, out _)!.PromptTokens);
        Assert.NotEqual(prompt, ReplayTrace.Prompt(18, tokens));
    }

    [Fact]
    public void An_answer_is_whole_only_with_its_text_its_reason_and_one_end()
    {
        Assert.Equal("", Seen("ab", "stop", 1).Fault("ab"));
        Assert.Equal("other text than the engine's", Seen("ac", "stop", 1).Fault("ab"));
        Assert.StartsWith("truncated", Seen("ab", "", 1).Fault("ab"), StringComparison.Ordinal);
        Assert.StartsWith("truncated", Seen("ab", "stop", 0).Fault("ab"), StringComparison.Ordinal);
        Assert.Contains("more than once", Seen("ab", "stop", 2).Fault("ab"), StringComparison.Ordinal);
        var broken = Seen("ab", "stop", 1);
        broken.Trouble = "status 500";
        Assert.Equal("status 500", broken.Fault("ab"));
    }

    [Fact]
    public void The_ten_seconds_around_a_fault_are_left_out_of_one_part()
    {
        var records = Enumerable.Range(0, 101).Select(i => new ReplayRecord(
            TimeSpan.FromSeconds(i), 0, i is >= 45 and <= 55 ? 1000 : 10, 5, 20, i < 50 ? "region-1/1" : "region-2/1", i == 50, i == 52 ? "truncated: x" : "")).ToList();
        var result = ReplayResult.Of(records, 20, TimeSpan.FromSeconds(100), "region-1", TimeSpan.FromSeconds(50));
        Assert.Equal((101, 1, 1), (result.All.Requests, result.Failed, result.Truncated));
        Assert.Equal((90, 10.0), (result.Outside!.Requests, result.Outside.FirstTokenMs.P99));
        Assert.Equal(1000, result.All.FirstTokenMs.P99);
        Assert.Equal([("region-1", 50, 0), ("region-2", 51, 1)], result.Regions.Select(r => (r.Name, r.Requests, r.WentOn)));
        Assert.Equal(20.2, result.TokensPerSecond);
    }

    private static ChatSeen Seen(string text, string finish, int dones)
    {
        var seen = new ChatSeen(null) { Finish = finish, Dones = dones };
        foreach (var letter in text)
            seen.Note(new ChatEvent(letter.ToString(), 1, "e", 0));
        return seen;
    }

    private static List<ReplayRow> Read(string text)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, text);
            return ReplayTrace.Read(file);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
