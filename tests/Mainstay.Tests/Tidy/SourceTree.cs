using System.Text.RegularExpressions;

namespace Mainstay.Tests.Tidy;

/// <summary>The files of the project as they stand on disk, from the folder of Mainstay.slnx down; nothing that was built.</summary>
internal static partial class SourceTree
{
    private static readonly string[] Passed = ["bin", "obj", ".git", "TestResults", "out", "node_modules", "artifacts", "state"];

    public static string Root { get; } = FindRoot();

    /// <summary>Paths relative to <see cref="Root"/> with '/', sorted.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. Walk(new DirectoryInfo(Root)).Order(StringComparer.Ordinal)];

    /// <summary>C# and Razor, tests and benchmarks included.</summary>
    public static IEnumerable<string> Code => Files.Where(f => f.EndsWith(".cs", StringComparison.Ordinal) || f.EndsWith(".razor", StringComparison.Ordinal));

    public static IEnumerable<string> Documents => Files.Where(f => f.EndsWith(".md", StringComparison.Ordinal));

    public static IEnumerable<string> Under(string folder, string ending = ".cs") =>
        Files.Where(f => f.StartsWith(folder + "/", StringComparison.Ordinal) && f.EndsWith(ending, StringComparison.Ordinal));

    public static string Read(string file) => File.ReadAllText(Path.Combine(Root, file));

    /// <summary>The C# of a file without comments and without what stands in strings: what the compiler acts on. Line ends stay.</summary>
    public static string Bare(string file) => CommentOrText().Replace(
        Read(file), m => string.Concat(m.Value.Where(c => c == '\n')) is var lines && m.Value.StartsWith('/') ? lines : $"\"{lines}\"");

    /// <summary>Types that a file declares.</summary>
    public static IEnumerable<(string Name, bool IsPublic, int Line)> Types(string file)
    {
        var bare = Bare(file);
        foreach (Match match in TypeDeclaration().Matches(bare))
            yield return (match.Groups["name"].Value, match.Groups["modifiers"].Value.Contains("public", StringComparison.Ordinal),
                bare.AsSpan(0, match.Index).Count('\n') + 1);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Mainstay.slnx")))
                return folder.FullName;
        throw new InvalidOperationException($"No Mainstay.slnx above {AppContext.BaseDirectory}: run the tests inside the project.");
    }

    private static IEnumerable<string> Walk(DirectoryInfo folder) => folder.EnumerateFiles()
        .Select(f => Path.GetRelativePath(Root, f.FullName).Replace('\\', '/'))
        .Concat(folder.EnumerateDirectories().Where(d => !Passed.Contains(d.Name)).SelectMany(Walk));

    // Line and block comments; raw, verbatim and plain strings, interpolated or not; characters.
    [GeneratedRegex("""""
        //[^\n]* | /\*.*?\*/ | \$*"""+ .*? """+ | [$@]*@[$@]*"(?:[^"]|"")*" | \$?"(?:\\.|[^"\\\n])*" | '(?:\\.[^']*|[^'\\\n])'
        """"", RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex CommentOrText();

    [GeneratedRegex(
        @"^[ \t]*(?<modifiers>(?:(?:public|internal|private|protected|file|static|sealed|abstract|partial|readonly|ref|unsafe|new)\s+)*)"
        + @"(?:record\s+struct|record\s+class|record|class|struct|interface|enum)\s+(?<name>[A-Z]\w*)",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex TypeDeclaration();
}
