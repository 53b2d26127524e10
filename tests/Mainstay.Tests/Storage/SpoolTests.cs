using Mainstay.Control.Storage;

namespace Mainstay.Tests.Storage;

public sealed class SpoolTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-spool-").FullName;
    private Spool _spool;

    public SpoolTests() => _spool = new Spool(_folder);

    public void Dispose()
    {
        _spool.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Facts_are_read_as_they_were_written_and_in_order()
    {
        var odd = new FactDraft(Scene.Start, "order", 41, "ada", "line\nbreak, \"quotes\", ü 模");
        _spool.Append([Draft(1), odd]);
        _spool.Append([Draft(3)]);
        _spool.Append([]);
        var facts = _spool.ReadAfter(0, 100);
        Assert.Equal((41, "ada", odd.Text), (facts[1].Incident, facts[1].Who, facts[1].Text));
        AssertChain(3);
        Assert.Equal([2L], _spool.ReadAfter(1, 1).Select(f => f.Sequence));
        Assert.Empty(_spool.ReadAfter(3, 100));
    }

    [Fact]
    public void A_spool_that_is_opened_again_continues_the_chain()
    {
        for (var i = 1; i <= 6; i += 2)
        {
            _spool.Append([Draft(i), Draft(i + 1)]);
            Reopen();
            Assert.Equal(i + 1, _spool.LastSequence);
            Reopen();
        }
        AssertChain(6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(1000)]
    public void A_last_line_that_a_crash_cut_is_left_out_and_takes_nothing_with_it(int bytes)
    {
        _spool.Append([Draft(1), Draft(2), Draft(3)]);
        _spool.Dispose();
        var file = Directory.GetFiles(_folder).Single();
        using (var open = new FileStream(file, FileMode.Open))
            open.SetLength(Math.Max(0, open.Length - bytes));
        _spool = new Spool(_folder);
        var left = _spool.LastSequence;
        // Without its line end a fact is whole all the same.
        Assert.Equal(bytes switch { 1 => 3, 20 => 2, _ => 0 }, left);
        _spool.Append([Draft(8), Draft(9)]);
        AssertChain(left + 2);
    }

    [Fact]
    public void Half_a_line_in_the_file_that_is_written_takes_nothing_with_it()
    {
        _spool.Append([Draft(1)]);
        Reopen();
        _spool.Dispose();
        // The crash came while the first line of this file was written.
        File.WriteAllText(Path.Combine(_folder, "000000000002.jsonl"), """{"sequence":2,"at":"2026""");
        _spool = new Spool(_folder);
        _spool.Append([Draft(2)]);
        _spool.Append([Draft(3)]);
        AssertChain(3);
        Reopen();
        Assert.Equal(3, _spool.LastSequence);
    }

    [Fact]
    public void Files_are_closed_at_a_megabyte_and_the_chain_goes_on()
    {
        Fill(30);
        Assert.InRange(Directory.GetFiles(_folder).Length, 3, 6);
        AssertChain(30);
        Assert.Equal([21L, 22, 23], _spool.ReadAfter(20, 3).Select(f => f.Sequence));
        Reopen();
        Assert.Equal(30, _spool.LastSequence);
    }

    [Fact]
    public void What_stands_elsewhere_is_deleted_and_the_rest_stays()
    {
        Fill(30);
        var files = Directory.GetFiles(_folder).Length;
        _spool.DeleteThrough(0);
        Assert.Equal(files, Directory.GetFiles(_folder).Length);
        _spool.DeleteThrough(20);
        Assert.InRange(Directory.GetFiles(_folder).Length, 1, files - 1);
        var facts = _spool.ReadAfter(0, 100);
        Assert.True(facts[0].Sequence <= 21);
        Assert.Equal(30, facts[^1].Sequence);
    }

    [Fact]
    public void Though_everything_stands_elsewhere_the_chain_is_not_forgotten()
    {
        _spool.Append([Draft(1), Draft(2)]);
        Reopen();
        _spool.DeleteThrough(2);
        // Nothing was appended when it ends again.
        Reopen();
        Assert.Equal(2, _spool.LastSequence);
        _spool.Append([Draft(3)]);
        Assert.Equal(3, Assert.Single(_spool.ReadAfter(2, 10)).Sequence);
    }

    [Fact]
    public void On_a_full_disk_nothing_counts_as_written_and_nothing_is_lost_when_there_is_room_again()
    {
        _spool.Append([Draft(1)]);
        using (new FullDisk(Directory.GetFiles(_folder).Single()))
        {
            var error = Assert.Throws<IOException>(() => _spool.Append([Draft(2), Draft(3)]));
            Assert.Contains(_folder, error.Message, StringComparison.Ordinal);
            Assert.Throws<IOException>(() => _spool.Append([Draft(2), Draft(3)]));
            Assert.Equal(1, _spool.LastSequence);
        }
        _spool.Append([Draft(2), Draft(3)]);
        AssertChain(3);
    }

    [Fact]
    public void Facts_count_though_the_next_file_cannot_be_made_yet()
    {
        Fill(1);
        var away = _folder + "-away";
        Directory.Move(_folder, away);
        File.WriteAllText(_folder, "not a folder");
        Fill(12);
        Assert.Equal(13, _spool.LastSequence);
        File.Delete(_folder);
        Directory.Move(away, _folder);
        Fill(12);
        AssertChain(25);
        Assert.InRange(Directory.GetFiles(_folder).Length, 2, 4);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_said()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        Assert.Throws<IOException>(() => new Spool(file));
    }

    private static FactDraft Draft(long number) => new(Scene.Start.AddSeconds(number), "note", null, "mainstay", $"fact {number}");

    /// <summary>Facts of a tenth of a megabyte each.</summary>
    private void Fill(int facts)
    {
        for (var i = 0; i < facts; i++)
            _spool.Append([Draft(i) with { Text = new string('x', 110_000) }]);
    }

    private void Reopen()
    {
        _spool.Dispose();
        _spool = new Spool(_folder);
    }

    /// <summary>All facts are there, genuine, and each names the one before.</summary>
    private void AssertChain(long last)
    {
        var facts = _spool.ReadAfter(0, 1000);
        Assert.Equal(last, _spool.LastSequence);
        Assert.Equal(Enumerable.Range(1, (int)last).Select(i => (long)i), facts.Select(f => f.Sequence));
        Assert.All(facts, f => Assert.True(f.IsGenuine));
        Assert.Equal(facts.SkipLast(1).Select(f => f.Hash).Prepend(""), facts.Select(f => f.Previous));
    }
}
