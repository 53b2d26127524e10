namespace Mainstay.Scenarios;

/// <summary>A fault of a provider, and what the caller must get all the same.</summary>
/// <param name="Name">Says what is wrong.</param>
/// <param name="Servers">What each server does, in the order of preference.</param>
internal sealed record FaultCase(string Name, params Action<FakeProvider>[] Servers)
{
    public Wanted Wanted { get; init; }

    /// <summary>Where an error is wanted: its status, and a part of its message.</summary>
    public (int Status, string Says) Error { get; init; } = (0, "");

    /// <summary>In which modes of calling it makes sense.</summary>
    public CallerMode[] Modes { get; init; } = CallerMode.All;

    /// <summary>Servers of these APIs, if callers speak another, do not have the fault, or cannot be asked so.</summary>
    public string[] NotOn { get; init; } = [];

    /// <summary>Further members of the request's body.</summary>
    public string Asks { get; init; } = "";

    public bool WithTools { get; init; }

    /// <summary>Further keys of each server.</summary>
    public string[] Options { get; init; } = [];

    /// <summary>A further line of the model.</summary>
    public string ModelOptions { get; init; } = "";

    /// <summary>True: the first server's attempt was given up and must be cancelled there.</summary>
    public bool IsAbandoned { get; init; }

    /// <summary>All of the answer must be here by then; on a machine with nothing else to do it takes far less.</summary>
    public TimeSpan Within { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>What the text must be; null: what all servers say.</summary>
    public string? Text { get; init; }

    /// <summary>The most requests that the first server may get from this one.</summary>
    public int MostAtFirst { get; init; } = 3;

    /// <summary>The servers that must not be asked at all, by their place.</summary>
    public int[] NotAsked { get; init; } = [];

    /// <summary>The modes with servers of other APIs that it makes sense in.</summary>
    public IEnumerable<CallerMode> MappedModes
    {
        get => field ?? CallerMode.Mapped.Where(m =>
            Modes.Any(own => own.IsOpenAi && own.IsStream == m.IsStream) && !Servers.Where((_, i) => NotOn.Contains(m.ServerApi(i))).Any());
        init;
    }

    public static Action<FakeProvider> Does(Fault fault) => provider => provider.Always(fault);

    public static Action<FakeProvider> Does(FaultKind kind, int after = 8) => Does(new Fault(kind) { After = after });

    public static Action<FakeProvider> Says(ProviderError error) => Does(Fault.Of(error));

    public static void Works(FakeProvider provider)
    {
        // As it is made.
    }
}

/// <summary>What must become of a request.</summary>
internal enum Wanted
{
    /// <summary>The whole answer, byte for byte, and its end.</summary>
    Complete,

    /// <summary>The whole call of a tool.</summary>
    Tool,

    /// <summary>One error in the API's own shape, with a status of its own.</summary>
    Error,

    /// <summary>A stream that has begun ends with one error event: no [DONE], no finish reason.</summary>
    ErrorEvent,
}
