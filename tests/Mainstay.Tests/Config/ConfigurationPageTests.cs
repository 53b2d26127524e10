using Mainstay.Control.Config;

namespace Mainstay.Tests.Config;

/// <summary>Keeps docs/operate/configuration.md from going stale: its tables are those of <see cref="ConfigKeys"/>.</summary>
public sealed class ConfigurationPageTests
{
    private static string Page => File.ReadAllText(Path.Combine(Written.Root, "docs", "operate", "configuration.md"));

    [Fact]
    public void The_page_has_a_row_for_every_key_and_no_other()
    {
        string[] wanted = [.. ConfigKeys.All.Select(Row)];
        string[] rows = [.. Page.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))];

        Assert.True(
            wanted.SequenceEqual(rows),
            "docs/operate/configuration.md differs from ConfigKeys.\nMissing or out of order there:\n"
            + string.Join('\n', wanted.Except(rows)) + "\nNot in ConfigKeys:\n" + string.Join('\n', rows.Except(wanted)));
    }

    /// <summary>The first block of YAML on the page is an example that people copy.</summary>
    [Fact]
    public void The_example_of_the_page_is_good()
    {
        var text = Page.Split("```yaml\n")[1].Split("```")[0];
        Assert.Empty(Written.Read(text).Errors);
    }

    private static string Row(ConfigKey key)
    {
        var meaning = key.Meaning.Replace("|", "\\|");
        if (key.IsReserved)
            return $"| `{key.Path}` | {meaning} |";
        var standard = key.Default.StartsWith('(') ? key.Default.Trim('(', ')') : $"`{key.Default}`";
        return $"| `{key.Path}` | {key.Unit.Text} | {standard} | {meaning} |";
    }
}
