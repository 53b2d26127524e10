using Mainstay.Control.Storage;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Storage;

public sealed class StateFolderTests : IDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("mainstay-state-").FullName;

    private string Root => Path.Combine(_parent, "deep", "state");

    public void Dispose() => Directory.Delete(_parent, recursive: true);

    [Fact]
    public void A_second_mainstay_is_told_that_the_folder_is_in_use()
    {
        using (StateFolder.Open(Root))
        {
            var error = Assert.Throws<IOException>(() => StateFolder.Open(Root));
            Assert.Contains("in use by another mainstay", error.Message, StringComparison.Ordinal);
            Assert.Contains(Root, error.Message, StringComparison.Ordinal);
        }
        StateFolder.Open(Root).Dispose();
    }

    [Fact]
    public void A_folder_that_cannot_be_used_is_not_called_in_use_and_stays_free()
    {
        StateFolder.Open(Root).Dispose();
        Directory.Delete(Path.Combine(Root, "spool"), recursive: true);
        File.WriteAllText(Path.Combine(Root, "spool"), "");
        var error = Assert.Throws<IOException>(() => StateFolder.Open(Root));
        Assert.DoesNotContain("another mainstay", error.Message, StringComparison.Ordinal);
        Assert.Contains("spool", error.Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(Root, "spool"));
        StateFolder.Open(Root).Dispose();
    }

    [Fact]
    public void A_file_in_its_place_is_named()
    {
        var file = Path.Combine(_parent, "file");
        File.WriteAllText(file, "");
        Assert.Contains(file, Assert.Throws<IOException>(() => StateFolder.Open(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reviews_are_written_beside_the_rest()
    {
        using var state = StateFolder.Open(Root);
        var name = state.WriteReview(DashboardSamples.Open);
        Assert.Equal("incident-41.md", name);
        Assert.StartsWith("# Incident 41", File.ReadAllText(Path.Combine(state.Reviews, name)), StringComparison.Ordinal);
    }
}
