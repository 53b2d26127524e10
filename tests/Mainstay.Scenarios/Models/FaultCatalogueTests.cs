using Xunit.Abstractions;

namespace Mainstay.Scenarios;

/// <summary>The catalogue of faults: whatever a provider does, the caller gets the complete answer, or one clear error where nothing else is left.</summary>
public sealed class FaultCatalogueTests(PlainCatalogue catalogue, ITestOutputHelper output) : IClassFixture<PlainCatalogue>
{
    public static TheoryData<string> Names() => [.. CatalogueHouse.Plain.Keys];

    [Fact]
    public void It_has_what_was_asked_for() => Assert.InRange(FaultCases.All.Count, 40, 200);

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_caller_gets(string name) => CaseCheck.AssertAsync(catalogue, name, CatalogueHouse.Plain[name], output);
}

/// <summary>The same where callers of openai are served by servers of other APIs, of one or of several.</summary>
public sealed class MappedCatalogueTests(MappedCatalogue catalogue, ITestOutputHelper output) : IClassFixture<MappedCatalogue>
{
    public static TheoryData<string> Names() => [.. CatalogueHouse.Mapped.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_caller_gets(string name) => CaseCheck.AssertAsync(catalogue, name, CatalogueHouse.Mapped[name], output);
}

/// <summary>Holds the answer to a case against what is wanted.</summary>
internal static class CaseCheck
{
    public static async Task AssertAsync(CatalogueHouse catalogue, string name, (FaultCase Case, CallerMode Mode) named, ITestOutputHelper output)
    {
        var (fault, mode) = named;
        var providers = catalogue.Providers(name);
        var answer = await catalogue.AnswerAsync(name);
        var seen = $"{answer}\n{string.Join('\n', providers.Select((p, i) => $"server {i}: {p.Requests.Count} requests, {string.Join(" / ", p.Requests.Select(r => r.Target))}"))}";
        output.WriteLine(seen);

        AssertWanted(answer, fault, mode, fault.Text ?? providers[fault.Wanted == Wanted.ErrorEvent ? 0 : ^1].Text, seen);
        Assert.True(answer.Took < fault.Within, $"Too late. {seen}");
        Assert.True(providers[0].Requests.Count <= fault.MostAtFirst, seen);
        Assert.All(providers, p => Assert.True(p.Requests.Count <= 3, seen));
        Assert.All(fault.NotAsked, i => Assert.True(providers[i].Requests.Count == 0, seen));
        Assert.True(!fault.IsAbandoned || providers[0].Requests.First().Abandoned.IsCompleted, seen);
    }

    private static void AssertWanted(CallerAnswer answer, FaultCase fault, CallerMode mode, string text, string seen)
    {
        Assert.True(answer.Broken is null, seen);
        if (fault.Wanted == Wanted.Error)
        {
            AssertError(answer, fault, seen);
            return;
        }
        Assert.True(answer.Status == 200, seen);
        if (fault.Wanted == Wanted.ErrorEvent)
        {
            Assert.True(answer.Errors == 1 && !string.IsNullOrEmpty(answer.Error) && !answer.IsDone && answer.Finish is null, seen);
            Assert.StartsWith(answer.Text, text, StringComparison.Ordinal);
            return;
        }
        Assert.True(answer.Error is null, seen);
        Assert.True(answer.IsDone == mode.IsStream, seen);
        if (fault.Wanted == Wanted.Tool)
        {
            Assert.Equal((ProviderApi.Tool.Name, string.Concat(ProviderApi.Tool.Arguments), mode.ToolFinish), (answer.ToolName, answer.ToolArguments, answer.Finish));
            return;
        }
        Assert.Equal(text, answer.Text);
        Assert.True(answer.Finish == mode.Finish, seen);
    }

    private static void AssertError(CallerAnswer answer, FaultCase fault, string seen)
    {
        Assert.True((answer.Status == fault.Error.Status || (fault.Error.Status >= 500 && answer.Status >= 500)) && !string.IsNullOrEmpty(answer.Error) && answer.Text.Length == 0 && !answer.IsDone, seen);
        Assert.Contains(fault.Error.Says, answer.Error, StringComparison.Ordinal);
        if (answer.Status == 429)
            Assert.InRange(int.Parse(answer.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 1, 7);
    }
}
