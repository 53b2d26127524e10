using System.Text.RegularExpressions;

namespace Mainstay.Tests.Tidy;

/// <summary>Names, forbidden shortcuts, and the documents that must agree with the code.</summary>
public sealed partial class WordTests
{
    [Fact]
    public void No_type_is_named_after_nothing() =>
        Assert.Empty(SourceTree.Code
            .SelectMany(f => SourceTree.Types(f).Select(t => (File: f, t.Name)))
            .Where(t => Refused().IsMatch(t.Name) || (t.Name.EndsWith("Service", StringComparison.Ordinal) && t.Name is not ("Service" or "LiveService"))));

    [Theory]
    [InlineData("#region")]
    [InlineData("Thread.Sleep")]
    [InlineData("NotImplementedException")]
    public void Refused_in_code(string text) =>
        Assert.Empty(SourceTree.Code.Where(f => SourceTree.Bare(f).Contains(text, StringComparison.Ordinal)));

    [Fact]
    public void A_skipped_test_says_why() =>
        Assert.Empty(SourceTree.Under("tests").SelectMany(f => EmptySkip().Matches(SourceTree.Read(f)).Select(m => $"{f}: {m.Value}")));

    [Fact]
    public void Every_public_type_of_the_product_says_what_it_is()
    {
        var silent = new List<string>();
        foreach (var file in SourceTree.Under("src"))
        {
            var lines = SourceTree.Read(file).Split('\n');
            foreach (var (name, _, line) in SourceTree.Types(file).Where(t => t.IsPublic))
                if (!IsDocumented(lines, line - 1))
                    silent.Add($"{file}:{line}: {name}");
        }
        Assert.Empty(silent);
    }

    [Fact]
    public void Every_word_of_the_list_lives_in_the_code()
    {
        var code = string.Join('\n', SourceTree.Under("src").Concat(SourceTree.Under("src", ".razor")).Select(SourceTree.Read));
        var words = Bold().Matches(SourceTree.Read("docs/words.md")).Select(m => m.Groups["word"].Value).ToList();
        Assert.NotEmpty(words);
        Assert.Empty(words.Where(word => !Regex.IsMatch(
            code, string.Join("[ -]?", word.Split(' ', '-').Select(Regex.Escape)), RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)));
    }

    [Fact]
    public void Every_type_that_the_list_of_words_names_exists()
    {
        var types = SourceTree.Under("src").SelectMany(f => SourceTree.Types(f).Select(t => t.Name)).ToHashSet();
        Assert.Empty(TypeInText().Matches(SourceTree.Read("docs/words.md")).Select(m => m.Groups["type"].Value).Where(t => !types.Contains(t)));
    }

    [Fact]
    public void Links_between_the_documents_lead_somewhere()
    {
        var broken = new List<string>();
        foreach (var file in SourceTree.Documents)
            foreach (Match link in Link().Matches(Fenced().Replace(SourceTree.Read(file), "")))
            {
                var target = Uri.UnescapeDataString(link.Groups["target"].Value.Split('#')[0]);
                if (target.Length == 0 || target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal))
                    continue;
                var path = Path.Combine(SourceTree.Root, Path.GetDirectoryName(file)!, target);
                if (!File.Exists(path) && !Directory.Exists(path))
                    broken.Add($"{file}: {link.Value}");
            }
        Assert.Empty(broken);
    }

    [Fact]
    public void No_path_of_a_developers_machine_stands_in_the_project()
    {
        string[] endings = [".cs", ".razor", ".md", ".yaml", ".yml", ".json", ".sh", ".js", ".css", ".props", ".csproj"];
        Assert.Empty(SourceTree.Files
            .Where(f => endings.Contains(Path.GetExtension(f)) || f == ".ci/run")
            .SelectMany(f => MachinePath().Matches(SourceTree.Read(f)).Select(m => $"{f}: {m.Value}")));
    }

    private static bool IsDocumented(string[] lines, int declaration)
    {
        for (var i = declaration - 1; i >= 0; i--)
        {
            var line = lines[i].Trim();
            if (line.StartsWith("///", StringComparison.Ordinal))
            {
                // <param> may stand after the summary, or alone: a record's parameters can say it all.
                if (line.Contains("<summary>", StringComparison.Ordinal) || line.Contains("<param ", StringComparison.Ordinal))
                    return true;
            }
            else if (!line.StartsWith('[') && !line.EndsWith(']'))
            {
                return false;
            }
        }
        return false;
    }

    [GeneratedRegex("Manager|Helper|Util|Common|(?<![a-z])Base(?![a-z])|Impl(?![a-z])", RegexOptions.ExplicitCapture)]
    private static partial Regex Refused();

    [GeneratedRegex("""\[(Fact|Theory)\(Skip\s*=\s*("\s*"|null)""", RegexOptions.ExplicitCapture)]
    private static partial Regex EmptySkip();

    [GeneratedRegex(@"\*\*(?<word>[^*]+)\*\*", RegexOptions.ExplicitCapture)]
    private static partial Regex Bold();

    [GeneratedRegex("`(?<type>[A-Z][A-Za-z]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex TypeInText();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Fenced();

    // Not after a letter, a digit, a point or a slash: "http://host/work/" and "./work/" are no such paths.
    [GeneratedRegex(@"(?<![\w./-])/(work|home|Users|root)/\w+", RegexOptions.ExplicitCapture)]
    private static partial Regex MachinePath();
}
