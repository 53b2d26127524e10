namespace Mainstay.Scenarios;

/// <summary>The story of one answer, from the command line: its server dies in the middle of a word, and the sentence goes on.</summary>
public sealed class StreamStoryTests
{
    [Fact]
    public async Task An_answer_whose_server_dies_in_the_middle_of_a_word_comes_whole()
    {
        using var folder = new ScenarioFolder();
        await using var demo = MainstayProcess.Start(
            folder.Root, "demo", "--story", "stream", "--folder", folder.Root, "--listen", folder.Traffic.GetLeftPart(UriPartial.Authority));

        var ended = await demo.EndAsync();

        Assert.True(ended.ExitCode == 0, ended.Everything);
        var lines = ended.Output.Split('\n');
        // Letters on both sides of the mark: it was the middle of a word.
        Assert.Matches(@"\p{L}✖\p{L}", ended.Output);
        Assert.Contains("in the middle of a word, the server in us-east-1 got SIGKILL", ended.Output, StringComparison.Ordinal);
        Assert.Contains("came from us-east-2", ended.Output, StringComparison.Ordinal);
        Assert.Contains("byte for byte what one server alone would have said", ended.Output, StringComparison.Ordinal);
        var explain = lines.SkipWhile(l => !l.StartsWith("$ mainstay explain ", StringComparison.Ordinal)).ToList();
        Assert.Contains("answered 200", explain[1], StringComparison.Ordinal);
        Assert.Contains("2 attempts", explain[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_story_is_refused_with_the_cure()
    {
        var ended = await MainstayProcess.RunAsync(Path.GetTempPath(), "demo", "--story", "other");
        Assert.Equal(2, ended.ExitCode);
        Assert.Contains("--story other: write region or stream.", ended.Errors, StringComparison.Ordinal);
    }
}
