using Xunit.Abstractions;

namespace Mainstay.Scenarios;

/// <summary>One Mainstay with a model for every case of the catalogue in every mode, so that no case sees what another did.</summary>
public sealed class CatalogueHouse : IAsyncLifetime, IDisposable
{
    private const int AtOnce = 8;

    /// <summary>An attempt that was given up is cancelled so soon after the answer's end.</summary>
    private static readonly TimeSpan CancelledWithin = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, (string Model, FakeProvider[] Providers)> _places = [];
    private readonly Dictionary<string, Task<CallerAnswer>> _answers = [];
    private readonly SemaphoreSlim _free = new(AtOnce);

    internal static IReadOnlyDictionary<string, (FaultCase Case, CallerMode Mode)> Cases { get; } =
        FaultCases.All.SelectMany(c => c.Modes.Select(mode => (c, mode))).ToDictionary(p => $"{p.mode}: {p.c.Name}");

    internal ModelHouse House { get; private set; } = null!;

    internal FakeProvider[] Providers(string name) => _places[name].Providers;

    /// <summary>The answer to a case. Most of its time is waiting: whoever asks for a second case wants them all, so that they are asked side by side.</summary>
    internal Task<CallerAnswer> AnswerAsync(string name)
    {
        lock (_answers)
        {
            foreach (var wanted in _answers.Count == 0 ? (IEnumerable<string>)[name] : _places.Keys)
                if (!_answers.ContainsKey(wanted))
                    _answers[wanted] = AskAsync(wanted);
            return _answers[name];
        }
    }

    public async Task InitializeAsync()
    {
        var models = new List<HouseModel>();
        foreach (var (name, (fault, mode)) in Cases)
        {
            var providers = fault.Servers.Select(_ => new FakeProvider()).ToArray();
            for (var i = 0; i < providers.Length; i++)
                fault.Servers[i](providers[i]);
            _places[name] = ($"m{models.Count}", providers);
            models.Add(new HouseModel(_places[name].Model, mode.Api, [.. providers.Select((p, i) => (p, fault.Options.ElementAtOrDefault(i) ?? ""))])
            {
                Options = fault.ModelOptions,
            });
        }
        House = await ModelHouse.StartAsync(models);
    }

    public async Task DisposeAsync() => await House.DisposeAsync();

    public void Dispose() => _free.Dispose();

    private async Task<CallerAnswer> AskAsync(string name)
    {
        var (fault, mode) = Cases[name];
        var (model, providers) = _places[name];
        await _free.WaitAsync();
        try
        {
            var answer = await House.Caller.AskAsync(mode, model, fault.Asks + (fault.WithTools ? mode.Tools : "")).Patiently();
            if (fault.IsAbandoned && providers[0].Requests.FirstOrDefault() is { } first)
                await first.Abandoned.WaitAsync(CancelledWithin, Patience.Clock);
            return answer;
        }
        finally
        {
            _free.Release();
        }
    }
}

/// <summary>The catalogue of faults: whatever a provider does, the caller gets the complete answer, or one clear error where nothing else is left.</summary>
public sealed class FaultCatalogueTests(CatalogueHouse catalogue, ITestOutputHelper output) : IClassFixture<CatalogueHouse>
{
    public static TheoryData<string> Names() => [.. CatalogueHouse.Cases.Keys];

    [Fact]
    public void It_has_what_was_asked_for() => Assert.InRange(FaultCases.All.Count, 40, 200);

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_caller_gets(string name)
    {
        var (fault, mode) = CatalogueHouse.Cases[name];
        var providers = catalogue.Providers(name);

        var answer = await catalogue.AnswerAsync(name);
        var seen = $"{answer}\n{string.Join('\n', providers.Select((p, i) => $"server {i}: {p.Requests.Count} requests"))}";
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
