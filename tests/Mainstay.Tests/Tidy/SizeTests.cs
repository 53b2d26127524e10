namespace Mainstay.Tests.Tidy;

public sealed class SizeTests
{
    private const int MostLines = 400;

    [Fact]
    public void A_file_stops_at_400_lines()
    {
        string[] endings = [".cs", ".razor", ".js", ".css"];
        var tooLong = SourceTree.Files
            .Where(f => endings.Contains(Path.GetExtension(f)))
            .Select(f => (File: f, Lines: SourceTree.Read(f).AsSpan().TrimEnd('\n').Count('\n') + 1))
            .Where(f => f.Lines > MostLines)
            .Select(f => $"{f.File}: {f.Lines} lines");
        Assert.Empty(tooLong);
    }

    /// <summary>The build measures functions; this keeps anybody from switching that off in passing.</summary>
    [Fact]
    public void The_build_stops_a_function_at_70_lines()
    {
        var rules = SourceTree.Read(".editorconfig").Split('\n').Select(line => line.Trim()).ToList();
        Assert.Contains("MA0051.maximum_lines_per_method = 70", rules);
        Assert.Equal(["dotnet_diagnostic.MA0051.severity = warning"],
            rules.Where(r => r.StartsWith("dotnet_diagnostic.MA0051", StringComparison.Ordinal)));
        Assert.Contains("<TreatWarningsAsErrors>true</TreatWarningsAsErrors>", SourceTree.Read("Directory.Build.props"), StringComparison.Ordinal);
        Assert.Empty(SourceTree.Code
            .Where(f => !f.EndsWith("/SizeTests.cs", StringComparison.Ordinal))
            .Where(f => SourceTree.Read(f) is var text && (text.Contains("disable MA0051", StringComparison.Ordinal)
                || text.Contains("\"MA0051", StringComparison.Ordinal))));
    }
}
