using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Usage;
using Mainstay.Routing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Tests.Usage;

/// <summary>What callers used of models, counted, kept and asked for.</summary>
public sealed class UsageLedgerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-usage-").FullName;
    private readonly ManualTime _clock = new();
    private readonly Troubles _troubles = new();

    private string Database => Path.Combine(_folder, "mainstay.db");

    private DateTimeOffset Now => _clock.GetUtcNow();

    [Fact]
    public async Task A_request_counts_where_it_ended_and_its_tokens_where_they_were_used()
    {
        var ledger = Open();
        ledger.Note(Ended("team-a", "fast", ("r1", 100, 20, 0.5), ("r2", 100, 30, 1.5)));
        ledger.Note(Ended("team-b", "fast", ("r2", 10, 5, 0.25)));
        ledger.Note(Ended("team-b", "fast") with { Result = OutcomeResult.Failed });
        var byRegion = await ReadAsync(ledger, "region");
        Assert.Equal([("", 1L, 1L, 0L, 0L, 0.0), ("r1", 0, 0, 100, 20, 0.5), ("r2", 2, 0, 110, 35, 1.75)],
            byRegion.Rows.OrderBy(r => r.Region).Select(r => (r.Region!, r.Requests, r.Failed, r.PromptTokens, r.CompletionTokens, r.Cost)));
        var byKey = await ReadAsync(ledger, "key");
        Assert.Equal([("team-a", 1L, 2.0), ("team-b", 2, 0.25)], byKey.Rows.Select(r => (r.Key!, r.Requests, r.Cost)));
        Assert.All(byKey.Rows, r => Assert.Null(r.Region));
        Assert.Equal((3L, 210L, 2.25), (byKey.Total.Requests, byKey.Total.PromptTokens, byKey.Total.Cost));
    }

    [Fact]
    public async Task Requests_to_no_model_do_not_count()
    {
        var ledger = Open();
        ledger.Note(Ended("team-a", "fast") with { Trail = null });
        ledger.Note(Ended("team-a", "fast") with { Model = null });
        Assert.Equal(0, (await ReadAsync(ledger, "key")).Total.Requests);
    }

    [Fact]
    public async Task What_was_written_is_there_after_a_restart_and_adds_up()
    {
        var before = Open();
        before.Note(Ended("team-a", "fast", ("r1", 100, 20, 0.5)));
        await before.WriteAsync(default);
        before.Note(Ended("team-a", "fast", ("r1", 1, 1, 0.25)));
        await before.WriteAsync(default);
        // Of what was not written nobody knows.
        before.Note(Ended("team-a", "fast", ("r1", 1000, 1000, 1000)));
        var after = Open();
        after.Note(Ended("team-a", "fast", ("r1", 2, 2, 0.25)));
        var row = Assert.Single((await ReadAsync(after, "key,model,region")).Rows);
        Assert.Equal(("team-a", "fast", "r1", 3L, 103L, 23L, 1.0), (row.Key, row.Model, row.Region, row.Requests, row.PromptTokens, row.CompletionTokens, row.Cost));
    }

    [Fact]
    public async Task The_end_of_the_program_writes_what_is_left_and_what_nobody_has_read()
    {
        using var stop = new CancellationTokenSource();
        var feed = new OutcomeFeed();
        var ledger = Open();
        var running = ledger.RunAsync(feed.Reader, stop.Token);
        ledger.Note(Ended("team-a", "fast", ("r1", 1, 1, 0)));
        feed.Report(Ended("team-a", "fast", ("r1", 2, 2, 0)));
        await stop.CancelAsync();
        await running.Patiently();
        Assert.Equal((2L, 3L), (await ReadAsync(Open(), "key")).Rows is [var row] ? (row.Requests, row.PromptTokens) : default);
    }

    [Fact]
    public async Task A_database_that_is_away_loses_nothing()
    {
        Directory.CreateDirectory(Database);
        var ledger = Open();
        ledger.Note(Ended("team-a", "fast", ("r1", 1, 1, 0)));
        await ledger.WriteAsync(default);
        Assert.Contains(_troubles.List(), t => t.StartsWith("usage: The usage of models is not written", StringComparison.Ordinal));
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(ledger, "key"));
        ledger.Note(Ended("team-a", "fast", ("r1", 2, 2, 0)));
        Directory.Delete(Database);
        await ledger.WriteAsync(default);
        Assert.Empty(_troubles.List());
        Assert.Equal(3, (await ReadAsync(Open(), "key")).Total.PromptTokens);
    }

    [Fact]
    public async Task Hours_and_days_are_told_apart_and_the_time_asked_for_is_whole_hours()
    {
        var ledger = Open();
        for (var hour = 0; hour < 30; hour++)
        {
            ledger.Note(Ended("team-a", "fast", ("r1", 1, 0, 0)));
            if (hour % 2 == 0)
                await ledger.WriteAsync(default);
            _clock.Advance(TimeSpan.FromHours(1));
        }
        Assert.Equal(30, (await ReadAsync(ledger, "hour", "2d")).Rows.Length);
        var days = (await ReadAsync(ledger, "day", "3d")).Rows;
        Assert.Equal(30, days.Sum(d => d.Requests));
        Assert.Equal(days.OrderBy(d => d.Day), days);
        Assert.InRange(days.Length, 2, 3);
        // From within an hour counts all of it.
        Assert.Equal(3, (await ReadAsync(ledger, "total", "150m")).Total.Requests);
        Assert.Equal(1, (await ReadAsync(ledger, "total", "60m")).Total.Requests);
        Assert.Equal(0, (await ReadAsync(ledger, "total", "0s")).Total.Requests);
    }

    [Fact]
    public async Task What_is_older_than_it_is_kept_is_forgotten()
    {
        var ledger = Open();
        ledger.Note(Ended("team-a", "fast", ("r1", 1, 0, 0)));
        await ledger.WriteAsync(default);
        _clock.Advance(UsageLedger.Kept + TimeSpan.FromHours(1));
        ledger.Note(Ended("team-a", "fast", ("r1", 1, 0, 0)));
        await ledger.WriteAsync(default);
        Assert.Equal(1, (await ReadAsync(ledger, "key", "500d")).Total.Requests);
    }

    [Fact]
    public void Names_that_callers_write_are_bounded()
    {
        var book = new UsageBook();
        for (var i = 0; i < UsageBook.MostUnnamed + 50; i++)
            book.Note(Ended(null, "made-up-" + i) with { Trail = Trail(isNamed: false) });
        var sums = book.Take();
        Assert.Equal(UsageBook.MostUnnamed + 1, sums.Count);
        Assert.Equal(50, sums.Single(s => s.Key.Model == UsageBook.Others).Value.Requests);
    }

    [Fact]
    public void Sums_that_wait_are_bounded_and_none_is_lost()
    {
        var book = new UsageBook();
        for (var i = 0; i < UsageBook.MostWaiting + 500; i++)
            book.Note(Ended("key-" + i, "fast", ("r1", 1, 0, 0)));
        var sums = book.Take();
        Assert.InRange(sums.Count, UsageBook.MostWaiting, UsageBook.MostWaiting + 10);
        Assert.Equal(UsageBook.MostWaiting + 500, sums.Sum(s => s.Value.PromptTokens));
    }

    [Theory]
    [InlineData("yesterday", null, null, "from: \"yesterday\" is no time.")]
    [InlineData(null, "31.12.", null, "to: \"31.12.\" is no time.")]
    [InlineData("1h", "2h", null, "to: it is before from.")]
    [InlineData(null, null, "customer", "by: \"customer\" is not known. Write some of day, hour, key, model, region")]
    public void What_makes_no_sense_is_said(string? from, string? to, string? by, string said)
    {
        Assert.Null(UsageQuery.TryRead(from, to, by, Now, out var why));
        Assert.StartsWith(said, why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_CSV_no_name_can_break_a_row_or_become_a_formula()
    {
        var ledger = Open();
        ledger.Note(Ended("a,b \"c\"", "=HYPERLINK(1)", ("r1", 1, 2, 0.125)) with { Trail = Trail(isNamed: false) });
        var csv = UsageApi.ToCsv(await ReadAsync(ledger, "key,model,region"));
        Assert.Equal("key,model,region,requests,failed,prompt_tokens,completion_tokens,cost\r\n\"a,b \"\"c\"\"\",'=HYPERLINK(1),r1,1,0,1,2,0.125\r\n", csv);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private UsageLedger Open() => UsageLedger.Open(Database, _troubles, _clock, NullLogger<UsageLedger>.Instance);

    private Task<UsageAnswer> ReadAsync(UsageLedger ledger, string by, string from = "24h")
    {
        var query = UsageQuery.TryRead(from, null, by, Now, out var why);
        Assert.Empty(why);
        return ledger.ReadAsync(query!, default);
    }

    private Outcome Ended(string? key, string model, params (string Region, long Prompt, long Answer, double Cost)[] charges) => new(
        Now, "r-1", 1, "chat/" + model, key, OutcomeResult.Succeeded, 200, default, default,
        [.. charges.Select(c => new Attempt("s", c.Region, AttemptResult.Answered, 200, default))])
    {
        Key = key,
        Model = model,
        Trail = Trail(isNamed: true),
        Charges = [.. charges.Select(c => new Charge(c.Region, c.Prompt, c.Answer, c.Cost))],
    };

    private static ModelTrail Trail(bool isNamed) => new() { Operation = "chat", Asked = "fast", IsNamed = isNamed };
}
