using Mainstay.Control.Mitigation;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Mitigation;

public sealed class PauseFileTests : IDisposable
{
    private readonly string _state = Directory.CreateTempSubdirectory("mainstay-pause-").FullName;

    public void Dispose() => Directory.Delete(_state, recursive: true);

    [Fact]
    public void A_pause_is_read_as_it_was_written_until_it_is_removed()
    {
        var file = new PauseFile(_state);
        var pause = new Pause("ada", DashboardSamples.Now, "maintenance, \"east\"");

        Assert.Null(file.Read());
        Assert.False(file.Remove());
        file.Write(pause);
        Assert.Equal(pause, new PauseFile(_state).Read());
        Assert.Single(File.ReadAllLines(file.Path));
        Assert.True(file.Remove());
        Assert.Null(file.Read());
    }

    [Theory]
    [InlineData("")]
    [InlineData("stop!")]
    [InlineData("{\"who\":null}")]
    [InlineData("{\"who\":\"ada\",\"at\":\"never\"}")]
    [InlineData("null")]
    public void A_file_that_says_nothing_useful_still_pauses(string content)
    {
        var file = new PauseFile(_state);
        File.WriteAllText(file.Path, content);
        Assert.Equal(Pause.Unknown, file.Read());
    }
}
