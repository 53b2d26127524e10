using Mainstay.Control.Incidents;
using Mainstay.Control.Storage;
using Mainstay.Tests.Dashboard;

namespace Mainstay.Tests.Storage;

public sealed class IncidentFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mainstay-incidents-").FullName;
    private readonly IncidentFile _file;

    public IncidentFileTests() => _file = new IncidentFile(Target);

    private string Target => Path.Combine(_folder, "incidents.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Incidents_are_read_as_they_were_written()
    {
        Assert.Empty(_file.Read(out var trouble));
        _file.Write([DashboardSamples.Open]);
        var read = Assert.Single(_file.Read(out trouble));
        Assert.Null(trouble);
        var written = DashboardSamples.Open;
        Assert.Equal((written.Number, written.Occurred, written.Stage, written.Title), (read.Number, read.Occurred, read.Stage, read.Title));
        Assert.Equal(written.Timeline.AsEnumerable(), read.Timeline);
        Assert.Equal(written.Remedies.AsEnumerable(), read.Remedies);
        Assert.Equal(written.Anomalies.AsEnumerable(), read.Anomalies);
        Assert.Equal(written.Impact.Customers.AsEnumerable(), read.Impact.Customers);
        Assert.Equal(written.Impact.FirstRescueMs, read.Impact.FirstRescueMs);
        Assert.Equal(written.Causes[0].Evidence.AsEnumerable(), read.Causes[0].Evidence);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[{\"number\":1")]
    [InlineData("[{}]")]
    [InlineData("{}")]
    [InlineData("[{\"number\":1,\"region\":\"a\",\"occurred\":\"2026-01-01T00:00:00Z\",\"detected\":\"2026-01-01T00:00:00Z\",\"stages\":[]}]")]
    [InlineData("[null]")]
    public void A_file_that_cannot_be_understood_is_kept_aside_and_said(string text)
    {
        File.WriteAllText(Target, text);
        Assert.Empty(_file.Read(out var trouble));
        Assert.Contains(Target + ".unreadable", trouble, StringComparison.Ordinal);
        Assert.Equal(text, File.ReadAllText(Target + ".unreadable"));
        Assert.False(File.Exists(Target));
    }

    [Fact]
    public void A_write_that_fails_keeps_what_was_there()
    {
        _file.Write([DashboardSamples.Open]);
        Directory.CreateDirectory(Target + ".next");
        Assert.Throws<IOException>(() => _file.Write([]));
        Assert.Single(_file.Read(out _));
    }
}
