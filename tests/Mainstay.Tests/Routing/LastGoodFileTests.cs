using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class LastGoodFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mainstay-test-");
    private readonly LastGoodFile _file;

    public LastGoodFileTests() => _file = new LastGoodFile(Path.Combine(_folder.FullName, "table.json"));

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void What_was_written_is_read()
    {
        var table = Table(118);
        _file.Write(table);
        var read = _file.TryRead(out var why);
        Assert.Equal("", why);
        Assert.NotNull(read);
        // Arrays in records compare by reference; every value of the table stands in its text.
        Assert.Equal(Text(table), Text(read));
        Assert.Equal(table.Services[0].Servers.AsEnumerable(), read.Services[0].Servers);
        Assert.Equal(table.Services[0].Timeouts, read.Services[0].Timeouts);
        Assert.Equal(table.Services[0].Health, read.Services[0].Health);
        Assert.Equal(table.Overlays.AsEnumerable(), read.Overlays);
    }

    [Fact]
    public void Without_a_file_it_says_so()
    {
        Assert.Null(_file.TryRead(out var why));
        Assert.Contains(_file.Path, why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_anywhere_gives_no_table_and_a_reason()
    {
        _file.Write(Table(1));
        var whole = File.ReadAllBytes(_file.Path);
        for (var length = 0; length < whole.Length - 1; length += 7)
        {
            File.WriteAllBytes(_file.Path, whole.AsSpan(0, length));
            Assert.Null(_file.TryRead(out var why));
            Assert.Contains(_file.Path, why, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"version":1,"services":null,"overlays":[]}""")]
    [InlineData("""{"version":1,"services":[{}],"overlays":[]}""")]
    public void What_is_not_a_table_gives_a_reason(string text)
    {
        File.WriteAllText(_file.Path, text);
        Assert.Null(_file.TryRead(out var why));
        Assert.NotEqual("", why);
    }

    [Fact]
    public async Task A_reader_sees_the_old_table_or_the_new_one_whole()
    {
        _file.Write(Table(0));
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(() =>
        {
            for (var version = 1; version <= 200; version++)
                _file.Write(Table(version));
            stop.Cancel();
        });
        var last = 0L;
        while (!stop.IsCancellationRequested)
        {
            var table = _file.TryRead(out var why);
            Assert.True(table is not null, why);
            Assert.InRange(table.Version, last, 200);
            last = table.Version;
        }
        await writing.Patiently();
    }

    [Fact]
    public void A_write_that_fails_is_an_IOException_and_leaves_the_table_before()
    {
        _file.Write(Table(1));
        // Stands where the next table would be written; root may write anywhere, so a forbidden folder would prove nothing.
        Directory.CreateDirectory(_file.Path + ".next");
        Assert.ThrowsAny<IOException>(() => _file.Write(Table(2)));
        Assert.Equal(1, _file.TryRead(out _)?.Version);
        Assert.ThrowsAny<IOException>(() => new LastGoodFile(Path.Combine(_folder.FullName, "none", "table.json")).Write(Table(1)));
    }

    private static string Text(RouteTable table) => System.Text.Json.JsonSerializer.Serialize(table);

    private static RouteTable Table(long version) => new(
        version,
        [
            Tables.Service(Tables.Server("a:9000/v1", "r1"), Tables.Server("b:9000", "r2", rank: 2, weight: 2.5, capacity: 200)) with
            {
                PathPrefix = "/moderation",
                Strip = true,
                Host = "chat.example",
                Health = new HealthCheck { Path = "/health" },
                Timeouts = new Timeouts { FirstByte = TimeSpan.FromSeconds(1.5) },
                Retry = new RetryPolicy { ReplaySafe = true },
                AnswerWhenDown = """{"label":"unknown — é"}""",
            },
        ],
        [new Overlay("41-1", "moderation", "r1", null, 0.25)]);
}
