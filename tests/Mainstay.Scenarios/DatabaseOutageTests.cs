using Microsoft.Data.Sqlite;

namespace Mainstay.Scenarios;

/// <summary>The database is away for a while: no caller notices, and what happened meanwhile stands in it afterwards.</summary>
public sealed class DatabaseOutageTests(TwoRegions regions) : IClassFixture<TwoRegions>
{
    private const string Paused = "paused all remedies";

    [Fact]
    public async Task Traffic_flows_on_while_the_database_is_locked_and_its_facts_arrive_afterwards()
    {
        using var folder = new ScenarioFolder();
        folder.Write(regions.Servers);
        await using var route = await ControlPlaneDeathTests.RouteAsync(folder);
        await using var control = await ControlPlaneDeathTests.ControlAsync(folder);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic);
        await Patience.UntilAsync("the first fact in the database", () => FactTable.Read(folder.Database).Count > 0);
        using (var other = FactTable.Open(folder.Database, SqliteOpenMode.ReadWrite))
        {
            Execute(other, "BEGIN EXCLUSIVE");
            await PauseAsync(instance, folder);
            await instance.UntilTroubleAsync("database");
            await callers.MoreAsync(200);
            Execute(other, "ROLLBACK");
        }
        await AssertFactsArriveAsync(folder, instance);
        await callers.StopAsync();
        Assert.Empty(callers.Failures);
    }

    [Theory]
    [InlineData("a folder")]
    [InlineData("a link to nowhere that can be written")]
    public async Task Traffic_flows_on_while_the_database_cannot_be_written_and_its_facts_arrive_afterwards(string instead)
    {
        using var folder = new ScenarioFolder();
        folder.Write(regions.Servers);
        await using var route = await ControlPlaneDeathTests.RouteAsync(folder);
        await using var control = await ControlPlaneDeathTests.ControlAsync(folder);
        var instance = new Instance(folder);
        await using var callers = new Callers(folder.Traffic);
        await Patience.UntilAsync("the first fact in the database", () => FactTable.Read(folder.Database).Count > 0);

        File.Move(folder.Database, folder.Database + ".aside");
        if (instead == "a folder")
            Directory.CreateDirectory(folder.Database);
        else
            File.CreateSymbolicLink(folder.Database, "/proc/self/no-such-entry");
        await PauseAsync(instance, folder);
        await instance.UntilTroubleAsync("database");
        await callers.MoreAsync(200);
        if (instead == "a folder")
            Directory.Delete(folder.Database);
        else
            File.Delete(folder.Database);
        File.Move(folder.Database + ".aside", folder.Database);

        await AssertFactsArriveAsync(folder, instance);
        await callers.StopAsync();
        Assert.Empty(callers.Failures);
    }

    /// <summary>An order is a fact for the database, and it must work without one.</summary>
    private static async Task PauseAsync(Instance instance, ScenarioFolder folder)
    {
        var pause = await instance.RunAsync("pause", "--state", folder.State, "--token-file", folder.Token);
        Assert.True(pause.ExitCode == 0, pause.Everything);
        Assert.Contains("The running instance did it", pause.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(FactTable.Read(folder.Database), f => f.Text.Contains(Paused, StringComparison.Ordinal));
    }

    private static async Task AssertFactsArriveAsync(ScenarioFolder folder, Instance instance)
    {
        await Patience.UntilAsync(
            "the order in the database", () => FactTable.Read(folder.Database).Any(f => f.Text.Contains(Paused, StringComparison.Ordinal)));
        FactTable.AssertWhole(FactTable.Read(folder.Database));
        await instance.UntilNoTroubleAsync();
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
