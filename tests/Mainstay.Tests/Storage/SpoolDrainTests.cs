using Mainstay.Control;
using Mainstay.Control.Storage;
using Microsoft.Data.Sqlite;

namespace Mainstay.Tests.Storage;

public sealed class SpoolDrainTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("mainstay-drain-").FullName;
    private readonly ManualTime _clock = new();
    private readonly LogLines<SpoolDrain> _log = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly StateFolder _state;
    private readonly Troubles _troubles = new();
    private readonly SpoolDrain _drain;

    public SpoolDrainTests()
    {
        _state = StateFolder.Open(_root);
        _drain = new SpoolDrain(_state.Spool, Store.OpenSqlite(_state.Database), _troubles, _clock, _log);
    }

    public void Dispose()
    {
        _stop.Dispose();
        _state.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task Facts_arrive_once_and_in_order_however_often_they_are_sent()
    {
        Append(1200);
        Assert.Equal(1200, await _drain.DrainAsync(0, _stop.Token));
        Assert.Equal(1200, await _drain.DrainAsync(0, _stop.Token));
        Append(3);
        Assert.Equal(1203, await _drain.DrainAsync(1200, _stop.Token));
        Assert.Equal(Enumerable.Range(1, 1203).Select(i => $"{i}: fact {i}"), Stored());
        Assert.Equal(1203, _state.Spool.LastSequence);
    }

    [Fact]
    public async Task What_the_database_has_is_left_alone()
    {
        var store = Store.OpenSqlite(_state.Database);
        var first = Fact.After(null, Scene.Start, "note", 4, "ada", "first");
        Assert.Equal(1, await store.AddAsync([first], _stop.Token));
        Assert.Equal(2, await store.AddAsync(
            [first with { Text = "forged" }, Fact.After(first, Scene.Start, "note", null, "ada", "second")], _stop.Token));
        Assert.Equal(["1: first", "2: second"], Stored());
    }

    [Fact]
    public async Task A_locked_database_costs_nothing_and_is_filled_when_it_is_free()
    {
        Append(2);
        await _drain.DrainAsync(0, _stop.Token);
        using (var other = new SqliteConnection($"Data Source={_state.Database};Pooling=False"))
        {
            other.Open();
            Execute(other, "BEGIN EXCLUSIVE");
            Append(2);
            await Assert.ThrowsAsync<SqliteException>(() => _drain.DrainAsync(2, _stop.Token));
            Assert.Equal(4, _state.Spool.ReadAfter(0, 10).Count);
            Execute(other, "COMMIT");
        }
        Assert.Equal(4, await _drain.DrainAsync(2, _stop.Token));
        Assert.Equal(4, Stored().Count);
    }

    [Fact]
    public async Task A_database_that_cannot_be_opened_is_said_until_it_is_back()
    {
        Directory.CreateDirectory(_state.Database);
        Append(3);
        var running = _drain.RunAsync(_stop.Token);
        await PausedAsync(2);
        Assert.Contains("nothing is lost", Assert.Single(_troubles.List()), StringComparison.Ordinal);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await PausedAsync(4);
        Directory.Delete(_state.Database);
        Append(1);
        _clock.Advance(TimeSpan.FromSeconds(4));
        await PausedAsync(1);
        Assert.Empty(_troubles.List());
        Assert.Equal(4, Stored().Count);
        Assert.Equal(
            ["Warning: The database is away", "Information: The database is back"],
            _log.Lines.Select(l => l.Split([':', ';'])).Select(p => $"{p[0]}:{p[1]}"));

        Append(1);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await PausedAsync(1);
        Assert.Equal(5, Stored().Count);
        await _stop.CancelAsync();
        await running.Patiently();
    }

    [Fact]
    public async Task The_pause_between_tries_grows_to_half_a_minute()
    {
        Directory.CreateDirectory(_state.Database);
        Append(1);
        var running = _drain.RunAsync(_stop.Token);
        foreach (var pause in new[] { 2, 4, 8, 16, 30, 30 })
        {
            await PausedAsync(pause);
            _clock.Advance(TimeSpan.FromSeconds(pause));
        }
        await _stop.CancelAsync();
        await running.Patiently();
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private async Task PausedAsync(int seconds)
    {
        while (_clock.UntilNextTimer != TimeSpan.FromSeconds(seconds))
            await Task.Yield();
    }

    private void Append(int facts)
    {
        var last = _state.Spool.LastSequence;
        _state.Spool.Append([.. Enumerable.Range(1, facts).Select(i => new FactDraft(Scene.Start, "note", null, "mainstay", $"fact {last + i}"))]);
    }

    private List<string> Stored()
    {
        using var connection = new SqliteConnection($"Data Source={_state.Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT sequence || ': ' || text FROM facts ORDER BY sequence";
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
            rows.Add(reader.GetString(0));
        return rows;
    }
}
