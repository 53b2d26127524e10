namespace Mainstay.Scenarios;

/// <summary>One Mainstay with a model for every case of a catalogue in every mode, so that no case sees what another did.</summary>
public abstract class CatalogueHouse : IAsyncLifetime, IDisposable
{
    private const int AtOnce = 16;

    /// <summary>An attempt that was given up is cancelled so soon after the answer's end.</summary>
    private static readonly TimeSpan CancelledWithin = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, (string Model, FakeProvider[] Providers)> _places = [];
    private readonly Dictionary<string, Task<CallerAnswer>> _answers = [];
    private readonly SemaphoreSlim _free = new(AtOnce);

    private readonly IReadOnlyDictionary<string, (FaultCase Case, CallerMode Mode)> _cases;

    private protected CatalogueHouse(IReadOnlyDictionary<string, (FaultCase Case, CallerMode Mode)> cases) => _cases = cases;

    /// <summary>Servers that speak what the callers do.</summary>
    internal static IReadOnlyDictionary<string, (FaultCase Case, CallerMode Mode)> Plain { get; } = Named(c => c.Modes);

    /// <summary>Callers of openai, and servers of other APIs.</summary>
    internal static IReadOnlyDictionary<string, (FaultCase Case, CallerMode Mode)> Mapped { get; } = Named(c => c.MappedModes);

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
        foreach (var (name, (fault, mode)) in _cases)
        {
            var providers = fault.Servers.Select(_ => new FakeProvider()).ToArray();
            for (var i = 0; i < providers.Length; i++)
                fault.Servers[i](providers[i]);
            _places[name] = ($"m{models.Count}", providers);
            models.Add(new HouseModel(_places[name].Model, mode.Api, [.. providers.Select((p, i) => (p, Options(fault, mode, i)))])
            {
                Options = fault.ModelOptions,
            });
        }
        House = await ModelHouse.StartAsync(models);
    }

    public async Task DisposeAsync() => await House.DisposeAsync();

    public void Dispose()
    {
        _free.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Dictionary<string, (FaultCase Case, CallerMode Mode)> Named(Func<FaultCase, IEnumerable<CallerMode>> modes) =>
        FaultCases.All.SelectMany(c => modes(c).Select(mode => (c, mode))).ToDictionary(p => $"{p.mode}: {p.c.Name}");

    private static string Options(FaultCase fault, CallerMode mode, int at)
    {
        var api = mode.ServerApi(at);
        var options = api == mode.Api ? "" : api switch
        {
            "bedrock" => "api: bedrock, aws_region: us-east-1",
            "sagemaker" => "api: sagemaker, aws_region: us-east-1, body: openai, endpoint: fake-8b, model: fake-8b",
            _ => "api: " + api,
        };
        var more = fault.Options.ElementAtOrDefault(at) ?? "";
        if (more.Contains("model:", StringComparison.Ordinal))
            options = options.Replace(", model: fake-8b", "", StringComparison.Ordinal);
        return string.Join(", ", new[] { options, more }.Where(o => o.Length > 0));
    }

    private async Task<CallerAnswer> AskAsync(string name)
    {
        var (fault, mode) = _cases[name];
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

/// <summary>The house of the cases whose servers speak what the callers do.</summary>
public sealed class PlainCatalogue() : CatalogueHouse(Plain);

/// <summary>The house of the cases whose servers speak other APIs.</summary>
public sealed class MappedCatalogue() : CatalogueHouse(Mapped);
