using Mainstay.Control.Config;

namespace Mainstay.Tests.Config;

/// <summary>Configuration files for tests, and where they and the repository's own stand.</summary>
internal static class Written
{
    /// <summary>The smallest file: one service with two servers in two regions.</summary>
    public const string Small = """
        version: 1
        services:
          - name: moderation
            servers:
              - { url: "http://10.0.1.10:9000", region: us-east-1 }
              - { url: "http://10.0.2.10:9000", region: us-east-2 }
        """;

    /// <summary>The root of the repository.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Reads a text as if it were mainstay.yaml of a folder that does not exist.</summary>
    public static ConfigResult Read(string text) => ConfigReader.Read(text, "/nowhere/mainstay.yaml");

    /// <summary>The smallest file with further lines in its service.</summary>
    public static ConfigResult ReadService(params string[] lines) =>
        Read(Small + "\n" + string.Join("\n", lines.Select(line => "    " + line)));

    /// <summary>Errors as "line key", for comparison at a glance.</summary>
    public static string[] Places(this ConfigResult result) => [.. result.Errors.Select(e => $"{e.Line} {e.Key}")];

    /// <summary>The configuration; fails with the errors if there are any.</summary>
    public static MainstayConfig Good(this ConfigResult result)
    {
        Assert.True(result.Errors.IsEmpty, string.Join('\n', result.Errors));
        return result.Config!;
    }

    /// <summary>The one error of a file.</summary>
    public static ConfigError OnlyError(this ConfigResult result)
    {
        Assert.Null(result.Config);
        Assert.True(result.Errors.Length == 1, string.Join('\n', result.Errors));
        return result.Errors[0];
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Mainstay.slnx")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("The tests do not stand in the repository.");
    }
}
