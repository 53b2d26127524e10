namespace Mainstay.Scenarios;

/// <summary>An operator's mistake: a message that names it and the cure, exit 2, no stack trace, nothing that looks like success.</summary>
internal static class Refusal
{
    public static void AssertPlain(Ended ended, params string[] words)
    {
        Assert.True(ended.ExitCode == 2, ended.Everything);
        Assert.All(words, word => Assert.Contains(word, ended.Errors, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", ended.Errors, StringComparison.Ordinal);
        Assert.Equal("", ended.Output);
    }
}
