using Mainstay.Control.Config;

namespace Mainstay.Tests.Config;

public sealed class PracticeReaderTests
{
    private const string Services = """
        services:
          - { name: chat, servers: [{ url: "http://10.0.0.1", region: a }, { url: "http://10.0.0.2", region: b }] }
          - { name: vision, match: { path: /vision }, servers: [{ url: "http://10.0.0.3", region: a }] }
        """;

    [Fact]
    public void A_practice_is_read_with_its_defaults()
    {
        var config = Read("{ region: a, service: chat, every: 14d, at: \"Tue 10:30\", for: 5m }, { region: a, at: \"09:00\" }").Config!;
        Assert.Equal(
            [new PracticeConfig("a", "chat", DayOfWeek.Tuesday, new(10, 30), TimeSpan.FromDays(14), TimeSpan.FromMinutes(5)),
             new PracticeConfig("a", null, null, new(9, 0), TimeSpan.FromDays(7), TimeSpan.FromMinutes(10))],
            config.Practices.AsEnumerable());
    }

    [Theory]
    [InlineData("{ region: c, at: \"10:00\" }", "no server stands in c", "write one of: a, b")]
    [InlineData("{ region: b, service: vision, at: \"10:00\" }", "no server of vision stands in b", "write one of: a")]
    [InlineData("{ region: a, service: fraud, at: \"10:00\" }", "there is no service fraud", "write one of: chat, vision")]
    [InlineData("{ region: a, service: vision, at: \"10:00\" }", "has no server in another region", "add servers elsewhere first")]
    [InlineData("{ region: a, at: \"Tues 10:00\" }", "not a time of day", "Tue 10:00")]
    [InlineData("{ region: a, at: \"24:00\" }", "not a time of day", "Tue 10:00")]
    [InlineData("{ region: a, at: \"10:00\", every: 36h }", "not whole days", "write days")]
    [InlineData("{ region: a, at: \"Tue 10:00\", every: 3d }", "not whole weeks", "14d")]
    [InlineData("{ region: a, at: \"10:00\", for: 5s }", "out of range", "10s to 12h")]
    [InlineData("{ region: a }", "is missing", "write `at:` here")]
    public void A_mistake_is_named_with_its_cure(string practice, string wrong, string cure)
    {
        var error = Read(practice).OnlyError();
        Assert.Contains(wrong, error.Wrong, StringComparison.Ordinal);
        Assert.Contains(cure, error.Cure, StringComparison.Ordinal);
        Assert.StartsWith("practice[0]", error.Key, StringComparison.Ordinal);
    }

    private static ConfigResult Read(string practices) => Written.Read($"version: 1\npractice: [{practices}]\n{Services}");
}
