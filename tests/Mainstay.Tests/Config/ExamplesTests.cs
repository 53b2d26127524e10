using System.Net;
using Mainstay.Control.Config;

namespace Mainstay.Tests.Config;

/// <summary>The examples are what people start from: each must be good, and must run on one machine.</summary>
public sealed class ExamplesTests
{
    private static string[] Names =>
        [.. Directory.GetDirectories(Path.Combine(Written.Root, "examples")).Select(folder => Path.GetFileName(folder)).Order()];

    public static TheoryData<string> Folders => new(Names);

    [Fact]
    public void The_four_examples_are_there() =>
        Assert.Equal<string>(["chatbot", "four-regions", "fraud-and-recommendations", "one-region"], Names);

    [Theory]
    [MemberData(nameof(Folders))]
    public void An_example_is_read_without_errors_and_stays_on_this_machine(string folder)
    {
        var path = Path.Combine(Written.Root, "examples", folder);
        var config = ConfigReader.ReadFile(Path.Combine(path, "mainstay.yaml")).Good();

        Assert.All(config.Services.SelectMany(s => s.Routing.Servers), s => Assert.True(IPAddress.IsLoopback(IPAddress.Parse(s.Url.Host))));
        Assert.True(File.Exists(Path.Combine(path, "README.md")));
    }

    /// <summary>Who follows a README must not find a server of the file without a process.</summary>
    [Theory]
    [MemberData(nameof(Folders))]
    public void The_readme_of_an_example_starts_every_server(string folder)
    {
        var path = Path.Combine(Written.Root, "examples", folder);
        var readme = File.ReadAllText(Path.Combine(path, "README.md"));
        var config = ConfigReader.ReadFile(Path.Combine(path, "mainstay.yaml")).Good();
        var ports = config.Services.SelectMany(s => s.Routing.Servers).Select(s => s.Url.Port);
        Assert.All(ports, port => Assert.Contains($"{port}", readme));
    }

    [Fact]
    public void Only_the_example_of_one_region_is_without_a_backup()
    {
        var warned = Names
            .Where(folder => ConfigReader.ReadFile(Path.Combine(Written.Root, "examples", folder, "mainstay.yaml")).Warnings.Length > 0);
        Assert.Equal<string>(["one-region"], warned);
    }
}
