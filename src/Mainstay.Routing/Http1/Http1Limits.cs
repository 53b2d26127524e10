namespace Mainstay.Routing.Http1;

/// <summary>Bounds of what one HTTP/1.1 connection may ask for: sizes in bytes, counts, and times.</summary>
public sealed record Http1Limits
{
    /// <summary>Bounds of the chunked bodies of answers.</summary>
    internal static Http1Limits OfAnswers { get; } = new();

    /// <summary>Longest request line; beyond it 414.</summary>
    public int RequestLine { get; init; } = 8 * 1024;

    /// <summary>All field lines of a request together; beyond it 431.</summary>
    public int HeaderSection { get; init; } = 32 * 1024;

    /// <summary>Most field lines of a request; beyond it 431. The same holds for trailers.</summary>
    public int Fields { get; init; } = 100;

    /// <summary>All trailer lines of a request together; beyond it 431.</summary>
    public int TrailerSection { get; init; } = 8 * 1024;

    /// <summary>Longest chunk extension; beyond it 400.</summary>
    public int ChunkExtension { get; init; } = 256;

    /// <summary>Bytes of a body nobody wanted that are read and thrown away to keep the connection.</summary>
    public int Drain { get; init; } = 256 * 1024;

    /// <summary>From the connection's start to its first byte, and from the first byte of each request to the end of its head.</summary>
    public TimeSpan Head { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Between an answer and the next request.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Between two parts of a request body, while somebody waits for them.</summary>
    public TimeSpan BodyProgress { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The same once the answer is complete and nobody wants the rest.</summary>
    public TimeSpan DrainProgress { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>All of that rest, however slowly it drips.</summary>
    public TimeSpan DrainTotal { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a caller may take nothing of its answer.</summary>
    public TimeSpan AnswerProgress { get; init; } = TimeSpan.FromSeconds(60);
}
